"""Drill logs: the last drill counts, and a log cut anywhere is never a PASS."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.clock import format_instant
from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.judge.drill import Drill, judge_drill
from reliability.sources.drill_log import read_drill_log
from reliability.verdicts import Verdict
from tests.evidence_file import read_bytes

BEGUN = datetime(2026, 11, 26, 12, tzinfo=UTC)
STEPS = (("decide", "decision"), ("switch", "action"), ("verify_release", "verify"), ("verify_latency", "verify"))
DIGEST = "c" * 64


def decode_drill_log(body: bytes, *, where: str) -> tuple[Drill, ...]:
    return read_bytes(read_drill_log, body, where)


def events(run_id: str = "drill-1", *, status: str = "ok", begun: datetime = BEGUN) -> list[dict[str, object]]:
    at = [format_instant(begun + timedelta(seconds=3 * i)) for i in range(len(STEPS) + 1)]
    start: dict[str, object] = {
        "schema": "reliability.drill/1", "event": "start", "run_id": run_id, "at": at[0], "runbook": "r.md",
        "runbook_sha256": DIGEST, "service": "staging", "from_release": "2.8.0", "to_release": "2.7.3",
        "decider": "someone", "limit_seconds": 900,
    }  # fmt: skip
    steps: list[dict[str, object]] = [
        {"event": "step", "run_id": run_id, "at": at[i], "step": step, "kind": kind, "seconds": 3.0,
         "budget_seconds": 60, "status": "ok", "evidence": "2 of 2"}
        for i, (step, kind) in enumerate(STEPS, start=1)
    ]  # fmt: skip
    end: dict[str, object] = {"event": "end", "run_id": run_id, "at": at[-1], "seconds": 12.0, "status": status}
    return [start, *steps, end]


def log(*drills: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for drill in drills for event in drill)


def verdict_of(body: bytes) -> Verdict:
    return judge_drill(
        decode_drill_log(body, where="drill.jsonl")[-1],
        planned_steps=[step for step, _ in STEPS],
        runbook_sha256=DIGEST,
        as_of=BEGUN + timedelta(days=1),
    ).verdict


def test_a_whole_drill_passes() -> None:
    assert verdict_of(log(events())) is Verdict.PASS


@given(cut=st.integers(0, len(log(events())) - 1))
def test_a_log_cut_at_any_byte_is_never_a_pass(cut: int) -> None:
    torn = log(events())[:cut]

    try:
        verdict = verdict_of(torn)
    except BrokenEvidenceError:
        return
    assert verdict is not Verdict.PASS


@given(data=st.data())
def test_a_cut_inside_the_second_drill_does_not_fall_back_on_the_first(data: st.DataObject) -> None:
    first, both = log(events()), log(events(), events("drill-2"))
    torn = both[: data.draw(st.integers(len(first) + 1, len(both) - 1))]

    try:
        verdict = verdict_of(torn)
    except BrokenEvidenceError:
        return
    assert verdict is not Verdict.PASS


def test_the_last_drill_counts() -> None:
    found = decode_drill_log(log(events("drill-1", status="failed"), events("drill-2")), where="x")

    assert [drill.status for drill in found] == ["failed", "ok"]
    assert found[-1].start.run_id == "drill-2"
    assert found[-1].start.at == BEGUN
    assert [step.id for step in found[-1].steps] == [step for step, _ in STEPS]


def test_a_drill_without_its_end_is_incomplete() -> None:
    drill = decode_drill_log(log(events()[:-1]), where="x")[-1]

    assert drill.status == "incomplete"
    assert drill.seconds is None
    assert drill.end is None


def test_a_drill_that_another_one_follows_without_an_end_stays_incomplete() -> None:
    found = decode_drill_log(log(events("drill-1")[:3], events("drill-2")), where="x")

    assert [drill.status for drill in found] == ["incomplete", "ok"]


def changed(place: int, **fields: object) -> bytes:
    drill = events()
    drill[place] = {**drill[place], **fields}
    return log(drill)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no drill"),
        (b"\n", "line 1"),
        (b"<html>\n", "line 1"),
        (b'{"event": "other"}\n', "line 1"),
        (log(events()[1:]), "outside of that drill"),
        (log([*events(), events()[1]]), "line 7"),
        (log([events("a")[0], *events("b")[1:]]), "outside of that drill"),
        (changed(0, schema="reliability.drill/2"), "schema"),
        (changed(0, runbook_sha256="none"), "runbook_sha256"),
        (changed(0, at="2026-11-26T12:00:00"), "at = '2026-11-26T12:00:00': Input should have timezone info"),
        (changed(0, at=1732622400), "at = 1732622400: Input should be a valid datetime"),
        (changed(2, seconds=-1), "seconds"),
        (changed(2, seconds="3"), "seconds"),
        (changed(2, seconds=float("inf")), "line 3"),
        (changed(2, status="fine"), "status"),
        (changed(5, status="incomplete"), "status"),
        (log(events()) + b'{"event": "sta', "torn"),
    ],
)
def test_a_foreign_line_is_refused_with_its_place(body: bytes, problem: str) -> None:
    with pytest.raises(BrokenEvidenceError, match=r"/drill\.jsonl") as refused:
        decode_drill_log(body, where="drill.jsonl")
    assert problem in str(refused.value)


def test_markup_in_evidence_stays_text() -> None:
    body = changed(2, evidence='<script>alert("1")</script>')

    assert decode_drill_log(body, where="x")[-1].steps[1].evidence == '<script>alert("1")</script>'


def test_unknown_fields_of_a_newer_recorder_do_no_harm() -> None:
    assert verdict_of(changed(2, prev="d" * 64)) is Verdict.PASS


def test_a_missing_log_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="drill_file"):
        read_drill_log(tmp_path / "none.jsonl")
