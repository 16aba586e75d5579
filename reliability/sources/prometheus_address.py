"""The address of a Prometheus: credentials taken out of it, and kept out of every text.

Asking the server is the business of `reliability.sources.prometheus`.
"""

import base64
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from reliability.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is, and who asks.

    Attributes:
        url: Base address without credentials, for example `http://prometheus:9090`.
        credentials: User and password for basic authentication, or None.
    """

    url: str
    credentials: tuple[bytes, bytes] | None = field(default=None, repr=False)

    def hide(self, text: str) -> str:
        """Take the password out of a text, in every form in which it travels."""
        if self.credentials is None or not self.credentials[1]:
            return text
        user, password = self.credentials
        plain = password.decode()
        forms = (base64.b64encode(user + b":" + password).decode(), quote(plain, safe=""), plain)
        for form in forms:
            text = text.replace(form, "***")
        return text


def parse_address(text: str) -> Address:
    """Read the address of a Prometheus.

    Args:
        text: URL with http or https; a path prefix and `user:password@` are allowed.

    Returns:
        The address.

    Raises:
        UsageError: It is no such URL; the message shows no credentials.
    """
    try:
        parts = urlsplit(text.strip())
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise UsageError(f"{_without_credentials(text)!r} is no address of a Prometheus; write it as http://host:9090.")
    host = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    if parts.query or parts.fragment:
        raise UsageError(f"the address {url} has more behind its path; give only {url}.")
    if parts.username is None:
        return Address(url=url)
    user, password = unquote(parts.username), unquote(parts.password or "")
    return Address(url=url, credentials=(user.encode(), password.encode()))


def _without_credentials(text: str) -> str:
    head, at, tail = text.rpartition("@")
    scheme = head.partition("//")[0] + "//" if "//" in head else ""
    return scheme + tail if at else text
