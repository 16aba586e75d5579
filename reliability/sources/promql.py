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
from reliability.sources.promql_strings import quote, read_string

_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR: Final = re.compile(r"=~|!~|!=|=")
_BLANK: Final = re.compile(r"[ \t\r\n]*")
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
        SelectorError: A part is not valid PromQL.
    """

    name: str
    op: str
    value: str

    def __post_init__(self) -> None:
        """Refuse what a server would refuse, before anything is sent."""
        if not _LABEL_NAME.fullmatch(self.name):
            raise SelectorError(
                f"'{self.name}' is no label name; it takes letters, digits and _, and no digit in front."
            )
        if not _OPERATOR.fullmatch(self.op):
            raise SelectorError(f"'{self.op}' is no matcher operator; use =, !=, =~ or !~.")
        quote(self.value)
        if self.op in ("=~", "!~"):
            _compiled(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series with these labels is selected; a missing label is empty text."""
        value = labels.get(self.name, "")
        if self.op in ("=", "!="):
            return (value == self.value) is (self.op == "=")
        return (_compiled(self.value).fullmatch(value) is not None) is (self.op == "=~")

    def promql(self) -> str:
        """Print the matcher; no value can break out of its quotes."""
        return f"{self.name}{self.op}{quote(self.value)}"


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
    try:
        return _parse(text)
    except SelectorError as err:
        raise SelectorError(
            f'{where} reads {_shown(text)}. {err.args[0]} Write matchers as in arm="canary", code=~"5..".'
        ) from err


def print_matchers(matchers: Sequence[Matcher]) -> str:
    """Print matchers as a list without braces; `parse_matchers` reads it back."""
    return ", ".join(matcher.promql() for matcher in matchers)


def check_metric_name(name: str, *, where: str = "the metric name") -> str:
    """Return `name` when it is a metric name.

    Raises:
        SelectorError: It is not.
    """
    if not _METRIC_NAME.fullmatch(name):
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
    return f"{{{print_matchers([names, *matchers])}}}[{seconds}s]"


def _parse(text: str) -> tuple[Matcher, ...]:
    at = _skip_blank(text, 0)
    braced = text.startswith("{", at)
    end = "}" if braced else ""
    at = _skip_blank(text, at + braced)
    found: list[Matcher] = []
    while at < len(text) and not (end and text.startswith(end, at)):
        matcher, at = _parse_one(text, at)
        found.append(matcher)
        at = _skip_blank(text, at)
        if not text.startswith(",", at):
            break
        at = _skip_blank(text, at + 1)
    if braced and not text.startswith(end, at):
        raise SelectorError(f"A comma or }} is expected {_place(text, at)}.")
    rest = _skip_blank(text, at + len(end))
    if rest < len(text):
        raise SelectorError(f"A comma or the end is expected {_place(text, rest)}.")
    return tuple(found)


def _parse_one(text: str, at: int) -> tuple[Matcher, int]:
    name = _LABEL_NAME.match(text, at)
    if name is None:
        raise SelectorError(f"A label name is expected {_place(text, at)}.")
    at = _skip_blank(text, name.end())
    operator = _OPERATOR.match(text, at)
    if operator is None:
        raise SelectorError(f"=, !=, =~ or !~ is expected {_place(text, at)}.")
    value, end = read_string(text, _skip_blank(text, operator.end()))
    return Matcher(name=name.group(), op=operator.group(), value=value), end


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


def _skip_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _place(text: str, at: int) -> str:
    return f"at character {at + 1}" if at < len(text) else "at the end"


def _shown(text: str) -> str:
    clipped = text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 -- one line of a message
    return repr(clipped)
