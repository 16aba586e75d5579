"""Requirements judge: verified is earned by a test that passed, and lost by any that did not."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.requirements import TestFact, judge_requirements

OUTCOMES = ("passed", "xfailed", "skipped", "failed", "error")


def facts(*outcomes, ids=("RES-1",), suite="unit"):
    return [
        TestFact(test=f"tests/test_a.py::test[{n}]", suite=suite, outcome=outcome, requirement_ids=ids)
        for n, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        (["passed"], "verified"),
        (["passed", "passed"], "verified"),
        (["passed", "skipped"], "verified"),
        (["passed", "failed"], "failed"),
        (["passed", "error"], "failed"),
        (["skipped", "failed"], "failed"),
        (["skipped", "skipped"], "blocked"),
        (["xfailed"], "blocked"),
        (["passed", "xfailed"], "blocked"),
        ([], "untested"),
    ],
    ids=lambda value: "-".join(value) or "none" if isinstance(value, list) else value,
)
def test_the_outcomes_of_the_tests_make_the_state(outcomes, state):
    matrix = judge_requirements(["RES-1"], facts(*outcomes))

    assert matrix.states == {"RES-1": state}


@given(outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=6))
def test_verified_always_has_a_passed_test_and_no_broken_one(outcomes):
    state = judge_requirements(["RES-1"], facts(*outcomes)).states["RES-1"]

    assert (state == "verified") <= ("passed" in outcomes and not {"failed", "error", "xfailed"} & set(outcomes))
    assert (state == "failed") == bool({"failed", "error"} & set(outcomes))
    assert (state == "untested") == (not outcomes)


def test_rows_keep_the_order_of_the_list_and_untested_ones_are_shown():
    matrix = judge_requirements(["RES-2", "RES-1"], facts("passed"))

    assert [(row.id, row.state) for row in matrix.rows] == [("RES-2", "untested"), ("RES-1", "verified")]


def test_an_id_that_the_list_does_not_know_is_told_with_its_test():
    matrix = judge_requirements(["RES-1"], facts("passed", ids=("RES-1", "RES-9")))

    assert matrix.unknown == (("RES-9", "tests/test_a.py::test[0]"),)
    assert not matrix.is_verified


def test_one_test_may_show_several_requirements_and_name_one_twice():
    matrix = judge_requirements(["RES-1", "RES-2"], facts("passed", ids=("RES-1", "RES-2", "RES-1")))

    assert [len(row.tests) for row in matrix.rows] == [1, 1]
    assert matrix.is_verified


def test_a_failure_in_any_suite_counts():
    matrix = judge_requirements(["RES-1"], [*facts("passed"), *facts("failed", suite="servers")])

    assert matrix.states == {"RES-1": "failed"}
    assert matrix.rows[0].suites == ("servers", "unit")


def test_a_matrix_of_nothing_is_not_verified():
    assert not judge_requirements([], []).is_verified


def test_the_order_in_which_tests_arrive_does_not_matter():
    both = [fact for outcome, suite in product(OUTCOMES, ("a", "b")) for fact in facts(outcome, suite=suite)]

    assert judge_requirements(["RES-1"], both) == judge_requirements(["RES-1"], reversed(both))
