"""Classes why a test failed or was skipped, from its message: something outside is absent, it took too long, or else.

The message is all there is, so a class is a good guess and not a proof: an assertion that merely quotes
`Connection refused` stays `other`. What isolating such tests would give belongs to `reliability.phase.suites`.
"""

import re
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Why a test did not pass."""

    MISSING_MODULE = "missing-module"
    REFUSED_CONNECTION = "refused-connection"
    MISSING_PROGRAM = "missing-program"
    TIMEOUT = "timeout"
    OTHER = "other"


OUTSIDE: Final = frozenset({Cause.MISSING_MODULE, Cause.REFUSED_CONNECTION, Cause.MISSING_PROGRAM})

_MODULE: Final = re.compile(r"No module named '?([\w.]+)|could not import '([\w.]+)'", re.IGNORECASE)
_OWN_CLAIM: Final = re.compile(r"\s*(?:E\s+)?(?:AssertionError\b|assert\b)")
_SERVICE: Final = (
    r"(?:services?|servers?|databases?|network|internet|docker|postgres\w*|psycopg\w*|mysql|mariadb|redis|mongo\w*|kafka"
    r"|rabbitmq|elasticsearch|prometheus|alertmanager|spacy)"
)
_SIGNS: Final = {
    Cause.MISSING_MODULE: (
        "ModuleNotFoundError",
        "No module named",
        "could not import '",
        "Can't find model '",
        "cannot open shared object file",
        "DLL load failed",
    ),
    Cause.REFUSED_CONNECTION: (
        "Connection ?refused",
        "could not connect to",
        "cannot connect to",
        "could not translate host name",
        "Name or service not known",
        "name resolution",
        "getaddrinfo failed",
        "No route to host",
        "Network is unreachable",
        "connection (?:to server )?at .{1,200} failed",
        "Max retries exceeded",
        "NewConnectionError",
        "ServerSelectionTimeout",
        "ConnectTimeout",
        "Connection timed out",
        "All connection attempts failed",
    ),
    Cause.MISSING_PROGRAM: (
        r"No such file or directory: '[\w-]+'",
        "command not found",
        "executable file not found",
        r"not (?:on|in) (?:the |your )?PATH\b",
        r"\bno [\w-]+ on this machine",
        "executable doesn't exist",
    ),
    Cause.TIMEOUT: (
        r"Timeout \(?>",
        "TimeoutError",
        "TimeoutExpired",
        "ReadTimeout",
        r"\btimed out\b",
        "deadline exceeded",
    ),
}
_PATTERNS: Final = {cause: re.compile("|".join(signs), re.IGNORECASE) for cause, signs in _SIGNS.items()}
_ABSENT: Final = re.compile(  # reasons that people write on their skips
    rf"\b(?:needs|requires?|without|no|missing)\b.{{0,60}}\b{_SERVICE}\b|\b{_SERVICE}\b.{{0,60}}\b(?:absent|missing"
    r"|required|needed|down|offline|unavailable|unreachable|not (?:installed|available|reachable|running|found|set))\b"
    r"|\bnot installed\b",
    re.IGNORECASE,
)


def cause_of(text: str) -> Cause:
    """Class the message of a failure, an error or a skip.

    Args:
        text: Message as pytest wrote it; data, never a program.

    Returns:
        The first class whose signs the message shows; OTHER for an assertion of the test's own.
    """
    if _OWN_CLAIM.match(text):
        return Cause.OTHER
    return next((cause for cause, pattern in _PATTERNS.items() if pattern.search(text)), Cause.OTHER)


def is_outside(text: str) -> bool:
    """Tell whether a test did not pass because a library, a program or a service was absent.

    Args:
        text: Message of a failure, an error or a skip, or the reason that people gave for a skip.

    Returns:
        True for the three classes of `OUTSIDE` and for reasons such as "needs PostgreSQL"; False for platforms
        and versions ("requires Python 3.12"), which no service would change.
    """
    if _OWN_CLAIM.match(text):
        return False
    return cause_of(text) in OUTSIDE or _ABSENT.search(text) is not None


def missing_module(text: str) -> str | None:
    """Tell which module a message misses.

    Args:
        text: Message of a failure, an error or a skip.

    Returns:
        Its dotted name; None when the message names none.
    """
    found = _MODULE.search(text)
    return (found[1] or found[2]) if found else None
