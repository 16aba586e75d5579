"""What a forecast takes from the record: one share per commit, of one way of counting."""

from fractions import Fraction

from reliability.notebook.phase_course import observations_since_baseline
from reliability.sources.record import Entry, PhaseRecord
from tests.unit.phase.recorded import entry


def shares(*entries: Entry) -> list[Fraction]:
    return [share for _, share in observations_since_baseline(PhaseRecord(entries=entries, unreadable={}))]


def test_a_baseline_and_the_observation_of_its_run_are_one_point() -> None:
    assert shares(entry("baseline", 33, "1"), entry("observation", 33, "1"), entry("observation", 34, "2")) == [
        Fraction(33, 100), Fraction(34, 100),
    ]  # fmt: skip


def test_what_was_counted_otherwise_is_left_out() -> None:
    old, other = "a" * 64, "b" * 64
    before = [entry("baseline", 33, "1", definition=old), entry("observation", 34, "2", definition=old)]
    after = [
        entry("baseline", 60, "3", definition=other),
        entry("observation", 34, "3", definition=old),
        entry("observation", 61, "4", definition=other),
    ]

    assert shares(*before, *after) == [Fraction(60, 100), Fraction(61, 100)]


def test_an_empty_record_has_no_observations() -> None:
    assert shares() == []
