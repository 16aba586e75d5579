"""Which server is asked, with which name on pages, and with which credentials.

Settings and the files and variables they name come in; `reliability.sources.prometheus`
sends what a connection holds. Credentials belong to the configured address alone: any
other address gets none.
"""

import base64
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reliability.credentials import Secret
from reliability.errors import SecretError, SettingsError, UsageError
from reliability.settings import PrometheusSettings

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
            parts = urlsplit(self.url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or "@" in self.url or parts.query or parts.fragment:
            raise UsageError("the address of a Prometheus is written as http://host:9090, without user and query.")
        object.__setattr__(self, "url", self.url.rstrip("/"))

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
    ca_file = _check_ca(settings.ca_file, project)
    if source != CONFIGURED and source.rstrip("/") != settings.url:
        return Connection(url=source, deadline_seconds=settings.deadline_seconds, ca_file=ca_file, proxy=settings.proxy)
    if settings.url is None:
        raise SettingsError(
            'the source is prometheus, but no address is set; write url = "http://host:9090" under [prometheus] '
            "in reliability.toml."
        )
    return Connection(
        url=settings.url,
        name=settings.name,
        deadline_seconds=settings.deadline_seconds,
        headers=_headers(settings, project, environ),
        ca_file=ca_file,
        client_certificate=_check_certificate(settings, project),
        proxy=settings.proxy,
    )


def _headers(settings: PrometheusSettings, project: Path, environ: Mapping[str, str]) -> dict[str, str]:
    headers = {} if settings.tenant is None else {"X-Scope-OrgID": _header_text(settings.tenant)}
    for secret in settings.secrets:
        value = secret.read(project=project, environ=environ)
        headers["Authorization"] = _basic(settings.username, value) if settings.username else _bearer(secret, value)
    return headers


def _header_text(tenant: str) -> str:
    if not tenant.isascii() or not tenant.isprintable() or tenant != tenant.strip():
        raise SettingsError(
            f"prometheus.tenant reads {tenant!r}; a header carries plain letters, digits and signs only."
        )
    return tenant


def _basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode('ascii')}"


def _bearer(secret: Secret, token: str) -> str:
    if not token.isascii() or " " in token:
        raise SecretError(
            f"{secret.option}: the {secret.place} holds no bearer token, which has no spaces and no accents; "
            f"write the token alone, without the word Bearer."
        )
    return f"Bearer {token}"


def _check_ca(name: str | None, project: Path) -> str | None:
    if name is None:
        return None
    try:
        ssl.create_default_context(cafile=project / name)
    except OSError as err:  # errors of ssl are such errors too
        raise SettingsError(f"prometheus.ca_file: {name} holds no certificates ({_reason(err)}); mend it.") from err
    return str(project / name)


def _check_certificate(settings: PrometheusSettings, project: Path) -> tuple[str, str] | None:
    certificate, key = settings.client_certificate_file, settings.client_key_file
    if certificate is None or key is None:
        return None
    files = (str(project / certificate), str(project / key))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*files, password=_no_passphrase)
    except (OSError, ValueError) as err:
        raise SettingsError(
            f"prometheus.client_certificate_file and client_key_file: {certificate} and {key} are no certificate with "
            f"its key, without a passphrase ({_reason(err)}); mend them."
        ) from err
    return files


def _no_passphrase() -> str:
    """Answer instead of the terminal, where nobody may sit."""
    return ""


def _reason(error: Exception) -> str:
    """Return the system's words, which hold no path."""
    return (isinstance(error, OSError) and (getattr(error, "reason", None) or error.strerror)) or type(error).__name__
