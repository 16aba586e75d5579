"""Absolute paths and names of hosts stay out of results: each is shortened to what a reader needs.

Values of secrets are not shortened but refused: `reliability.report.secret_check`.
"""

import os
import re
import socket
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_LOOPBACK: Final = re.compile(r"localhost|127\..*|::1")
_SPECIFIC: Final = re.compile(r".*[\d._:-].*")  # 'metrics' may be any word, 'ci-17' and 'metrics:9090' are hosts
_SHORTEST_HOST: Final = 4  # a machine called 'v2' stays as it is
_SHORTEST_WORD: Final = 8  # characters of a word that is taken for a host
_OUR_WORDS: Final = (  # those of our pages and JSON, which a cut would break
    "absolute baseline branches checkout comparison complete conditions configuration coverage credentials database "
    "dependencies deployment duration evidence experiment exposure external fraction headline histogram immediate "
    "imported increase increments interval language localhost markdown matchers metadata notebook notebooks papermill "
    "parameter parameters percentage production progress prometheus provenance readiness relative releases "
    "reliability replicas requests restarts rollback selector sequence settings statements templates thresholds "
    "undecided verification versions warnings"
)
_EVERYWHERE: Final = ("/bin/", "/dev/", "/etc/", "/lib/", "/proc/", "/sys/", "/usr/")  # tell nothing of a machine
_PATH: Final = re.compile(r"(?:(?<=file://)|(?<![\w.~/\]-]))(?:/[\w.@+-]+)+(?<!\.)")


def make_shortener(project: Path, *, addresses: Iterable[str], host: str | None = None) -> Callable[[Any], Any]:
    """Make the function that shortens every text in a notebook or in JSON data.

    Args:
        project: Shown as a dot; of any other path that exists here only the last name is shown.
        addresses: URLs of servers; their hosts are hidden but for those of this machine.
        host: Name of this machine; asked from the system by default.

    Returns:
        It copies what it is given, without paths and hosts.
    """
    shown = _folders(project) | dict.fromkeys(_hosts(addresses, host or socket.gethostname()), "[host]")
    longest_first = sorted(shown, key=len, reverse=True)  # a folder inside another one is named by its own
    known = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")
    is_here = cache(_is_here)

    def shorten_path(found: re.Match[str]) -> str:
        return Path(found[0]).name if is_here(found[0]) else found[0]

    def shorten(node: Any) -> Any:
        if isinstance(node, str):
            return _PATH.sub(shorten_path, known.sub(lambda found: shown[found[0]], node))
        if isinstance(node, dict):
            return type(node)({key: shorten(value) for key, value in node.items()})
        return [shorten(value) for value in node] if isinstance(node, list) else node

    return shorten


def _is_here(path: str) -> bool:
    """Tell a path of this machine from a route of a service; a file that was sought in vain has its folder here."""
    folder, exists = Path(path).parent, os.path.exists  # which no name makes raise, unlike Path.exists
    if path.startswith(_EVERYWHERE):
        return False
    return folder.name != "" and (exists(path) or (folder.parent.name != "" and exists(folder)))


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
    return {name for name in hosts if (_SPECIFIC.fullmatch(name) and len(name) >= _SHORTEST_HOST) or _is_host(name)}


def _is_host(word: str) -> bool:
    return len(word) >= _SHORTEST_WORD and word.lower() not in _OUR_WORDS.split()
