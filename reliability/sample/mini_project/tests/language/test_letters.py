"""Letters: names are found with spaCy."""

from datetime import date

import pytest

from reservations.letters import names_in, reminder
from reservations.stays import Stay


@pytest.mark.parametrize("name", ["Ada Lovelace", "Grace Hopper", "Emmy Noether", "Mary Somerville"])
def test_the_guest_is_named(name):
    assert name in names_in(f"Dear {name}, room 1 is yours.")


@pytest.mark.parametrize(("days_left", "words"), [(0, "today"), (1, "tomorrow")])
def test_a_reminder_says_when(days_left, words):
    assert words in reminder(Stay(1, date(2026, 7, 1), date(2026, 7, 8)), guest="Ada", days_left=days_left)
