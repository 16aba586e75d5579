import re
import subprocess
import sys

import pytest
from defusedxml.ElementTree import fromstring

from reliability.report.charts import draw_chart
from reliability.report.charts.ticks import round_ticks, thinned, time_ticks
from reliability.report.words import words_in
from tests.unit.report import examples

CHARTS = {"canary.latency": examples.latency, "canary.errors": examples.errors, "canary.buckets": examples.buckets}


@pytest.fixture(scope="module", params=[(name, language) for name in CHARTS for language in ("en", "es")], ids="-".join)
def drawn(request: pytest.FixtureRequest) -> str:
    name, language = request.param
    return draw_chart(name, CHARTS[name](), words=words_in(language), uid="u-")


def test_a_chart_has_no_style_and_no_colour_of_its_own(drawn: str) -> None:
    assert "style=" not in drawn
    assert "<style" not in drawn
    assert not re.search(r'="#[0-9a-f]{3,8}"', drawn)


def test_a_chart_is_drawn_wide_and_narrow_with_ids_of_its_own(drawn: str) -> None:
    ids = re.findall(r' id="([^"]+)"', drawn)
    references = re.findall(r'(?:href="#|url\(#)([^")]+)', drawn)

    assert drawn.count("<svg ") == 2
    assert len(ids) == len(set(ids))
    assert set(references) <= set(ids)


def test_two_charts_on_one_page_share_no_id() -> None:
    drawn = [draw_chart("canary.latency", examples.latency(), words=words_in("en"), uid=uid) for uid in ("a-", "b-")]
    first, second = (set(re.findall(r' id="([^"]+)"', svg)) for svg in drawn)

    assert first
    assert not first & second


def test_a_chart_names_and_describes_itself(drawn: str) -> None:
    for svg in re.findall(r"<svg .*?</svg>", drawn, flags=re.DOTALL):
        root = fromstring(svg)
        title, description = root[0], root[1]

        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert title.text
        assert description.text
        assert len(description.text) > 40


def test_a_minute_without_data_is_a_gap_and_not_a_zero() -> None:
    data = examples.latency()
    data["by_minute"]["canary_seconds"][7] = None

    drawn = draw_chart("canary.latency", data, words=words_in("en"), uid="u-")

    lines = re.findall(r'<path d="([^"]+)"[^>]* class="s-cana"/>', drawn)
    assert [line.count("M") for line in lines] == [2, 2]
    assert "nan" not in drawn


def test_a_chart_without_any_data_is_still_a_picture() -> None:
    data = examples.latency()
    data["by_minute"] = {"starts": [], "baseline_seconds": [], "canary_seconds": []}
    data["limit_seconds"] = None

    assert "<svg " in draw_chart("canary.latency", data, words=words_in("en"), uid="u-")


def test_pages_start_without_matplotlib_and_nbconvert() -> None:
    heavy = ("matplotlib", "nbconvert", "pandas")
    code = f"import sys, reliability.report.index; print([m for m in {heavy} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("low", "high", "ticks", "digits"),
    [(0, 0.9, [0.0, 0.2, 0.4, 0.6, 0.8], 1), (206, 235, [210, 220, 230], 0), (0, 20, [0, 5, 10, 15, 20], 0),
     (0, 12, [0, 2.5, 5, 7.5, 10], 1), (3, 3, [3], 0)],
)  # fmt: skip
def test_ticks_stand_at_round_numbers_with_the_decimals_they_need(
    low: float, high: float, ticks: list[float], digits: int
) -> None:
    found, decimals = round_ticks(low, high)

    assert found == pytest.approx(ticks)
    assert decimals == digits


def test_labels_are_thinned_evenly() -> None:
    assert thinned(15, 8) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert thinned(0, 8) == []
    assert len(thinned(1000, 8)) <= 8


@pytest.mark.parametrize(
    ("days", "are_days"), [(0.04, False), (0.5, False), (1.9, False), (3, True), (40, True), (900, True), (9000, True)]
)
def test_ticks_of_time_stand_at_round_utc_times(days: float, are_days: bool) -> None:
    start = 1_795_000_123.0

    ticks, found = time_ticks(start, start + 86_400 * days, 6)

    assert found == are_days
    assert 2 <= len(ticks) <= 6
    assert all(tick % (86_400 if are_days else 60) == 0 for tick in ticks)


def test_an_axis_without_room_for_a_round_time_has_its_start_for_a_tick() -> None:
    assert time_ticks(61.0, 62.0, 3) == ([61.0], False)
