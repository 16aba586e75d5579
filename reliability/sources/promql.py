"""Label matchers and range selectors: read strictly, matched in Python, printed safely.

Users type matchers (`arm="canary", code=~"5.."`); captures are searched with them here
and servers with the text printed here, so both must mean the same. Fetching and counting
do not belong here.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reliability.errors import SelectorError

METRIC_NAME: Final = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL_NAME: Final = r"[a-zA-Z_][a-zA-Z0-9_]*"
_CODE: Final = r"[abfnrtv\\] | [0-3][0-7]{2} | x[0-9a-fA-F]{2} | u[0-9a-fA-F]{4} | U[0-9a-fA-F]{8}"  # as Go has them
_STRING: Final = rf"""
    " (?: [^"\\\n\ud800-\udfff] | \\ (?: {_CODE} | " ) )* "
  | ' (?: [^'\\\n\ud800-\udfff] | \\ (?: {_CODE} | ' ) )* '
  | ` [^`\ud800-\udfff]* `
"""
_MATCHER: Final = re.compile(
    rf"\s* (?P<name> {_LABEL_NAME}) \s* (?P<op> =~|!~|!=|=) \s* (?P<value> {_STRING}) \s* (?: , \s* | $ )",
    re.VERBOSE,
)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPE: Final = re.compile(rb"\\(?: ([0-7]{3}) | x(..) | u(.{4}) | U(.{8}) | (.) )", re.VERBOSE)
_LETTERS: Final = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
# What Python's `re` takes and RE2, the server's engine, refuses or reads otherwise.
_NOT_RE2: Final = re.compile(
    r"""\(\?(?![:PimsU<-]) | \(\?<[=!] | \(\?P[=>] | \(\?[a-zA-Z-]*[aLux] | \\[1-9Z] | [*+?}]\+ | \{,""",
    re.VERBOSE,
)
_POSIX_CLASS: Final = re.compile(r"\[:\^?[a-z]+:\]")
_ESCAPED: Final = re.compile(r"\\[^1-9Z]", re.DOTALL)
_CLASS: Final = re.compile(r"\[\^?\]?[^\]]*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One condition on a label.

    Attributes:
        name: Label name.
        op: `=`, `!=`, `=~` or `!~`.
        value: Text, or for `=~` and `!~` a regular expression in RE2 syntax.

    Raises:
        SelectorError: The value is no regular expression that RE2 takes.
    """

    name: str
    op: str
    value: str

    def __post_init__(self) -> None:
        """Refuse what a server would refuse, before anything is sent."""
        if self.op in ("=~", "!~"):
            _compiled(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series with these labels is selected; a missing label is empty text."""
        value = labels.get(self.name, "")
        found = value == self.value if self.op in ("=", "!=") else bool(_compiled(self.value).fullmatch(value))
        return found is not self.op.startswith("!")

    def promql(self) -> str:
        """Print the matcher; no value can break out of its quotes, or act upon a terminal."""
        escaped = "".join(_ESCAPES.get(character) or _printable(character) for character in self.value)
        return f'{self.name}{self.op}"{escaped}"'


def parse_matchers(text: str, *, where: str = "the matcher list") -> tuple[Matcher, ...]:
    """Read a list of label matchers.

    Args:
        text: For example `arm="canary", code=~"5.."`, with or without braces around it;
            an empty text gives no matcher.
        where: What the text is, for the message: a parameter or a file.

    Returns:
        The matchers in their order.

    Raises:
        SelectorError: The text is not valid; the message names value, place and cure.
    """
    listed = text.strip()
    if listed.startswith("{") and listed.endswith("}"):
        listed = listed[1:-1].strip()
    found: list[Matcher] = []
    at = 0
    while at < len(listed):
        match = _MATCHER.match(listed, at)
        if match is None:
            raise SelectorError(
                f"{where} reads {_shown(text)}, which cannot be read from {_shown(listed[at:])} on; write "
                f'matchers as in arm="canary", code=~"5..", and a backslash in quotes as two.'
            )
        try:
            found.append(Matcher(name=match["name"], op=match["op"], value=_unquoted(match["value"])))
        except SelectorError as err:
            raise SelectorError(f"{where} reads {_shown(text)}. {err.args[0]}") from err
        at = match.end()
    return tuple(found)


def check_metric_name(name: str, *, where: str = "the metric name") -> str:
    """Return `name` when it is a metric name.

    Raises:
        SelectorError: It is not.
    """
    if not re.fullmatch(METRIC_NAME, name):
        raise SelectorError(
            f"{where}: {_shown(name)} is no metric name; give the bare name, "
            f"for example http_request_duration_seconds, without labels and functions."
        )
    return name


def range_selector(*, metrics: Sequence[str], matchers: Sequence[Matcher], seconds: int) -> str:
    """Print the range selector that fetches raw samples of several metrics.

    Args:
        metrics: Exact metric names, at least one.
        matchers: Conditions on the labels.
        seconds: Length of the range.

    Returns:
        For example `{__name__=~"a|b", arm="canary"}[1320s]`.

    Raises:
        SelectorError: A name is not valid.
    """
    names = Matcher(name="__name__", op="=~", value="|".join(check_metric_name(name) for name in metrics))
    return f"{{{', '.join(matcher.promql() for matcher in (names, *matchers))}}}[{seconds}s]"


def _unquoted(quoted: str) -> str:
    inside = quoted[1:-1]
    if quoted.startswith("`"):
        return inside
    try:
        return _ESCAPE.sub(_meant, inside.encode()).decode()
    except (ValueError, OverflowError) as err:
        raise SelectorError(f"The value {_shown(quoted)} has escapes that are no text in UTF-8; mend them.") from err


def _meant(escape: re.Match[bytes]) -> bytes:
    octal, byte, short, long, letter = escape.groups()
    if letter:
        return bytes([_LETTERS.get(letter[0], letter[0])])
    if octal or byte:
        return bytes([int(octal, 8) if octal else int(byte, 16)])
    return chr(int(short or long, 16)).encode()


def _printable(character: str) -> str:
    """Return a character, or its escape when it cannot be seen; beyond ASCII a single byte would be half a letter."""
    if character.isprintable():
        return character
    return f"\\x{ord(character):02x}" if character.isascii() else f"\\U{ord(character):08x}"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Escaped pairs and classes may hold anything: `\(?=` is no look-ahead, `[*+]` no possessive count.
    bare = _ESCAPED.sub("..", pattern)
    foreign = _POSIX_CLASS.search(bare) or _NOT_RE2.search(_CLASS.sub(".", bare))
    if foreign:
        raise SelectorError(
            f"The regular expression {_shown(pattern)} uses {_shown(foreign.group())}, which Prometheus "
            f"(RE2) does not take, or not the same way; do without look-around and back references."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `[[a]` may once mean more to Python, not to RE2
            return re.compile(pattern, re.ASCII | re.DOTALL)
    except (re.error, OverflowError, RecursionError) as err:
        raise SelectorError(
            f"The regular expression {_shown(pattern)} cannot be read ({err}); "
            f"escape special characters with a backslash."
        ) from err


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")  # noqa: PLR2004 -- one line of a message
