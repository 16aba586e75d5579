from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.clock import format_instant, parse_instant
from reliability.window import Window

START = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
INSTANTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda naive: naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=UTC)
)


@given(instant=INSTANTS)
def test_an_instant_survives_writing_and_reading(instant):
    assert parse_instant(format_instant(instant)) == instant


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        parse_instant("2026-11-26T12:00:00")


@pytest.mark.parametrize("end", [START, START - timedelta(seconds=1)], ids=["empty", "backwards"])
def test_a_window_must_have_a_length(end):
    with pytest.raises(ValueError, match="empty"):
        Window(start=START, end=end)


def test_cutting_the_warmup_leaves_the_rest_or_nothing():
    window = Window(start=START, end=START + timedelta(minutes=20))

    assert window.without_head(seconds=300) == Window(start=START + timedelta(minutes=5), end=window.end)
    assert window.without_head(seconds=1200) is None
