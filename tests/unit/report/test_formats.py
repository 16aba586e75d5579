import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.report.formats import LOCALES, MINUS, NO_BREAK, Formats

EN, ES = Formats("en"), Formats("es")
fractions = st.floats(-5, 5, allow_nan=False)


def parsed(text: str, language: str) -> float:
    """Read a written number back."""
    digits = text.replace(MINUS, "-").replace("\u00b1", "").replace("+", "")
    digits = digits.replace(".", "").replace(",", ".") if language == "es" else digits.replace(",", "")
    found = re.match(r"-?[\d.]+", digits)
    assert found, text
    return float(found[0])


@given(value=st.floats(-1e7, 1e7, allow_nan=False), digits=st.integers(0, 3))
def test_a_number_reads_the_same_in_every_language(value: float, digits: int) -> None:
    english, spanish = (parsed(Formats(code).number(value, digits), code) for code in LOCALES)

    assert english == spanish
    assert english == pytest.approx(value, abs=0.51 * 10**-digits)


@given(fraction=fractions)
def test_a_change_always_carries_its_sign_and_never_an_ascii_minus(fraction: float) -> None:
    for text in (EN.signed_percent(fraction), ES.signed_percent(fraction), EN.points(fraction), ES.points(fraction)):
        assert text[0] in f"+{MINUS}" or parsed(text, "en" if "." in text else "es") == 0
        assert "-" not in text


@given(fraction=st.floats(0, 1, exclude_max=True), digits=st.integers(0, 2))
def test_less_than_everything_is_never_written_as_100_percent(fraction: float, digits: int) -> None:
    assert parsed(EN.percent(fraction, digits), "en") < 100


@given(seconds=st.floats(0, 10 * 24 * 3600, allow_nan=False))
def test_a_duration_says_the_seconds_that_it_was_given(seconds: float) -> None:
    text = EN.duration(seconds).replace(NO_BREAK, " ").replace(",", "")
    units = {"h": 3600.0, "min": 60.0, "s": 1.0}

    said = sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) (h|min|s)", text))

    assert said == pytest.approx(seconds, abs=31 if seconds >= 3570 else 0.51)


@pytest.mark.parametrize(
    ("seconds", "english"),
    [(0, "0 s"), (14.2, "14.2 s"), (59.97, "1 min"), (60, "1 min"), (702, "11 min 42 s"), (719.7, "12 min"),
     (900, "15 min"), (3900, "1 h 5 min"), (7199, "2 h"), (1e9, "11,574 d")],
)  # fmt: skip
def test_durations_use_the_units_that_people_say(seconds: float, english: str) -> None:
    assert EN.duration(seconds).replace(NO_BREAK, " ") == english


def test_spanish_puts_a_no_break_space_before_the_percent_sign() -> None:
    assert ES.percent(0.041) == f"4,1{NO_BREAK}%"
    assert EN.percent(0.041) == "4.1%"


@pytest.mark.parametrize(
    ("fraction", "english"),
    [(0.9, "90%"), (0.925, "92.5%"), (0.9125, "91.25%"), (1, "100%"), (0, "0%"), (None, "\u2013")],
)
def test_a_chosen_level_has_the_decimals_that_it_needs(fraction: float | None, english: str) -> None:
    assert EN.level(fraction) == english


@pytest.mark.parametrize(("value", "spanish"), [(2, "2"), (2.0, "2"), (0.5, "0,5"), (1.25, "1,25"), (0, "0")])
def test_a_chosen_number_has_the_decimals_that_it_needs(value: float, spanish: str) -> None:
    assert ES.exact(value) == spanish


def test_milliseconds_keep_three_figures() -> None:
    assert [EN.ms(value).replace(NO_BREAK, " ") for value in (0.2213, 0.0987, 0.00512)] == [
        "221 ms",
        "98.7 ms",
        "5.12 ms",
    ]


def test_a_missing_number_is_a_dash_and_never_zero() -> None:
    numbers = [EN.number(None), EN.percent(None), EN.signed_percent(None), EN.points(None), EN.ms(None)]
    times = [EN.seconds(None), EN.duration(None), EN.minutes(None), EN.instant(None), EN.day(None), EN.clock(None)]

    assert {*numbers, *times} == {"\u2013"}


def test_a_window_names_its_day_once() -> None:
    text = EN.span("2026-11-26T18:20:00Z", "2026-11-26T18:40:00Z").replace(NO_BREAK, " ").replace("\u2060", "")

    assert text == "26 Nov 2026, 18:20\u201318:40 UTC"


def test_a_window_over_midnight_names_both_days() -> None:
    text = ES.interval("2026-11-26T23:50:00Z / 2026-11-27T00:10:00Z").replace(NO_BREAK, " ")

    assert text == "26 nov 2026, 23:50 \u2013 27 nov 2026, 00:10 UTC"


def test_text_that_is_no_interval_stays_as_it_is() -> None:
    assert EN.interval("the whole record") == "the whole record"


def test_instants_of_other_offsets_are_written_in_utc() -> None:
    assert EN.instant("2026-11-26T19:40:00+01:00").replace(NO_BREAK, " ") == "26 Nov 2026, 18:40 UTC"
