"""Sessions: nothing is lost by an update, and old ones go."""

import time

from reservations.sessions import Sessions


def test_an_update_keeps_what_was_chosen_before():
    sessions = Sessions()
    sessions.update("ada", room=1)

    assert sessions.update("ada", nights=2) == {"room": 1, "nights": 2}
    assert sessions.active_total == 1


def test_an_old_session_is_forgotten():
    sessions = Sessions(keep_seconds=0.5)
    sessions.update("ada", room=1)
    time.sleep(0.6)

    assert sessions.active_total == 0


def test_a_session_lives_on_when_it_is_changed():
    sessions = Sessions(keep_seconds=0.5)
    sessions.update("ada", room=1)
    time.sleep(0.3)
    sessions.update("ada", nights=2)
    time.sleep(0.3)

    assert sessions.active_total == 1
