"""What the canary page says about the reasons of its verdict, and about two windows."""

import re
from typing import Any

import pytest

from reliability.report.blocks import render_block
from reliability.report.why_view import MOST_ROUTES_DRAWN
from tests.unit.report import examples

LANGUAGES = ("en", "es")
CHECKS = [(check, reason) for check, cases in examples.SEEN.items() for reason in cases]


def checks_block(**changes: Any) -> dict[str, Any]:
    return {**examples.checks(), **changes}


@pytest.mark.parametrize("comparison", ["canary", "before-after"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_says_by_name_what_its_rule_is_and_what_was_seen(language: str, comparison: str) -> None:
    checks = [
        {"id": check, "verdict": "PASS", "reason": reason, "values": examples.SEEN[check][reason]}
        for check, reason in CHECKS
    ]

    html = render_block("checks", checks_block(checks=checks, comparison=comparison), language=language)

    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>.*?</td><td>(.*?)</td><td>(.*?)</td></tr>', html)
    assert len(rows) == len(CHECKS)
    for (check, reason), row in zip(CHECKS, rows, strict=True):
        assert all(text.strip() for text in row), (check, reason)
        assert row[0] != check
        assert "None" not in "".join(row)


def test_a_check_of_a_newer_judge_is_shown_by_its_bare_name() -> None:
    html = render_block(
        "checks", {"checks": [{"id": "of-tomorrow", "verdict": "PASS", "reason": "x", "values": {}}]}, language="en"
    )

    assert '<th scope="row">of-tomorrow</th>' in html


def test_a_report_made_before_there_were_reasons_shows_its_checks_alone() -> None:
    html = render_block("checks", {"checks": examples.checks()["checks"]}, language="en")

    assert html.count("<table>") == 1
    assert "<h3>" not in html


@pytest.mark.parametrize(
    ("other", "verdict", "said"),
    [
        ("FAIL", "PASS", ["The case against promoting", "up to +7.3% is not ruled out", "under 0.1% of such"]),
        ("PASS", "FAIL", ["The case for promoting", "as little as \u22121.9% is not ruled out", "98.0% of such"]),
        (None, "INCONCLUSIVE", ["Why neither side wins", "from \u22121.9% to +7.3% fits the data"]),
    ],
)
def test_the_other_side_is_heard_with_its_numbers(other: str | None, verdict: str, said: list[str]) -> None:
    html = render_block("checks", checks_block(**examples.why(other, verdict=verdict)), language="en")

    for text in said:
        assert text in html


def test_the_numbers_behind_a_verdict_stand_in_one_table_with_the_levels_and_the_look() -> None:
    html = render_block("checks", examples.checks(), language="en")

    for text in ("\u22121.9% to +7.3%", "\u22120.04 pp to +0.19 pp".replace(" pp", "\u00a0pp"), "Fail 2.5%, pass 5.0%",
                 "1 of 1", "360\u00a0min", "differ by 1.1%", "Smooth curve with a guard"):  # fmt: skip
        assert text in html


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"had_count": 3220, "needed_count": 13450, "more_count": 10230, "more_minutes": 4.8},
         "P95 latency: 3,220 canary requests so far, about 13,450 needed to decide: 10,230 more, about 5\u00a0min"),
        ({"had_count": 3220, "needed_count": None, "more_count": None, "more_minutes": None},
         "P95 latency: it is not known whether more requests would settle it"),
        ({"had_count": None, "needed_count": None, "more_count": None, "more_minutes": None},
         "P95 latency: more requests are no cure; mend the data first"),
    ],
    ids=["more requests", "no number", "broken data"],
)  # fmt: skip
def test_what_is_undecided_names_its_cure(missing: dict[str, Any], said: str) -> None:
    undecided = [{"check": "latency", "route": None, "reason": "x", **missing}]

    assert said in render_block("checks", checks_block(undecided=undecided), language="en")


def test_an_undecided_route_is_called_by_its_name() -> None:
    undecided = [{"check": "route", "route": "/a<b>", "reason": "x", "had_count": 1, "needed_count": 9, "more_count": 8,
                  "more_minutes": None}]  # fmt: skip

    html = render_block("checks", checks_block(undecided=undecided), language="es")

    assert "Ruta /a&lt;b&gt;: 1 solicitudes" in html


def test_without_a_route_label_the_page_says_in_one_line_how_to_get_routes() -> None:
    data = {"comparison": "canary", "margin_fraction": 0.1, "routes": None}

    html = render_block("routes", data, language="en")

    assert "route_label" in html
    assert html.count("<") == 2


def test_routes_are_counted_named_and_set_beside_the_pooled_change() -> None:
    html = render_block("routes", examples.routes(3), language="en")

    for text in ("3 routes judged: 2 inside the budget, 1 over it, 0 undecided. 2 with too little traffic",
                 "+5.0%; thrown into one pot: \u22122.0%. The two tell different stories", "/search0", "(none)",
                 "about 8,100 canary requests to be judged at all", "traffic in the canary"):  # fmt: skip
        assert text in html
    assert html.count('role="img"') == 2


def test_many_routes_are_cut_for_the_page_and_the_rest_is_counted() -> None:
    html = render_block("routes", examples.routes(60, name="/a-route-with-a-very-long-name/"), language="en")

    assert f"The {MOST_ROUTES_DRAWN} most suspicious of 60 judged routes" in html
    assert "35 more routes in the JSON" in html
    assert len(html) < 60_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_windows_are_called_before_and_after_and_run_by_their_own_clocks(language: str) -> None:
    names = {"en": ("Before: 2.7.3", "After: 2.8.0", "different times"), "es": ("Antes: 2.7.3", "Después: 2.8.0",
             "momentos distintos")}[language]  # fmt: skip

    html = render_block("latency", examples.before_after(examples.latency()), language=language)

    assert all(name in html for name in names)
    assert "14\u00a0min" in html
    assert not re.search(r"canary|baseline|referencia|18:\d\d", re.sub(r"<[^>]*>", "", html), re.IGNORECASE)


@pytest.mark.parametrize("kind", ["errors", "buckets", "exposure", "routes", "checks"])
def test_no_block_of_two_windows_speaks_of_a_canary(kind: str) -> None:
    data = getattr(examples, kind)()
    extra = {}
    if kind == "exposure":
        share = {"route": "/a", "baseline_fraction": 0.5, "canary_fraction": 0.6, "change_fraction": 0.1}
        load = {"baseline_per_second": 35.4, "canary_per_second": 36.6, "change_fraction": 0.034, "shares": [share]}
        extra = {"load": load, "baseline_window": data["window"], "baseline_judged_window": data["judged_window"]}

    html = render_block(kind, examples.before_after(data, **extra), language="en")

    plain = re.sub(r"<code>.*?</code>|<[^>]*>", " ", html)
    assert not re.search("canary|baseline", plain, re.IGNORECASE)


def test_both_windows_stand_in_the_band_with_the_load() -> None:
    report = examples.before_after(examples.canary_report())
    report["provenance"]["baseline_window"] = "2026-11-25T18:20:00Z / 2026-11-25T18:40:00Z"
    exposure = examples.exposure()
    load = {"baseline_per_second": 35.4, "canary_per_second": 36.6, "change_fraction": 0.034, "shares": []}

    band = render_block("report", report, language="en")
    compared = render_block(
        "exposure", examples.before_after(exposure, load=load, baseline_window=exposure["window"]), language="en"
    )

    assert "2.7.3, 25 Nov 2026, 18:20" in band
    assert "2.8.0, 26 Nov 2026, 18:20" in band
    assert "35.4 → 36.6" in compared
    assert "Measured at different times" in compared
