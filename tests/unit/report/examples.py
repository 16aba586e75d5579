"""Invented reports, blocks and notebooks that follow the contract; deterministic, for tests of the pages."""

import copy
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat

from reliability.clock import format_instant

MIME_TYPE = "application/vnd.reliability+json"
START = datetime(2026, 11, 26, 18, 20, tzinfo=UTC)
JUDGED = START + timedelta(minutes=5)
END = START + timedelta(minutes=20)
RUN_ID = "20261126T184000Z-1a2b"
HOSTILE = '<script>alert(\'x\')</script>"\' onerror="alert(1)" <b style="position:fixed">&amp;</b>'
Json = dict[str, Any]


def at(minutes: float) -> str:
    """Return an instant counted from the start of the judged window."""
    return format_instant(JUDGED + timedelta(minutes=minutes))


def wave(place: int, pace: float) -> float:
    """Return a deterministic wobble between -1 and 1."""
    return math.sin(place * pace) * 0.6 + math.sin(place * pace * 2.7 + 1) * 0.4


def latency() -> Json:
    """Data of the latency block of a canary that passes while its likely range reaches past the budget."""
    baseline = [0.2130 + 0.006 * wave(n, 1.3) for n in range(15)]
    canary = [0.2196 + 0.008 * wave(n, 1.9) for n in range(15)]
    limit = 0.2132 * 1.1
    return {
        "baseline_p95_seconds": 0.2132, "canary_p95_seconds": 0.2197, "increase_fraction": 0.0305,
        "increase_interval": [-0.012, 0.074], "margin_fraction": 0.10, "deciding_upper_fraction": 0.0731,
        "deciding_lower_fraction": -0.0188, "guard_fraction": 0.006, "verdict": "PASS", "reason": "inside-budget",
        "bucket_bounds": {"baseline_seconds": [0.2, 0.225], "canary_seconds": [0.2, 0.225],
                          "increase_interval": [-0.111, 0.125], "ratio": 1.125},
        "requests_needed": None, "minutes_needed": None, "suggested_bounds_seconds": [],
        "baseline_release": "2.7.3", "canary_release": "2.8.0",
        "by_minute": {"starts": [at(n) for n in range(15)], "baseline_seconds": baseline, "canary_seconds": canary},
        "limit_seconds": limit, "minutes_over_limit": sum(v > limit for v in canary),
        "minutes_slower": sum(c > b for b, c in zip(baseline, canary, strict=True)), "minutes_total": 15,
    }  # fmt: skip


def errors() -> Json:
    """Data of the error block."""
    steps: Json = {"step_minutes": 2, "starts": [at(2 * n) for n in range(8)], "baseline": [], "canary": []}
    for arm, often in (("baseline", 9), ("canary", 11)):
        for n in range(8):
            requests, failed = 2400 - 7 * n, max(0, round(often + 3 * wave(n, 1.1)))
            steps[arm].append({"requests": requests, "errors": failed, **_wilson(failed, requests)})
    return {
        "baseline_fraction": 0.00377, "canary_fraction": 0.00461, "difference_fraction": 0.00084,
        "interval": [-0.0004, 0.0021], "allowed_fraction": 0.00877, "allowed_difference_fraction": 0.005,
        "deciding_upper_fraction": 0.0019, "deciding_lower_fraction": -0.0004, "verdict": "PASS",
        "reason": "inside-budget", "requests_needed": None, "baseline_release": "2.7.3", "canary_release": "2.8.0",
        "error_matchers": 'code=~"5.."', "by_step": steps,
    }  # fmt: skip


def buckets() -> Json:
    """Data of the bucket block."""
    bounds = [0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.3, 0.5, 1.0, None]
    baseline = [0.01, 0.11, 0.2, 0.19, 0.15, 0.11, 0.08, 0.06, 0.04, 0.02, 0.02, 0.008, 0.002, 0.0]
    canary = [0.008, 0.1, 0.19, 0.19, 0.155, 0.117, 0.085, 0.062, 0.043, 0.02, 0.02, 0.008, 0.002, 0.0]
    return {
        "upper_bounds_seconds": bounds, "baseline_share": baseline, "canary_share": canary,
        "baseline_p95_seconds": 0.2132, "canary_p95_seconds": 0.2197, "baseline_bucket_seconds": [0.2, 0.225],
        "canary_bucket_seconds": [0.2, 0.225], "increase_bounds": [-0.111, 0.125], "ratio": 1.125,
        "guard_fraction": 0.006,
    }  # fmt: skip


def exposure(*, instance: str = "127.0.0.1:8101") -> Json:
    """Data of the exposure block: one replica of the canary was restarted."""
    arms = []
    for arm, release, requests in (("baseline", "2.7.3", 19004), ("canary", "2.8.0", 18897)):
        replicas = [
            {"instance": instance if n else f"127.0.0.1:81{n}0", "requests": requests // 2, "errors": 36,
             "restarts": 1 if arm == "canary" and n else 0, "gap_seconds": 20.0 if arm == "canary" and n else 10.0}
            for n in range(2)
        ]  # fmt: skip
        arms.append({
            "arm": arm, "release": release, "matchers": f'arm="{arm}"', "requests": requests, "errors": 72,
            "requests_per_second": requests / 900, "replicas": replicas,
        })  # fmt: skip
    return {
        "window": {"start": format_instant(START), "end": format_instant(END)},
        "judged_window": {"start": format_instant(JUDGED), "end": format_instant(END)}, "warmup_minutes": 5,
        "scrapes": {"expected": 90, "used": 89, "interval_seconds": 10}, "arms": arms, "lost_requests_at_most": 104,
        "notes": ["restart"], "warnings": [],
    }  # fmt: skip


def checks() -> Json:
    """Data of the checks block."""
    passed = {check: next(iter(cases)) for check, cases in SEEN.items() if check not in ("load", "mix")}
    return {
        "comparison": "canary", **why(),
        "checks": [
            {"id": check, "verdict": "PASS", "reason": reason, "values": SEEN[check][reason]}
            for check, reason in passed.items()
        ],
    }  # fmt: skip


SEEN: dict[str, dict[str, Json]] = {
    "traffic": {"enough-requests": {"canary_count": 18897, "baseline_count": 19004, "needed_count": None}},
    "scrapes": {
        "few-missing": {"used_count": 89, "expected_count": 90, "missing_fraction": 0.011},
        "data-gap": {"used_count": 60, "expected_count": 90, "missing_fraction": 0.33},
    },
    "split": {
        "not-declared": {"canary_fraction": 0.498, "expected_fraction": None, "standard_error_fraction": 0.004},
        "not-compared": {"canary_fraction": None, "expected_fraction": 0.5, "standard_error_fraction": None},
        "traffic-split": {"canary_fraction": 0.21, "expected_fraction": 0.5, "standard_error_fraction": 0.004},
    },
    "restarts": {
        "restarted": {"count": 1, "lost_count": 104, "lost_fraction": 0.0055, "limit_fraction": 0.05},
        "no-restart": {"count": 0, "lost_count": 0, "lost_fraction": 0.0, "limit_fraction": 0.05},
        "restart-loss": {"count": 9, "lost_count": 2104, "lost_fraction": 0.1, "limit_fraction": 0.05},
    },
    "births": {
        "no-birth": {"count": 0, "uncounted_count": 0, "unknown_count": 0, "unknown_fraction": 0.0,
                     "limit_fraction": 0.05},
        "birth-counted": {"count": 1, "uncounted_count": 0, "unknown_count": 0, "unknown_fraction": 0.0,
                          "limit_fraction": 0.05},
        "birth-unknown": {"count": 2, "uncounted_count": 1, "unknown_count": 1900, "unknown_fraction": 0.09,
                          "limit_fraction": 0.05},
    },
    "gone": {
        "all-stayed": {"gone": [], "limit_fraction": 0.1},
        "replica-gone": {"gone": [{"arm": "canary", "instance": HOSTILE}] * 4, "limit_fraction": 0.1},
    },
    "replicas": {
        "replicas-alike": {"baseline_count": 2, "canary_count": 2},
        "one-replica": {"baseline_count": 1, "canary_count": 1},
        "replicas-differ": {"baseline_count": 2, "canary_count": 2, "arm": "canary", "instance": HOSTILE,
                            "measure": "latency", "difference_fraction": 0.31, "p_value_fraction": 0.0001,
                            "limit_fraction": 0.1},
    },
    "clock": {
        "clocks-agree": {"started_after_scrape_seconds": 0.0, "newest_after_as_of_seconds": -20.0,
                         "newest_age_seconds": 3.9, "stale_limit_seconds": 20.0, "skew_limit_seconds": 5.0},
        "clock-skew": {"started_after_scrape_seconds": 42.0, "newest_after_as_of_seconds": 61.0,
                       "newest_age_seconds": 0.0, "stale_limit_seconds": None, "skew_limit_seconds": 5.0},
        "stale-data": {"started_after_scrape_seconds": 0.0, "newest_after_as_of_seconds": None,
                       "newest_age_seconds": 150.0, "stale_limit_seconds": 20.0, "skew_limit_seconds": 5.0},
    },
    "labels": {
        "one-value": {"mixed": []},
        "mixed-releases": {"mixed": [{"arm": "baseline", "label": "release", "values": [HOSTILE, "2.8.0"]}]},
    },
    "errors-label": {
        "label-there": {"missing": []},
        "error-label-missing": {"missing": [{"arm": arm, "label": "code"} for arm in ("baseline", "canary")]},
    },
    "warnings": {"no-warning": {"count": 0}, "server-warning": {"count": 2}},
    "units": {
        "unit-plausible": {"metric": "http_request_duration_seconds", "unit": "seconds", "unit_of_name": "seconds",
                           "arm": None, "mean_seconds": 0.11, "mean_low_seconds": 0.1, "mean_high_seconds": None},
        "unit-doubtful": {"metric": "latency_ms", "unit": "seconds", "unit_of_name": "milliseconds", "arm": "canary",
                          "mean_seconds": 110.0, "mean_low_seconds": 0.1, "mean_high_seconds": 0.2},
    },
    "counters": {
        "requests-agree": {"arm": "baseline", "histogram_count": 19004, "counter_count": 19003,
                           "difference_fraction": 0.00005, "limit_fraction": 0.05},
        "requests-differ": {"arm": "canary", "histogram_count": 12700, "counter_count": 18897,
                            "difference_fraction": 0.328, "limit_fraction": 0.05},
    },
    "bounds": {
        "bounds-equal": {"common_count": 24, "dropped_count": 0},
        "bounds-differ": {"common_count": 0, "dropped_count": 9},
    },
    "load": {
        "load-alike": {"baseline_per_second": 35.4, "canary_per_second": 36.6, "change_fraction": 0.034},
        "load-differs": {"baseline_per_second": 20.0, "canary_per_second": 41.0, "change_fraction": 1.05},
        "load-not-known": {"baseline_per_second": 0.0, "canary_per_second": 41.0, "change_fraction": None},
    },
    "mix": {
        "mix-not-known": {},
        "mix-differs": {"route": HOSTILE, "baseline_fraction": 0.2, "canary_fraction": 0.5, "change_fraction": 0.3,
                        "route_count": 3},
    },
    "latency": {"inside-budget": {"deciding_fraction": 0.0731, "margin_fraction": 0.1}},
    "errors": {"inside-budget": {"deciding_fraction": 0.0019, "allowed_difference_fraction": 0.005}},
    "routes": {
        "routes-inside-budget": {"label": "route", "gates": False, "judged_count": 2, "not_judged_count": 1,
                                 "over_budget": [], "undecided": []},
        "over-budget": {"label": "route", "gates": True, "judged_count": 4, "not_judged_count": 0,
                        "over_budget": ["a", "b", "c", "d"], "undecided": []},
        "routes-undecided": {"label": "route", "gates": True, "judged_count": 4, "not_judged_count": 1,
                             "over_budget": [], "undecided": ["a", "b", "c"]},
        "no-route-judged": {"label": None, "gates": True, "judged_count": 0, "not_judged_count": 3,
                            "over_budget": [], "undecided": []},
    },
}  # fmt: skip
"""What each check saw, by the reasons that it may have."""


def why(other: str | None = "FAIL", *, verdict: str = "PASS") -> Json:
    """What the checks block holds beside the checks: thresholds, both sides, history."""
    of_latency = {
        "measure": "latency", "route": None, "verdict": verdict, "reason": "x", "estimate_fraction": 0.0305,
        "allowed_fraction": 0.1, "lowest_fraction": -0.0188, "highest_fraction": 0.0731,
        "fail_p_value_fraction": 0.98, "pass_p_value_fraction": 0.0004, "had_count": 18897, "needed_count": None,
        "more_minutes": None,
    }  # fmt: skip
    of_errors = {
        **of_latency, "measure": "errors", "estimate_fraction": 0.00084, "allowed_fraction": 0.005,
        "lowest_fraction": -0.0004, "highest_fraction": 0.0019,
    }  # fmt: skip
    return {
        "thresholds": {
            "margin_fraction": 0.1, "error_margin_absolute_fraction": 0.005, "error_margin_relative_fraction": 0.5,
            "gate_routes": False, "canary_share_fraction": None, "alpha_fail": 0.025, "alpha_pass": 0.05,
            "quantile": 0.95, "bucket_policy": "guard",
        },
        "looks": {"used": 1, "planned": 1}, "undecided": [],
        "other_case": {"for": other, "measures": [of_latency, of_errors]},
        "history": {"minutes": 360.0, "measured_at": at(0), "latency_log_sd": 0.011, "latency_degrees": 90},
    }  # fmt: skip


def routes(count: int = 2, *, name: str = "/search") -> Json:
    """Data of the routes block: one route over its budget, one that cannot be judged."""
    judged = [
        {"route": f"{name}{n}", "verdict": "PASS" if n else "FAIL", "reason": "x", "baseline_count": 9000,
         "canary_count": 9100, "baseline_seconds": 0.2, "canary_seconds": 0.21, "increase_fraction": 0.05,
         "increase_interval": [-0.02, 0.12] if n else None, "deciding_upper_fraction": 0.1,
         "deciding_lower_fraction": -0.01, "p_value_fraction": 0.3, "adjusted_p_value_fraction": 0.6}
        for n in range(count)
    ]  # fmt: skip
    not_judged = [{"route": "", "reason": "too-few-requests", "baseline_count": 30, "canary_count": 28,
                   "needed_count": 8100},
                  {"route": name, "reason": "no-traffic-canary", "baseline_count": 30, "canary_count": 0,
                   "needed_count": None}]  # fmt: skip
    simpson = {"pooled_increase_fraction": -0.02, "stratified_increase_fraction": 0.05, "differs": True}
    told = {"label": "route", "gates": False, "judged": judged, "not_judged": not_judged, "simpson": simpson}
    return {"comparison": "canary", "margin_fraction": 0.1, "routes": told}


def before_after(data: Json, **changes: Any) -> Json:
    """Make data of a block or a report those of two windows."""
    made = copy.deepcopy({**data, "comparison": "before-after", **changes})
    for course in ("by_minute", "by_step"):
        if course in made:
            made[course]["starts"] = [float(n) for n in range(len(made[course]["starts"]))]
    return made


def queries() -> Json:
    """Data of the query block."""
    query = '{__name__=~"http_request_duration_seconds_bucket|http_requests_total",arm="baseline"}[22m]'
    return {"source": "recording pass", "queries": [
        {"arm": "baseline", "query": query, "series": 60, "samples": 7800},
        {"arm": "canary", "query": query.replace("baseline", "canary"), "series": 60, "samples": 7793},
    ]}  # fmt: skip


def canary_report(**changes: Any) -> Json:
    """JSON of a canary report that passes; `changes` replace top-level keys."""
    lat, err, exp = latency(), errors(), exposure()
    report: Json = {
        "schema": "reliability.report/1", "report": "canary_comparison", "topic": "canary", "run_id": RUN_ID,
        "language": "en", "sample": "pass", "verdict": "PASS", "reason": "inside-budget", "cautions": [],
        "comparison": "canary", **why(), "routes": None, "load": None,
        "headline": "Promote: latency and errors stay inside the budget.", "made_at": "2026-11-27T09:00:00Z",
        "as_of": "2026-11-26T18:40:00Z", "service": "staging reservations",
        "releases": {"baseline": "2.7.3", "canary": "2.8.0"},
        "figures": [
            {"id": "p95", "verdict": lat["verdict"], "increase_fraction": lat["increase_fraction"],
             "increase_interval": lat["increase_interval"], "baseline_seconds": lat["baseline_p95_seconds"],
             "canary_seconds": lat["canary_p95_seconds"], "margin_fraction": 0.1},
            {"id": "errors", "verdict": err["verdict"], "difference_fraction": err["difference_fraction"],
             "interval": err["interval"], "baseline_fraction": err["baseline_fraction"],
             "canary_fraction": err["canary_fraction"], "allowed_difference_fraction": 0.005},
            {"id": "requests", "verdict": "PASS", "canary_count": 18897, "baseline_count": 19004, "needed_count": None},
            {"id": "scrapes", "verdict": "PASS", "used_count": 89, "expected_count": 90, "restarts_count": 1},
        ],
        "checks": checks()["checks"], "latency": lat, "errors": err,
        "exposure": {"baseline": exp["arms"][0], "canary": exp["arms"][1]},
        "parameters": {"source": "sample:pass", "margin_percent": 10.0, "warmup_minutes": 5.0},
        "provenance": {
            "commit": "9f3c2ab41d", "dirty": False, "window": "2026-11-26T18:20:00Z / 2026-11-26T18:40:00Z",
            "source": "recording pass", "queries": [q["query"] for q in queries()["queries"]],
            "versions": {"reliability": "0.1.0", "python": "3.11.7", "papermill": "2.7.0", "nbconvert": "7.17.2"},
        },
    }  # fmt: skip
    return {**report, **changes}


def failing_report(**changes: Any) -> Json:
    """JSON of a canary report that fails on both measures."""
    report = canary_report(verdict="FAIL", reason="over-budget", sample="fail")
    report["latency"].update(
        verdict="FAIL", reason="over-budget", increase_fraction=0.262, increase_interval=[0.214, 0.311],
        deciding_lower_fraction=0.208, deciding_upper_fraction=0.309, canary_p95_seconds=0.269,
    )  # fmt: skip
    report["errors"].update(verdict="FAIL", reason="over-budget", difference_fraction=0.0161, canary_fraction=0.0199)
    report["figures"][0].update(verdict="FAIL", increase_fraction=0.262, increase_interval=[0.214, 0.311])
    report["figures"][1].update(verdict="FAIL", difference_fraction=0.0161, interval=[0.012, 0.0203])
    return {**report, **changes}


def undecided_report(**changes: Any) -> Json:
    """JSON of a canary report that cannot decide on latency."""
    report = canary_report(verdict="INCONCLUSIVE", reason="not-enough-evidence")
    report["latency"].update(
        verdict="INCONCLUSIVE", reason="not-enough-evidence", increase_fraction=0.061,
        increase_interval=[-0.031, 0.151], deciding_upper_fraction=0.138, deciding_lower_fraction=-0.034,
        requests_needed=41000, minutes_needed=34.0,
    )  # fmt: skip
    report["figures"][0].update(verdict="INCONCLUSIVE", increase_fraction=0.061, increase_interval=[-0.031, 0.151])
    report["figures"][2].update(verdict="INCONCLUSIVE", needed_count=41000)
    return {**report, **changes}


def report_without_evidence(reason: str = "prometheus-unreachable", *, message: str = "", **changes: Any) -> Json:
    """JSON of a canary report whose evidence could not be had."""
    report = canary_report(verdict="NO_DATA", reason=reason, sample=None, figures=[], checks=[])
    for part in ("latency", "errors", "exposure", "releases"):
        del report[part]
    shown = message or "http://127.0.0.1:9 refused the connection; is Prometheus running there?"
    report["error"] = {"slug": reason, "message": f"{shown} [{reason}]"}
    report["provenance"].update(window=None, queries=[])
    return {**report, **changes}


def phase_report(**changes: Any) -> Json:
    """JSON of a phase report that passes; its figures are those that the index shows."""
    report = canary_report(report="phase_progress", topic="phase", reason="example", sample=None)
    for part in ("latency", "errors", "exposure", "releases", "service"):
        del report[part]
    report["figures"] = [
        {
            "id": "coverage", "verdict": "PASS", "measured_fraction": 0.913, "shown_fraction": 0.913,
            "floor_fraction": 0.9, "next_goal_fraction": 0.95, "missing_points": 3.7, "change_fraction": None,
        },
        {
            "id": "tests", "verdict": "PASS", "passed_count": 46, "total_count": 46, "skipped_count": 0,
            "broken_count": 0,
        },
    ]  # fmt: skip
    conditions = [
        {"id": "floor", "text": {"en": "floor raised to 35 %", "es": "mínimo elevado al 35 %"}},
        {
            "id": "isolation",
            "text": {"en": "spacy and Postgres suites isolated", "es": "suites de spacy y Postgres aisladas"},
        },
    ]
    met = [{"id": name, "text": {"en": name, "es": name}, "met": True} for name in ("suite", "tasks")]
    report["phase"] = {
        "title": {"en": "FASE 3", "es": "FASE 3"},
        "own": None,
        "tighten": {
            "allowed": False,
            "open": conditions,
            "conditions": [{**condition, "met": False} for condition in conditions] + met,
        },
    }
    return {**report, **changes}


def rollback_report(**changes: Any) -> Json:
    """JSON of a rollback report that passes."""
    report = canary_report(report="rollback_readiness", topic="rollback", reason="example", sample="drill")
    for part in ("latency", "errors", "exposure", "releases"):
        del report[part]
    report["drill"] = {
        "service": "staging reservations", "from_release": "2.8.0", "to_release": "2.7.3", "decider": "on call",
        "started_at": "2026-11-26T18:45:00Z", "max_age_days": 30,
    }  # fmt: skip
    report["figures"] = [{"id": "time", "verdict": "PASS", "seconds": 14.2, "limit_seconds": 900}]
    return {**report, **changes}


def own_report(**changes: Any) -> Json:
    """JSON of a project's own report that passes."""
    report = canary_report(report="queue_depth", topic="own", reason="own-check", sample=None, figures=[])
    for part in ("latency", "errors", "exposure", "releases", "service"):
        del report[part]
    report["title"] = {"en": "Queue depth", "es": "Longitud de la cola"}
    values = {"name": "Longest queue", "value": 7.0, "at_most": 20.0, "at_least": None}
    report["checks"] = [{"id": "own:Longest queue", "verdict": "PASS", "reason": "own-check", "values": values}]
    return {**report, **changes}


def canary_notebook(report: Json, *cells: Any) -> Any:
    """An executed canary notebook in two languages; `cells` come before the last one."""
    shown: list[tuple[str, Json | None]] = [
        ("latency", report.get("latency")), ("errors", report.get("errors")), ("buckets", buckets()),
        ("routes", routes()), ("exposure", exposure()), ("checks", checks()), ("queries", queries()),
    ]  # fmt: skip
    titles = {
        "latency": ("P95 latency", "Latencia P95"),
        "errors": ("Error rate", "Tasa de errores"),
        "buckets": ("Where the P95 falls", "Dónde cae el P95"),
        "routes": ("Route by route", "Ruta por ruta"),
        "exposure": ("What was compared", "Qué se comparó"),
        "checks": ("How the result was reached", "Cómo se llegó al resultado"),
        "queries": ("For analysts", "Para analistas"),
    }
    made = [
        markdown("# Canary comparison\n\nIs it no worse?", "lang:en", "hide"),
        markdown("# Comparación canary", "lang:es"),
        code("margin_percent: float = None", tags=["parameters"]),
        code("run", result("run", {"report": report["report"]})),
    ]  # fmt: skip
    for kind, data in shown:
        for language, title in zip(("en", "es"), titles[kind], strict=True):
            text = f"## {title}\n\nHow to read this: *the likely range* stands beside the deciding number."
            made.append(markdown(text, f"lang:{language}", section=kind))
        answer = result("missing", report["error"]) if data is None or "error" in report else result(kind, data)
        made.append(code(f"nb.{kind}(run)", answer))
    made += [
        markdown("Close the run.", "lang:en", "hide"),
        *cells,
        code("nb.finish(run)", result("report", {**report, "run_id": None})),
    ]
    return nbformat.v4.new_notebook(cells=made)


def markdown(text: str, *tags: str, section: str | None = None) -> Any:
    """A markdown cell with tags."""
    metadata: Json = {"tags": list(tags)}
    if section:
        metadata["reliability"] = {"section": section}
    return nbformat.v4.new_markdown_cell(text, metadata=metadata)


def code(source: str, *outputs: Any, tags: list[str] | None = None) -> Any:
    """A code cell with outputs."""
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": tags or []})


def result(kind: str, data: Json) -> Any:
    """The output of a cell that shows one of our blocks."""
    return output({
        MIME_TYPE: {"schema": "reliability.block/1", "block": kind, "data": copy.deepcopy(data)},
        "text/html": "<div>only for the notebook</div>", "text/plain": f"<{kind}>",
    })  # fmt: skip


def output(data: Json, *, kind: str = "execute_result") -> Any:
    """An output of any mime types."""
    return nbformat.v4.new_output(kind, data=data)


def failed(name: str, message: str) -> Any:
    """The output of a cell that raised."""
    return nbformat.v4.new_output("error", ename=name, evalue=message, traceback=["\x1b[31mTraceback\x1b[0m", message])


def _wilson(failed_count: int, requests: int) -> Json:
    z, share = 1.96, failed_count / requests
    middle = share + z * z / (2 * requests)
    spread = z * math.sqrt(share * (1 - share) / requests + z * z / (4 * requests**2))
    scale = 1 + z * z / requests
    return {"low_fraction": (middle - spread) / scale, "high_fraction": (middle + spread) / scale}
