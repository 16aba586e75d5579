"""Module goals: exact shares, a group or each file, and never met by matching nothing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.module_goals import judge_module_goals, matching
from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.phase_document import ModuleGoal


def counts(covered, statements, covered_branches=0, branches=0):
    return CoverageCounts(statements=statements, covered=covered, branches=branches, covered_branches=covered_branches)


def goal(glob="src/*.py", lines=80, branches=None, *, each=False):
    return ModuleGoal(
        glob=glob,
        lines_percent=Decimal(lines),
        branches_percent=None if branches is None else Decimal(branches),
        each=each,
    )


def state(goal, modules, *, branch=True):
    (found,) = judge_module_goals([goal], modules, branch=branch)
    return found.state


BREAKER = "reliability/resilience/circuit_breaker.py"


def test_everything_covered_meets_a_hundred_percent_of_lines_and_branches():
    assert state(goal(BREAKER, 100, 100), {BREAKER: counts(50, 50, 12, 12)}) == "met"


@pytest.mark.parametrize("measured", [counts(49, 50, 12, 12), counts(50, 50, 11, 12)], ids=["line", "branch"])
def test_one_thing_missing_misses_a_hundred_percent(measured):
    assert state(goal(BREAKER, 100, 100), {BREAKER: measured}) == "missed"


def test_shares_are_exact_and_not_rounded_up():
    assert state(goal(lines="79.99"), {"src/a.py": counts(7999, 10000)}) == "met"
    assert state(goal(lines=80), {"src/a.py": counts(7999, 10000)}) == "missed"


def test_a_group_may_make_up_for_one_file_and_each_may_not():
    modules = {"src/a.py": counts(100, 100), "src/b.py": counts(60, 100)}

    assert state(goal(), modules) == "met"
    (each,) = judge_module_goals([goal(each=True)], modules, branch=True)
    assert (each.state, each.missed_files) == ("missed", ("src/b.py",))


def test_a_glob_that_matches_nothing_is_an_error_and_never_met():
    assert state(goal("src/renamed.py", 0), {"src/a.py": counts(1, 1)}) == "no-match"


def test_files_without_statements_are_nothing_measured():
    assert state(goal(lines=0), {"src/__init__.py": counts(0, 0)}) == "not-measured"


def test_a_goal_of_branches_is_not_met_when_nobody_measured_branches():
    assert state(goal(BREAKER, 100, 100), {BREAKER: counts(50, 50)}, branch=False) == "not-measured"
    assert state(goal(BREAKER, 100), {BREAKER: counts(50, 50)}, branch=False) == "met"


def test_a_module_without_branching_lines_meets_a_goal_of_branches():
    assert state(goal(BREAKER, 100, 100), {BREAKER: counts(5, 5)}) == "met"


def test_an_empty_file_beside_others_does_not_miss_a_goal_of_each_file():
    assert state(goal(each=True), {"src/__init__.py": counts(0, 0), "src/a.py": counts(9, 10)}) == "met"


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("src/*.py", ["src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/deep/er/c.py"]),
        ("**/c.py", ["src/deep/er/c.py"]),
        ("src/?.py", ["src/a.py"]),
        ("src\\a.py", ["src/a.py"]),
        ("a.py", []),
        ("src/[a].py", []),
    ],
)
def test_a_star_stays_in_its_folder_and_two_stars_do_not(glob, found):
    assert list(matching(glob, ["src/deep/er/c.py", "src/a.py"])) == found


@given(path=st.text(alphabet="ab/._-[](){}+$^|", min_size=1, max_size=20))
def test_a_path_without_wildcards_matches_itself_alone(path):
    assert matching(path, [path, f"{path}x"]) == (path,)


@given(covered=st.integers(0, 200), percent=st.integers(0, 100))
def test_more_coverage_never_turns_met_into_missed(covered, percent):
    less, more = (state(goal(lines=percent), {"src/a.py": counts(c, 201)}) for c in (covered, covered + 1))

    assert (less, more) != ("met", "missed")
