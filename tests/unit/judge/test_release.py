import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.release import GATES, GateOutcome, judge_release
from reliability.verdicts import Verdict, worst

verdicts = st.sampled_from(list(Verdict))


def outcome(name: str, verdict: Verdict, *, cautions: bool = False) -> GateOutcome:
    return GateOutcome(report=name, verdict=verdict, has_cautions=cautions)


@given(found=st.dictionaries(st.sampled_from(GATES), verdicts))
def test_a_release_passes_only_when_every_gate_has_a_passing_report(found: dict[str, Verdict]) -> None:
    judged = judge_release({name: outcome(name, verdict) for name, verdict in found.items()})

    assert (judged.verdict is Verdict.PASS) == (set(found) == set(GATES) and set(found.values()) == {Verdict.PASS})


@given(found=st.fixed_dictionaries(dict.fromkeys(GATES, verdicts)))
def test_the_verdict_is_the_fold_of_the_gates(found: dict[str, Verdict]) -> None:
    judged = judge_release({name: outcome(name, verdict) for name, verdict in found.items()})

    assert judged.verdict is worst(found.values())


@given(found=st.fixed_dictionaries(dict.fromkeys(GATES, verdicts)))
def test_the_first_to_do_is_a_gate_that_carries_the_verdict(found: dict[str, Verdict]) -> None:
    judged = judge_release({name: outcome(name, verdict) for name, verdict in found.items()})

    if judged.verdict is Verdict.PASS:
        assert judged.first_to_do is None
    else:
        assert judged.first_to_do is not None
        assert found[judged.first_to_do] is judged.verdict


def test_gates_come_worst_first_and_equals_in_the_order_of_the_house() -> None:
    for canary, rollback, phase in itertools.product(Verdict, repeat=3):
        judged = judge_release({n: outcome(n, v) for n, v in zip(GATES, (canary, rollback, phase), strict=True)})
        order = [Verdict.FAIL, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.PASS]

        ranks = [(order.index(gate.verdict), GATES.index(gate.report)) for gate in judged.gates]

        assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (Verdict.PASS, "passed"),
        (Verdict.FAIL, "failed"),
        (Verdict.INCONCLUSIVE, "undecided"),
        (Verdict.NO_DATA, "no-data"),
    ],
)
def test_each_outcome_has_its_reason(canary: Verdict, reason: str) -> None:
    passing = {name: outcome(name, Verdict.PASS) for name in GATES}

    assert judge_release({**passing, GATES[0]: outcome(GATES[0], canary)}).reason == reason


def test_a_pass_with_cautions_is_attention_and_the_cautious_gate_comes_first() -> None:
    passing = {name: outcome(name, Verdict.PASS) for name in GATES}

    judged = judge_release({**passing, "phase_progress": outcome("phase_progress", Verdict.PASS, cautions=True)})

    assert (judged.verdict, judged.reason, judged.first_to_do) == (Verdict.PASS, "attention", "phase_progress")


def test_a_missing_report_is_no_data_and_never_a_pass() -> None:
    judged = judge_release({GATES[0]: outcome(GATES[0], Verdict.PASS)})

    assert (judged.verdict, judged.reason, judged.missing_count, judged.passed_count) == (
        Verdict.NO_DATA,
        "missing-reports",
        2,
        1,
    )


def test_without_any_report_nothing_may_go_out() -> None:
    assert judge_release({}).reason == "no-reports"
    assert judge_release({}).verdict is Verdict.NO_DATA


def test_a_failing_gate_outweighs_a_missing_one() -> None:
    assert judge_release({GATES[1]: outcome(GATES[1], Verdict.FAIL)}).reason == "failed"


@given(
    found=st.dictionaries(st.sampled_from([*GATES, "queue_depth", "refunds"]), verdicts),
    own=st.sets(st.sampled_from(["queue_depth", "refunds"])),
)
def test_every_report_of_the_run_gates_and_a_needed_one_that_is_missing_is_no_data(found, own) -> None:
    judged = judge_release({name: outcome(name, verdict) for name, verdict in found.items()}, (*GATES, *own))

    assert {gate.report for gate in judged.gates} == {*GATES, *own, *found}
    assert {gate.report for gate in judged.gates if gate.is_missing} == {*GATES, *own} - set(found)
    assert judged.verdict is worst([*found.values(), *[Verdict.NO_DATA] * judged.missing_count])


def test_own_reports_stand_behind_the_three_by_name() -> None:
    passing = {name: outcome(name, Verdict.PASS) for name in ("refunds", "capacity", *GATES)}

    assert [gate.report for gate in judge_release(passing).gates] == [*GATES, "capacity", "refunds"]
