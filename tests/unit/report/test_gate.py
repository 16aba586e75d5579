import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError, MissingEvidenceError, UnknownReportError
from reliability.report.gate import judge_gate
from reliability.sources.checkout import Checkout
from reliability.verdicts import Verdict
from tests.unit.report import examples

HERE = Checkout(commit="a" * 40, dirty=False)
REQUIRED = ("canary_comparison", "phase_progress", "rollback_readiness")


MADE_AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def write_run(
    outputs,
    run_id,
    *,
    reason="inside-budget",
    commit=HERE.commit,
    dirty=False,
    made_at="2026-11-26T12:00:00Z",
    **verdicts,
):
    folder = outputs / "runs" / run_id
    folder.mkdir(parents=True)
    for name, verdict in verdicts.items():
        report = examples.own_report(report=name, verdict=verdict, reason=reason, made_at=made_at)
        report["provenance"].update(commit=commit, dirty=dirty)
        (folder / f"{name}.json").write_text(json.dumps(report))
    return outputs


def gate(outputs, *names, run_id=None, checkout=HERE, now=MADE_AT):
    return judge_gate(outputs, names, run_id=run_id, checkout=checkout, required=REQUIRED, now=now)


@given(verdicts=st.tuples(*[st.sampled_from(Verdict)] * 3))
def test_the_gate_opens_only_when_all_three_reports_pass(tmp_path_factory, verdicts):
    names = dict(zip(REQUIRED, (verdict.value for verdict in verdicts), strict=True))
    outputs = write_run(tmp_path_factory.mktemp("gate"), "20261126T120000Z-0001", **names)

    decided = gate(outputs)

    assert (decided.status == 0) == (set(verdicts) == {Verdict.PASS})


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [(("PASS", "FAIL", "NO_DATA"), 1), (("PASS", "NO_DATA", "INCONCLUSIVE"), 4), (("PASS", "INCONCLUSIVE", "PASS"), 3)],
    ids=["fail beats no data", "no data beats no decision", "no decision beats pass"],
)
def test_the_worst_report_sets_the_status(tmp_path, verdicts, status):
    outputs = write_run(tmp_path, "20261126T120000Z-0001", **dict(zip(REQUIRED, verdicts, strict=True)))

    assert gate(outputs).status == status


def test_a_report_that_could_not_be_made_is_a_run_error(tmp_path):
    outputs = write_run(
        tmp_path, "20261126T120000Z-0001", reason="notebook-failed", **dict.fromkeys(REQUIRED, "NO_DATA")
    )

    assert gate(outputs).status == 5


def test_the_newest_run_is_judged(tmp_path):
    write_run(tmp_path, "20261126T120000Z-ffff", **dict.fromkeys(REQUIRED, "PASS"))
    write_run(tmp_path, "20261126T120001Z-0000", **dict.fromkeys(REQUIRED, "FAIL"))

    assert gate(tmp_path).run_id == "20261126T120001Z-0000"
    assert gate(tmp_path, run_id="20261126T120000Z-ffff").status == 0


def test_a_run_of_another_commit_counts_only_when_named(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", commit="b" * 40, **dict.fromkeys(REQUIRED, "PASS"))

    with pytest.raises(MissingEvidenceError, match=r"--run 20261126T120000Z-0001"):
        gate(tmp_path)

    assert gate(tmp_path, run_id="20261126T120000Z-0001").verdict is Verdict.PASS


def test_a_missing_report_is_not_a_pass(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", canary_comparison="PASS")

    decided = gate(tmp_path)

    assert decided.status == 4
    assert set(decided.problems) == {"phase_progress", "rollback_readiness"}
    assert gate(tmp_path, "canary").status == 0


def test_a_failing_report_outweighs_a_missing_one(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", canary_comparison="FAIL")

    assert gate(tmp_path).status == 1


def test_every_report_of_the_run_gates_even_one_that_no_release_needs(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", **dict.fromkeys(REQUIRED, "PASS"), one_run_by_path="FAIL")

    assert gate(tmp_path).status == 1
    assert gate(tmp_path, *REQUIRED).status == 0


def test_a_run_that_is_not_there_is_no_data_and_the_newest_are_named(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", canary_comparison="PASS")

    with pytest.raises(MissingEvidenceError, match=r"no run '\.\.'.*20261126T120000Z-0001"):
        gate(tmp_path, run_id="..")


def test_no_run_at_all_is_no_data(tmp_path):
    with pytest.raises(MissingEvidenceError, match="reliability report"):
        gate(tmp_path)


def test_a_name_that_the_run_lacks_is_a_usage_error(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", canary_comparison="PASS")

    with pytest.raises(UnknownReportError, match="there is no report 'rollback'"):
        gate(tmp_path, "rollback")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": "other/1"}', '{"schema": "reliability.report/1", "verdict": "pass"}']
)
def test_a_torn_or_foreign_report_is_never_a_pass(tmp_path, content):
    write_run(tmp_path, "20261126T120000Z-0001", **dict.fromkeys(REQUIRED, "PASS"))
    (tmp_path / "runs" / "20261126T120000Z-0001" / "phase_progress.json").write_text(content)

    decided = gate(tmp_path)

    assert decided.status == 4
    assert "phase_progress.json" in decided.problems["phase_progress"]


def test_a_run_is_too_old_after_a_day_unless_it_is_named(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", **dict.fromkeys(REQUIRED, "PASS"))
    day = timedelta(days=1)

    assert gate(tmp_path, now=MADE_AT + day).status == 0
    with pytest.raises(MissingEvidenceError, match=r"more than a day ago.*--run 20261126T120000Z-0001"):
        gate(tmp_path, now=MADE_AT + day + timedelta(seconds=1))
    assert gate(tmp_path, run_id="20261126T120000Z-0001", now=MADE_AT + 9 * day).status == 0


def test_local_changes_since_the_run_are_not_the_measured_tree(tmp_path):
    write_run(tmp_path, "20261126T120000Z-0001", **dict.fromkeys(REQUIRED, "PASS"))

    with pytest.raises(MissingEvidenceError, match="with local changes"):
        gate(tmp_path, checkout=Checkout(commit=HERE.commit, dirty=True))


@pytest.mark.parametrize("made_at", ["yesterday", "2026-11-26T12:00:00"])
def test_a_report_that_does_not_say_when_it_was_made_is_never_a_pass(tmp_path, made_at):
    write_run(tmp_path, "20261126T120000Z-0001", made_at=made_at, **dict.fromkeys(REQUIRED, "PASS"))

    with pytest.raises(BrokenEvidenceError, match="when it was made"):
        gate(tmp_path)
