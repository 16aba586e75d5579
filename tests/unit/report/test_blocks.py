import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound

from reliability.report.blocks import knows_block, render_block, render_for_notebook
from reliability.report.canary_view import has_layers_alone, range_inside, view_latency
from reliability.report.words import words_in
from reliability.staging.plans import LAYERS
from tests.unit.report import examples

BLOCKS: dict[str, Callable[[], dict[str, Any]]] = {
    "report": examples.canary_report, "latency": examples.latency, "errors": examples.errors,
    "buckets": examples.buckets,
    "exposure": examples.exposure, "checks": examples.checks, "routes": examples.routes, "queries": examples.queries,
    "missing": lambda: {"slug": "missing-evidence", "message": "no such file"},
    "error": lambda: {"ename": "ValueError", "evalue": "no"}, "run": lambda: {"report": "canary_comparison"},
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_needs_no_script_and_no_style_attribute(kind: str, language: str) -> None:
    html = render_block(kind, BLOCKS[kind](), language=language)

    assert not re.search(r"<script|style=|\son\w+=|https?://", html)


@given(low=st.floats(-0.5, 0.5), width=st.floats(0, 0.5), margin=st.floats(0, 0.5))
def test_a_whole_range_is_called_inside_only_when_it_is(low: float, width: float, margin: float) -> None:
    data = {**examples.latency(), "increase_interval": [low, low + width], "margin_fraction": margin}

    sentence = str(view_latency(data, words_in("en"))["sentence"])

    assert ("whole likely range is inside" in sentence) == (low + width <= margin)


def test_a_range_with_an_open_end_is_never_inside() -> None:
    assert not range_inside([0.0, None], 0.1)
    assert not range_inside(None, 0.1)


def test_the_page_shows_the_likely_range_and_the_deciding_number_beside_the_budget() -> None:
    html = render_block("latency", examples.latency(), language="en")

    for shown in ("\u22121.2% to +7.4%", "+7.3%", "+10%", "upper limit, 95% one-sided, after a bucket guard of 0.60%"):
        assert shown in html


def test_a_fail_shows_the_lower_limit_as_the_deciding_number() -> None:
    data = examples.failing_report()["latency"]

    html = render_block("latency", data, language="en")

    assert "+20.8%" in html
    assert "lower limit, 97.5% one-sided" in html


def test_a_pass_with_cautions_is_shown_as_attention() -> None:
    html = render_block("report", examples.canary_report(cautions=["little-room"]), language="en")

    assert 'class="verdict is-warn"' in html
    assert "Canary comparison: Attention" in html
    assert "Promote with care" in html


def test_an_unknown_reason_reads_as_its_verdict() -> None:
    html = render_block("report", examples.canary_report(verdict="FAIL", reason="of-tomorrow"), language="en")

    assert "Fail: at least one check is not met." in html


def test_words_of_users_are_inert() -> None:
    hostile = examples.HOSTILE
    report = examples.canary_report(
        service=hostile, releases={"baseline": hostile, "canary": hostile}, cautions=[hostile]
    )
    report["provenance"]["source"], report["parameters"]["source"] = hostile, hostile
    latency = {**examples.latency(), "canary_release": hostile, "baseline_release": hostile}
    errors = {**examples.errors(), "error_matchers": hostile, "canary_release": hostile}
    exposure = {**examples.exposure(instance=hostile), "warnings": [hostile], "notes": [hostile]}
    queries = {"source": hostile, "queries": [{"arm": "canary", "query": hostile, "series": 1, "samples": 1}]}

    missing, error = {"slug": "x", "message": hostile}, {"ename": hostile, "evalue": hostile}
    routes, mixed = examples.routes(name=hostile), examples.SEEN["labels"]["mixed-releases"]
    checks = {"checks": [{"id": "labels", "verdict": "INCONCLUSIVE", "reason": "mixed-releases", "values": mixed}]}
    blocks = {
        "routes": routes,
        "checks": checks,
        "report": report,
        "latency": latency,
        "errors": errors,
        "exposure": exposure,
        "queries": queries,
    }

    for kind, data in {**blocks, "missing": missing, "error": error}.items():
        html = render_block(kind, data, language="en")

        assert "&lt;script&gt;" in html
        assert not re.search(r"<script|<b |<img", html)
        assert not re.search(r"<[^>]*\s(onerror|style)=", html)


def test_a_block_in_a_notebook_brings_a_style_that_stays_inside() -> None:
    html = render_for_notebook("latency", examples.latency())
    style = re.findall(r"<style>(.*?)</style>", html)[0]
    outside = re.sub(r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", "{}", style)

    assert html.startswith('<div class="reliability" lang="en">')
    selectors = [rule for rule in outside.split("{}") if rule and not rule.startswith(("@media", "@supports"))]
    assert all(".reliability" in rule for rule in selectors), selectors


def test_a_kind_that_leaves_the_templates_folder_is_unknown() -> None:
    assert not knows_block("../frame")
    with pytest.raises(TemplateNotFound):
        render_block("../frame", {}, language="en")


def test_no_number_is_shown_where_the_judge_gave_none() -> None:
    unknown = ("increase_fraction", "increase_interval", "deciding_upper_fraction", "guard_fraction")
    data = {**examples.latency(), **dict.fromkeys(unknown), "verdict": "INCONCLUSIVE", "reason": "too-few-requests"}
    data["requests_needed"] = 900

    html = render_block("latency", data, language="en")

    assert "About 900 canary requests are needed." in html
    assert "None" not in html


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_experiment_names_what_was_done_on_purpose(language: str) -> None:
    data = {
        "arms": {
            "baseline": {"delay_factor": 1.0, "error_fraction": 0.005},
            "canary": {"delay_factor": 1.03, "delay_name": "+3 % of every service time", "error_fraction": 0.005},
        },
        "planned_power": {"power": 0.9951, "increase_fraction": 0.03, "verdict": "PASS"},
        "kill": {
            "instance": "canary-2", "killed_at": "2026-11-26T17:57:28Z", "restarted_at": "2026-11-26T17:57:53Z",
        },
        "cpu_fraction": 0.05, "cpu_seconds_per_request": {"baseline": 0.00083, "canary": 0.00082},
    }  # fmt: skip

    html = render_block("experiment", data, language=language)

    for shown in ("+3 % of every service time", "canary-2", "17:57", "25\u00a0s"):
        assert shown in html


@pytest.mark.parametrize(
    ("language", "by_arm"), [("en", "baseline off, canary on"), ("es", "referencia sin, canary con")]
)
def test_an_experiment_on_the_layers_shows_which_arm_has_them_and_no_delay_that_there_is_not(
    language: str, by_arm: str
) -> None:
    data = {
        "arms": {
            "baseline": {"delay_factor": 1.0, "delay_name": "none", "error_fraction": 0.005, "layers": False},
            "canary": {"delay_factor": 1.0, "delay_name": "none", "error_fraction": 0.005, "layers": True},
        },
        "layers": LAYERS,
        "payment_outage": {"began_at": "2026-11-27T17:10:28Z", "ended_at": "2026-11-27T17:10:43Z"},
    }

    html = render_block("experiment", data, language=language)

    known = words_in(language).text(f"canary.experiment.known.{LAYERS}")
    for shown in (by_arm, f'<small lang="{language}">{known}</small>', "17:10", "15\u00a0s"):
        assert shown in html
    assert words_in(language).text("canary.experiment.delay") not in html


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "count as errors and as fast answers"), ("es", "cuentan como errores y como respuestas")],
)
def test_calls_that_a_breaker_refused_in_the_outage_are_told_with_what_they_count_as(language: str, told: str) -> None:
    outage = {"began_at": "2026-11-27T17:10:28Z", "ended_at": "2026-11-27T17:10:43Z"}
    data = {"arms": {}, "payment_outage": outage}

    assert told in render_block("experiment", {**data, "breaker_refused_calls": 127}, language=language)
    assert told not in render_block("experiment", data, language=language)


@pytest.mark.parametrize("arms", ["x", [], {"baseline": 1, "canary": {"layers": True}}], ids=["text", "list", "number"])
def test_arms_that_make_no_sense_are_no_change_under_test(arms):
    assert has_layers_alone({"arms": arms}) is False


@pytest.mark.parametrize(
    ("more", "is_alone"),
    [({}, True), ({"delay_factor": 1.25}, False), ({"error_fraction": 0.03}, False)],
    ids=["alone", "with-a-delay", "with-errors"],
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_layers_are_the_change_under_test_only_where_nothing_else_was_changed(
    language: str, more: dict[str, float], is_alone: bool
) -> None:
    baseline = {"delay_factor": 1.0, "error_fraction": 0.005, "layers": False}
    data = {"arms": {"baseline": baseline, "canary": {**baseline, "layers": True, **more}}, "layers": LAYERS}

    html = render_block("experiment", data, language=language)

    key = "canary.experiment.layers" if is_alone else "canary.experiment.layers_among"
    assert f"<dt>{words_in(language).text(key)}</dt>" in html


@pytest.mark.parametrize(
    "event",
    ["x", {}, {"began_at": "nonsense", "ended_at": "2026-11-27T17:10:43Z"}, {"began_at": 1, "ended_at": 2},
     {"began_at": "2026-11-27T17:10:43Z", "ended_at": "2026-11-27T17:10:28Z"}],
    ids=["no-event", "empty", "no-instant", "numbers", "ends-before-it-begins"],
)  # fmt: skip
def test_an_event_that_makes_no_sense_is_left_out_and_the_rest_shown(event: object) -> None:
    html = render_block(
        "experiment", {"arms": {}, "payment_outage": event, "kill": event, "storage": "tmpfs"}, language="en"
    )

    assert "<dd>" not in html
    assert "tmpfs" in html


@pytest.mark.parametrize("durability", ["each-write", "each-second", "none", "unknown"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_arms_that_do_not_keep_sessions_alike_are_noted_with_where_they_lie(language: str, durability: str) -> None:
    in_file, in_redis = ({"store": "SQLite", "durability": "each-write"}, {"store": "Redis", "durability": durability})
    words = words_in(language)

    alike = render_block(
        "experiment", {"arms": {}, "sessions": {"baseline": in_file, "canary": in_file}}, language=language
    )
    apart = render_block(
        "experiment", {"arms": {}, "sessions": {"baseline": in_file, "canary": in_redis}}, language=language
    )

    note = words.text("canary.experiment.sessions_differ")
    assert note in apart
    assert note not in alike
    assert f"Redis ({words.text(f'canary.experiment.durability.{durability}')})" in apart
    assert alike.count(f"SQLite ({words.text('canary.experiment.durability.each-write')})") == 2


@pytest.mark.parametrize(
    ("machine", "is_noted"), [(0.40, False), (0.9999, True)], ids=["room-to-spare", "busy-with-other-work"]
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_an_experiment_shows_how_busy_its_machine_was_and_notes_when_that_was_too_much(
    language: str, machine: float, is_noted: bool
) -> None:
    data = {
        "arms": {}, "cpu_fraction": 0.0624, "machine_cpu_fraction": machine,
        "cpu_seconds_per_request": {"baseline": 0.001, "canary": 0.0013},
        "largest_arrival_lateness_seconds": 0.297951,
    }  # fmt: skip

    html = render_block("experiment", data, language=language)

    formats = words_in(language).formats
    for shown in (formats.percent(0.0624), formats.percent(machine), formats.ms(0.297951)):
        assert shown in html
    note = words_in(language).text("canary.experiment.busy", machine=machine, limit=0.40)
    assert (f'<p class="note">{note}</p>' in html) == is_noted


def test_texts_of_our_own_experiments_are_translated_and_others_quoted() -> None:
    ours, other = "one SQLite file per arm, WAL, synchronous=FULL", "tmpfs"

    html = render_block("experiment", {"arms": {}, "service_times": other, "storage": ours}, language="es")

    assert '<p class="note" lang="en">\u201ctmpfs\u201d</p>' in html
    assert '<p class="note" lang="es">Almacenamiento: un archivo SQLite por grupo' in html


@pytest.mark.parametrize("reason", ["too-few-scrapes", "too-few-requests", "overflow-bucket", "no-limit"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_range_that_is_missing_says_why(language: str, reason: str) -> None:
    data = {**examples.latency(), "increase_interval": None, "no_interval_reason": reason}

    html = render_block("latency", data, language=language)

    assert f"<small>{words_in(language).text(f'canary.latency.no_range.{reason}')}</small>" in html


@pytest.mark.parametrize(
    ("part", "verdict", "rule", "seen"),
    [
        ("latency", "PASS", "upper limit at most +10%", "upper limit +7.3%"),
        ("latency", "FAIL", "lower limit above +10%", "lower limit +7.3%"),
        ("errors", "FAIL", "lower limit above +10.00\u00a0pp", "lower limit +7.31\u00a0pp"),
    ],
)
def test_a_check_is_ruled_by_the_limit_that_is_shown(part: str, verdict: str, rule: str, seen: str) -> None:
    values = {"deciding_fraction": 0.0731, "margin_fraction": 0.1, "allowed_difference_fraction": 0.1}
    check = {"id": part, "verdict": verdict, "reason": "x", "values": values}

    html = render_block("checks", {"checks": [check]}, language="en")

    assert f"budget: {rule}</td>" in html
    assert f"<td>{seen}</td>" in html


def test_an_experiment_without_facts_shows_its_sentence_only() -> None:
    assert "<dd>" not in render_block("experiment", {"arms": {}}, language="en")
