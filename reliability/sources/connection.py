"""Which server is asked, with which name on pages, and with which credentials.

Settings and the files and variables they name come in; `reliability.sources.prometheus`
sends what a connection holds. Credentials belong to the configured address alone: any
other address gets none.
"""

import base64
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reliability.errors import SecretError, SettingsError, UsageError
from reliability.settings import PrometheusSettings, check_address

CONFIGURED: Final = "prometheus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A server and the way to it.

    Attributes:
        url: Address; with a path prefix where there is one.
        name: What pages and messages call it.
        deadline_seconds: Longest wait for one query, all tries together.
        headers: Headers of every request, credentials among them; never shown.
        ca_file: Certificates to trust; None for those of the machine.
        client_certificate: Files of the own certificate and its key.
        proxy: Address of a proxy; a server on this machine is asked without it.

    Raises:
        UsageError: `url` is no address of a server, or carries credentials.
    """

    url: str
    name: str = "Prometheus"
    deadline_seconds: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str | None = None
    client_certificate: tuple[str, str] | None = None
    proxy: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no address before anything is sent, without repeating it."""
        try:
            object.__setattr__(self, "url", check_address(self.url))
        except ValueError as err:
            raise UsageError(f"the address of a Prometheus is not one; {err}.") from err

    @property
    def host(self) -> str:
        """Host of the address."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def shown(self) -> str:
        """Its name for messages; the address is added only where it gives no host away."""
        return f"{self.name} at {self.url}" if self.is_loopback else self.name


def connect(settings: PrometheusSettings, source: str, *, project: Path, environ: Mapping[str, str]) -> Connection:
    """Say how a source is reached.

    Args:
        settings: The section `[prometheus]`.
        source: `prometheus` for the configured address, or an address.
        project: Folder that relative file names start from.
        environ: Environment variables that may hold secrets.

    Returns:
        The connection; with credentials only when the address is the configured one.

    Raises:
        SettingsError: No address is configured, or a certificate cannot be read.
        SecretError: A secret cannot be read.
        UsageError: `source` is no address.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted = _usable((settings.ca_file,), project, option="ca_file", load=tls.load_verify_locations)
    ca_file = trusted[0] if trusted else None
    if source != CONFIGURED and source.rstrip("/") != settings.url:
        return Connection(url=source, deadline_seconds=settings.deadline_seconds, ca_file=ca_file, proxy=settings.proxy)
    if settings.url is None:
        raise SettingsError(
            'the source is prometheus, but no address is set; write url = "http://host:9090" under [prometheus] '
            "in reliability.toml."
        )
    named = (settings.client_certificate_file, settings.client_key_file)
    load = partial(tls.load_cert_chain, password=str)  # no passphrase: nobody may sit at the terminal
    certificate = _usable(named, project, option="client_certificate_file", load=load)
    return Connection(
        url=settings.url,
        name=settings.name,
        deadline_seconds=settings.deadline_seconds,
        headers=_headers(settings, project, environ),
        ca_file=ca_file,
        client_certificate=(certificate[0], certificate[1]) if certificate else None,
        proxy=settings.proxy,
    )


def _headers(settings: PrometheusSettings, project: Path, environ: Mapping[str, str]) -> dict[str, str]:
    headers = {} if settings.tenant is None else {"X-Scope-OrgID": settings.tenant}
    for secret in settings.secrets:
        value = secret.read(project=project, environ=environ)
        if settings.username:
            login = base64.b64encode(f"{settings.username}:{value}".encode()).decode("ascii")
            headers["Authorization"] = f"Basic {login}"
        elif value.isascii() and " " not in value:
            headers["Authorization"] = f"Bearer {value}"
        else:
            raise SecretError(
                f"{secret.option}: the {secret.place} holds no bearer token, which has no spaces and no accents; "
                f"write the token alone, without the word Bearer."
            )
    return headers


def _usable(
    names: tuple[str | None, ...], project: Path, *, option: str, load: Callable[..., object]
) -> tuple[str, ...]:
    """Return the whole names of files of certificates after a look into them; nothing when none is named."""
    files = tuple(str(project / name) for name in names if name is not None)
    try:
        if files:
            load(*files)
    except (OSError, ValueError) as err:  # errors of ssl are such errors too
        reason = getattr(err, "reason", None) or getattr(err, "strerror", None) or type(err).__name__
        raise SettingsError(
            f"prometheus.{option}: {' and '.join(map(str, names))} cannot be used ({reason}); "
            f"name PEM files with whole certificates, and a key that fits and has no passphrase."
        ) from err
    return files
