"""Guests' sessions: what a guest chose so far, forgotten after a while."""

import time


class Sessions:
    """Sessions by guest.

    Attributes:
        keep_seconds: How long a session is kept after its last change.
    """

    def __init__(self, keep_seconds=600.0):
        self.keep_seconds = keep_seconds
        self._changed_at = {}
        self._choices = {}

    def update(self, guest, **choices):
        """Remember choices beside those made before."""
        self._drop_old()
        self._choices.setdefault(guest, {}).update(choices)
        self._changed_at[guest] = time.monotonic()
        return dict(self._choices[guest])

    @property
    def active_total(self):
        """How many sessions are kept."""
        self._drop_old()
        return len(self._choices)

    def _drop_old(self):
        oldest = time.monotonic() - self.keep_seconds
        for guest in [guest for guest, at in self._changed_at.items() if at < oldest]:
            del self._changed_at[guest]
            del self._choices[guest]
