import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.verdicts import EXIT_STATUS, Verdict, worst

VERDICTS = st.lists(st.sampled_from(Verdict))


def test_nothing_measured_is_not_a_pass():
    assert worst([]) is Verdict.NO_DATA


@given(first=VERDICTS, second=VERDICTS)
def test_folding_in_parts_gives_the_same_as_folding_at_once(first, second):
    parts = [worst(part) for part in (first, second) if part]

    assert worst(parts) is worst(first + second)


@given(verdicts=VERDICTS.filter(bool))
def test_the_fold_passes_only_when_every_part_passes(verdicts):
    assert (worst(verdicts) is Verdict.PASS) == (set(verdicts) == {Verdict.PASS})


@pytest.mark.parametrize(
    ("better", "worse"),
    list(itertools.combinations([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.FAIL], 2)),
)
def test_the_worse_of_two_verdicts_wins(better, worse):
    assert worst([better, worse]) is worse


def test_only_pass_exits_zero():
    assert {verdict for verdict, status in EXIT_STATUS.items() if status == 0} == {Verdict.PASS}
