"""What promtool says of the alert rules and of the metrics that they read.

Each rule fires on what it is for, and is silent beside it.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import generate_latest

from reliability.alerting.rules import AlertLimits, render_rules
from reliability.resilience.session_manager import SessionManager
from tests.fakes import ManualClock
from tests.memory_sessions import MemorySessions
from tests.unit.notebook.reported import Process

pytestmark = pytest.mark.integration

CLOSED: Final = 'reliability_circuit_state{job="shop",name="payments",state="closed",instance="%s"}'
SESSIONS: Final = 'session_active_total{job="shop",kind="guest",instance="%s"}'
BAR: Final = 'session_active_total{job="bar",kind="guest",instance="c"}'
LOCKS: Final = 'reliability_lock_operations_total{job="shop",operation="acquire",outcome="%s"}'
QUIET: Final = {CLOSED % "a": "1x30", SESSIONS % "a": "3x30", LOCKS % "ok": "0+60x30", LOCKS % "conflict": "0+6x30"}
LABELS: Final = {
    "ReliabilityCircuitNotClosed": {"job": "shop", "name": "payments"},
    "ReliabilitySessionsTooMany": {"job": "shop", "kind": "guest"},
    "ReliabilitySessionsAbsent": {"job": "shop"},
    "ReliabilityLocksRefused": {"job": "shop"},
    "ReliabilityLockStoreFailing": {"job": "shop"},
}
# What happens, as series that take the place of quiet ones; when it is looked at; which alerts fire then.
CASES: Final[dict[str, tuple[dict[str, str | None], str, tuple[str, ...]]]] = {
    "all is quiet": ({}, "25m", ()),
    "open for less than a minute": ({CLOSED % "a": "1 1 0 1x27"}, "2m30s", ()),
    "open for more than a minute": ({CLOSED % "a": "1 0x28"}, "2m", ("ReliabilityCircuitNotClosed",)),
    "open in one of two processes": ({CLOSED % "b": "0x30"}, "2m", ("ReliabilityCircuitNotClosed",)),
    "closed for an instant now and then": (
        {CLOSED % "a": "0 0 0 1 0 0 0 1 0 0 0 1 0 0 0 1 0x14"},
        "14m30s",
        ("ReliabilityCircuitNotClosed",),
    ),
    "opened for two scrapes": ({CLOSED % "a": "1x10 0 1 0 1x16"}, "14m", ()),
    "closed again": ({CLOSED % "a": "1 0 0 0 1x26"}, "8m", ()),
    "as many sessions as allowed": ({SESSIONS % "a": "100x30"}, "20m", ()),
    "one session too many": ({SESSIONS % "a": "101x30"}, "6m", ("ReliabilitySessionsTooMany",)),
    "two processes report the same sessions": ({SESSIONS % "a": "60x30", SESSIONS % "b": "60x30"}, "20m", ()),
    "nobody is logged in": ({SESSIONS % "a": "0x30"}, "20m", ()),
    "nobody counts sessions": ({SESSIONS % "a": "3 _x29"}, "20m", ("ReliabilitySessionsAbsent",)),
    "one of two services has stopped to report": (
        {SESSIONS % "a": "3x9 _x20", BAR: "3x30"},
        "20m",
        ("ReliabilitySessionsAbsent",),
    ),
    "a service was taken away": ({SESSIONS % "a": "3x9 _x90", BAR: "3x99"}, "95m", ()),
    "half of the locks refused": ({LOCKS % "conflict": "0+60x30"}, "20m", ()),
    "most locks refused": ({LOCKS % "conflict": "0+90x30"}, "20m", ("ReliabilityLocksRefused",)),
    "few locks, all refused": ({LOCKS % "ok": "0x30", LOCKS % "conflict": "0+1x30"}, "20m", ()),
    "the store is busy once in a while": ({LOCKS % "busy": "0 1x29"}, "4m", ()),
    "the store was busy once among few locks": (
        {LOCKS % "ok": "0x2 1x27", LOCKS % "conflict": None, LOCKS % "busy": "0x2 1x27"},
        "5m",
        (),
    ),
    "the store cannot be reached": ({LOCKS % "unavailable": "0+6x30"}, "20m", ("ReliabilityLockStoreFailing",)),
    "nobody takes locks": ({LOCKS % "ok": None, LOCKS % "conflict": None}, "20m", ()),
}


def promtool(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("promtool") or "promtool", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(render_rules())

    told = promtool("check", "rules", "--lint-fatal", str(tmp_path / "rules.yml"))

    assert told.returncode == 0, told.stdout + told.stderr
    assert "5 rules found" in told.stdout


def test_each_rule_fires_on_what_it_is_for_and_is_silent_beside_it(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(render_rules(AlertLimits(sessions_at_most=100)))
    tests = [case_for_promtool(name, *case) for name, case in CASES.items()]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document))

    told = promtool("test", "rules", str(tmp_path / "tests.yml"))

    assert told.returncode == 0, told.stdout + told.stderr
    assert {alert for _, _, alerts in CASES.values() for alert in alerts} == set(LABELS)


def test_sessions_that_nobody_ever_counted_are_told_without_a_service(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(render_rules())
    case = {
        "interval": "1m",
        "input_series": [{"series": 'up{job="shop"}', "values": "1x30"}],
        "promql_expr_test": [
            {
                "expr": 'count by (job) (ALERTS{alertname="ReliabilitySessionsAbsent", alertstate="firing"})',
                "eval_time": "6m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [case]}))

    told = promtool("test", "rules", str(tmp_path / "tests.yml"))

    assert told.returncode == 0, told.stdout + told.stderr


def test_promtool_finds_nothing_in_the_exposition_but_the_name_that_is_given() -> None:
    process = Process("a", ManualClock(), SessionManager(MemorySessions()))
    process.charge(fails=True)
    process.refused()

    told = promtool("check", "metrics", stdin=generate_latest(process.registry).decode())

    # the name of this gauge is given, so the one complaint about it stays
    assert (told.stdout + told.stderr).splitlines() == [
        'session_active_total non-counter metrics should not have "_total" suffix'
    ]


def case_for_promtool(name: str, change: dict[str, str | None], at: str, firing: tuple[str, ...]) -> dict[str, Any]:
    """Write one case as promtool reads it; annotations are compared too, so take them from the rules."""
    series = {**QUIET, **change}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": of, "values": values} for of, values in series.items() if values is not None],
        # ALERTS tells what fires without its annotations, which promtool would compare word by word
        "promql_expr_test": [
            {
                "expr": f'count by (job, name, kind) (ALERTS{{alertname="{alert}", alertstate="firing"}})',
                "eval_time": at,
                "exp_samples": [{"labels": labels_text(labels), "value": 1}] if alert in firing else [],
            }
            for alert, labels in LABELS.items()
        ],
    }


def labels_text(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
