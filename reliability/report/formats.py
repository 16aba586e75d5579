"""Numbers and instants as a reader of one language expects them.

Templates and catalogues use these methods as filters. They take plain numbers and ISO
instants and give plain text; words beside the numbers belong to `reliability.report.words`.
A missing number (None) is written as a dash, never as zero.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final

from babel.dates import format_datetime
from babel.numbers import format_decimal

from reliability.clock import parse_instant

LOCALES: Final[Mapping[str, str]] = MappingProxyType({"en": "en_GB", "es": "es_ES"})
NO_BREAK: Final = "\u00a0"
MINUS: Final = "\u2212"
DASH: Final = "\u2013"  # also stands for a missing number
_NO_BREAK_DASH: Final = f"\u2060{DASH}\u2060"  # a line never breaks between two times of day
_HOURS_AS_DAYS: Final = 1000  # a clock that is years off
_FILTER_NAMES: Final = (
    "number", "percent", "level", "exact", "signed_percent", "points", "ms", "seconds", "duration", "minutes",
    "instant", "day", "clock", "interval", "plural",
)  # fmt: skip


class Formats:
    """Formats of one language, by the number and date habits of its Babel locale."""

    def __init__(self, language: str) -> None:
        self._locale = LOCALES[language]
        self._percent_sign = "%" if language == "en" else f"{NO_BREAK}%"

    def filters(self) -> dict[str, object]:
        """Return the filters by their names in templates."""
        return {name: getattr(self, name) for name in _FILTER_NAMES}

    def number(self, value: float | None, digits: int = 0, *, scale: int = 1, unit: str = "", plus: str = "") -> str:
        """Write a number with grouped thousands and a fixed number of decimals.

        Args:
            value: The number, or None for a dash.
            digits: Decimals, rounded half up.
            scale: What the number is multiplied with first.
            unit: Written behind it.
            plus: Sign of a number above zero.

        Returns:
            For example `+1,234.5 ms`.
        """
        if value is None:
            return DASH
        rounded = Decimal(repr(float(value * scale))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        sign = MINUS if rounded < 0 else plus if rounded else ""
        pattern = f"#,##0.{'0' * digits}".rstrip(".")
        return f"{sign}{format_decimal(abs(rounded), format=pattern, locale=self._locale)}{unit}"

    def percent(self, fraction: float | None, digits: int = 1) -> str:
        """Write a fraction as a percentage; "100" only when it is all of it."""
        most = 1 - 0.01 * 10.0**-digits  # the largest percentage below 100 that has these digits
        below = fraction if fraction is None or fraction <= most or fraction >= 1 else most
        return self.number(below, digits, scale=100, unit=self._percent_sign)

    def level(self, fraction: float | None) -> str:
        """Write a share that people chose, such as a floor or a goal, with the decimals that it has, at most two."""
        return self.percent(fraction, _digits(100 * (fraction or 0)))

    def exact(self, value: float | None) -> str:
        """Write a number that people chose, such as a step, with the decimals that it has, at most two."""
        return self.number(value, _digits(value or 0))

    def signed_percent(self, fraction: float | None, digits: int = 1) -> str:
        """Write a relative change, always with its sign."""
        return self.number(fraction, digits, scale=100, unit=self._percent_sign, plus="+")

    def points(self, fraction: float | None, digits: int = 2, unit: bool = True) -> str:
        """Write a difference of two fractions in percentage points, with its sign."""
        return self.number(fraction, digits, scale=100, unit=f"{NO_BREAK}pp" if unit else "", plus="+")

    def ms(self, seconds: float | None) -> str:
        """Write seconds as milliseconds; three figures are kept."""
        size = abs(seconds or 0)
        digits = sum(size < limit for limit in (0.09995, 0.009995))
        return self.number(seconds, digits, scale=1000, unit=f"{NO_BREAK}ms")

    def seconds(self, value: float | None, digits: int = 1) -> str:
        """Write seconds with their unit."""
        return self.number(value, digits, unit=f"{NO_BREAK}s")

    def minutes(self, value: float | None) -> str:
        """Write minutes with their unit."""
        return self.number(value, unit=f"{NO_BREAK}min")

    def duration(self, seconds: float | None) -> str:
        """Write a length of time in the units that people say: `11 min 42 s`."""
        if seconds is None or seconds < 59.95:  # noqa: PLR2004 -- what one decimal still shows below a minute
            return self.seconds(seconds, 0 if seconds is None or round(seconds, 1) == round(seconds) else 1)
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:  # noqa: PLR2004 -- minutes an hour
            return f"{self.minutes(minutes)} {self.seconds(rest, 0)}" if rest else self.minutes(minutes)
        hours, minutes = divmod(round(seconds / 60), 60)
        if hours >= _HOURS_AS_DAYS:
            return self.number(hours / 24, unit=f"{NO_BREAK}d")
        written = self.number(hours, unit=f"{NO_BREAK}h")
        return f"{written} {self.minutes(minutes)}" if minutes else written

    def instant(self, at: str | None) -> str:
        """Write an instant in UTC: `22 Nov 2026, 10:06 UTC`."""
        return self._when(at, "d MMM y, HH:mm", f"{NO_BREAK}UTC")

    def day(self, at: str | None) -> str:
        """Write the UTC day of an instant: `22 Nov 2026`."""
        return self._when(at, "d MMM y")

    def clock(self, at: str | None) -> str:
        """Write the UTC time of day of an instant: `10:06`."""
        return self._when(at, "HH:mm")

    def span(self, start: str, end: str) -> str:
        """Write a window: `22 Nov 2026, 09:00-10:00 UTC`, with both days when they differ."""
        first = self._when(start, "d MMM y, HH:mm")
        if self.day(start) == self.day(end):
            return f"{first}{_NO_BREAK_DASH}{self.clock(end)}{NO_BREAK}UTC"
        return f"{first} {DASH} {self.instant(end)}"

    def interval(self, text: str) -> str:
        """Write an ISO 8601 interval as a window; text that is none stays as it is."""
        start, _, end = text.partition("/")
        try:
            return self.span(start.strip(), end.strip())
        except ValueError:
            return text

    @staticmethod
    def plural(count: float | None, one: str, many: str) -> str:
        """Choose the word that goes with a count."""
        return one if count == 1 else many

    def _when(self, at: str | None, pattern: str, zone: str = "") -> str:
        return DASH if at is None else f"{format_datetime(parse_instant(at), pattern, locale=self._locale)}{zone}"


def _digits(value: float) -> int:
    """Return the decimals that a number has, at most two."""
    return next(digits for digits in range(3) if round(value, digits) == round(value, 2))
