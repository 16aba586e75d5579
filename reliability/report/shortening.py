"""Absolute paths and names of hosts stay out of results: each is shortened to what a reader needs.

Values of secrets are not shortened but refused: `reliability.report.secret_check`.
"""

import re
import socket
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_LOOPBACK: Final = re.compile(r"localhost|127\..*|::1")
_SPECIFIC: Final = re.compile(r".*[\d.:-].*")  # 'baseline' may be any word, 'ci-17' and 'metrics:9090' are hosts
_SHORTEST_HOST: Final = 4  # a machine called 'v2' stays as it is


def make_shortener(project: Path, *, addresses: Iterable[str], host: str | None = None) -> Callable[[Any], Any]:
    """Make the function that shortens every text in a notebook or in JSON data.

    Args:
        project: Shown as a dot.
        addresses: URLs of servers; their hosts are hidden but for those of this machine.
        host: Name of this machine; asked from the system by default.

    Returns:
        It copies what it is given, without paths and hosts.
    """
    shown = _folders(project) | dict.fromkeys(_hosts(addresses, host or socket.gethostname()), "[host]")
    longest_first = sorted(shown, key=len, reverse=True)  # a folder inside another one is named by its own
    pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")

    def shorten(node: Any) -> Any:
        if isinstance(node, str):
            return pattern.sub(lambda found: shown[found[0]], node)
        if isinstance(node, dict):
            return type(node)({key: shorten(value) for key, value in node.items()})
        return [shorten(value) for value in node] if isinstance(node, list) else node

    return shorten


def _folders(project: Path) -> dict[str, str]:
    paths = sysconfig.get_paths()
    folders = {
        Path(paths["stdlib"]): "python",
        Path(paths["purelib"]): "site-packages",
        Path(paths["platlib"]): "site-packages",
        Path(tempfile.gettempdir()): "[tmp]",
        Path.home(): "~",
        project: ".",
    }
    every = ((path, shown) for folder, shown in folders.items() for path in (folder, folder.resolve()))
    return {str(path): shown for path, shown in every if len(path.parts) > 1}  # the root is no secret


def _hosts(addresses: Iterable[str], host: str) -> set[str]:
    hosts = {host, host.partition(".")[0]}
    for parts in map(urlsplit, addresses):
        if parts.hostname and not _LOOPBACK.fullmatch(parts.hostname):
            hosts |= {parts.hostname, parts.netloc}
    return {name for name in hosts if len(name) >= _SHORTEST_HOST and _SPECIFIC.fullmatch(name)}
