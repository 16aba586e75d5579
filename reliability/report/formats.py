"""Numbers and instants as a reader of one language expects them.

Templates and catalogues use these methods as filters. They take plain numbers and ISO
instants and give plain text; words beside the numbers belong to `reliability.report.words`.
A missing number (None) is written as a dash, never as zero.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final

from babel.dates import format_datetime
from babel.numbers import format_decimal

from reliability.clock import parse_instant

LOCALES: Final[Mapping[str, str]] = MappingProxyType({"en": "en_GB", "es": "es_ES"})
NO_BREAK: Final = "\u00a0"
MINUS: Final = "\u2212"
MISSING: Final = "\u2013"
_RANGE_DASH: Final = "\u2013"
_NO_BREAK_DASH: Final = "\u2060\u2013\u2060"  # a line never breaks between two times of day
_FILTER_NAMES: Final = (
    "number", "percent", "signed_percent", "points", "ms", "seconds", "duration", "minutes", "instant", "day",
    "clock", "interval", "plural",
)  # fmt: skip


class Formats:
    """Formats of one language.

    Attributes:
        language: Language code, a key of `LOCALES`.
        locale: Babel locale whose number and date habits are followed.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = LOCALES[language]

    def filters(self) -> dict[str, object]:
        """Return the filters by their names in templates."""
        return {name: getattr(self, name) for name in _FILTER_NAMES}

    def number(self, value: float | None, digits: int = 0) -> str:
        """Write a number with grouped thousands and a fixed number of decimals."""
        if value is None:
            return MISSING
        rounded = _round(value, digits)
        return _sign(rounded) + self._decimal(abs(rounded), digits)

    def percent(self, fraction: float | None, digits: int = 1) -> str:
        """Write a fraction as a percentage; "100" only when it is all of it."""
        if fraction is None:
            return MISSING
        rounded = _round(fraction * 100, digits)
        if rounded == 100 and fraction < 1:  # noqa: PLR2004 -- per cent
            rounded -= Decimal(1).scaleb(-digits)
        return _sign(rounded) + self._percent(abs(rounded), digits)

    def signed_percent(self, fraction: float | None, digits: int = 1) -> str:
        """Write a relative change, always with its sign."""
        if fraction is None:
            return MISSING
        rounded = _round(fraction * 100, digits)
        return _full_sign(rounded) + self._percent(abs(rounded), digits)

    def points(self, fraction: float | None, digits: int = 2, unit: bool = True) -> str:
        """Write a difference of two fractions in percentage points, with its sign."""
        if fraction is None:
            return MISSING
        rounded = _round(fraction * 100, digits)
        return f"{_full_sign(rounded)}{self._decimal(abs(rounded), digits)}" + (f"{NO_BREAK}pp" if unit else "")

    def ms(self, seconds: float | None, digits: int | None = None) -> str:
        """Write seconds as milliseconds; without `digits`, three figures are kept."""
        if seconds is None:
            return MISSING
        milliseconds = seconds * 1000
        kept = digits if digits is not None else _figures(milliseconds)
        return f"{self.number(milliseconds, kept)}{NO_BREAK}ms"

    def seconds(self, value: float | None, digits: int = 1) -> str:
        """Write seconds with their unit."""
        return MISSING if value is None else f"{self.number(value, digits)}{NO_BREAK}s"

    def minutes(self, value: float | None, digits: int = 0) -> str:
        """Write minutes with their unit."""
        return MISSING if value is None else f"{self.number(value, digits)}{NO_BREAK}min"

    def duration(self, seconds: float | None) -> str:
        """Write a length of time in the units that people say: `11 min 42 s`."""
        if seconds is None:
            return MISSING
        if seconds < 59.95:  # noqa: PLR2004 -- what one decimal still shows below a minute
            tenths = round(float(seconds), 1)
            return self.seconds(tenths, 0 if tenths.is_integer() else 1)
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:  # noqa: PLR2004 -- minutes an hour
            return _join(self.minutes(minutes), self.seconds(rest, 0) if rest else "")
        hours, minutes = divmod(round(seconds / 60), 60)
        return _join(f"{self.number(hours)}{NO_BREAK}h", self.minutes(minutes) if minutes else "")

    def instant(self, at: str | datetime | None) -> str:
        """Write an instant in UTC: `22 Nov 2026, 10:06 UTC`."""
        return MISSING if at is None else f"{self._when(at, 'd MMM y, HH:mm')}{NO_BREAK}UTC"

    def day(self, at: str | datetime | None) -> str:
        """Write the UTC day of an instant: `22 Nov 2026`."""
        return MISSING if at is None else self._when(at, "d MMM y")

    def clock(self, at: str | datetime | None) -> str:
        """Write the UTC time of day of an instant: `10:06`."""
        return MISSING if at is None else self._when(at, "HH:mm")

    def span(self, start: str | datetime, end: str | datetime) -> str:
        """Write a window: `22 Nov 2026, 09:00-10:00 UTC`, with both days when they differ."""
        if self.day(start) == self.day(end):
            return f"{self._when(start, 'd MMM y, HH:mm')}{_NO_BREAK_DASH}{self.clock(end)}{NO_BREAK}UTC"
        return f"{self._when(start, 'd MMM y, HH:mm')} {_RANGE_DASH} {self.instant(end)}"

    def interval(self, text: str | None) -> str:
        """Write an ISO 8601 interval as a window; text that is none stays as it is."""
        if text is None:
            return MISSING
        start, _, end = text.partition("/")
        try:
            return self.span(start.strip(), end.strip())
        except ValueError:
            return text

    @staticmethod
    def plural(count: float | None, one: str, many: str) -> str:
        """Choose the word that goes with a count."""
        return one if count == 1 else many

    def _decimal(self, value: Decimal, digits: int) -> str:
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(value, format=pattern, locale=self.locale))

    def _percent(self, value: Decimal, digits: int) -> str:
        return self._decimal(value, digits) + ("%" if self.language == "en" else f"{NO_BREAK}%")

    def _when(self, at: str | datetime, pattern: str) -> str:
        instant = parse_instant(at) if isinstance(at, str) else at.astimezone(UTC)
        return str(format_datetime(instant, pattern, locale=self.locale))


def _round(value: float, digits: int) -> Decimal:
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _sign(value: Decimal) -> str:
    return MINUS if value < 0 else ""


def _full_sign(value: Decimal) -> str:
    if value == 0:
        return ""
    return "+" if value > 0 else MINUS


def _figures(milliseconds: float) -> int:
    size = abs(milliseconds)
    if size >= 99.95:  # noqa: PLR2004 -- three figures are kept
        return 0
    return 1 if size >= 9.995 else 2  # noqa: PLR2004 -- three figures are kept


def _join(first: str, second: str) -> str:
    return f"{first} {second}" if second else first
