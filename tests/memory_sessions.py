"""Sessions in the memory of one process: for tests and tries; they are gone with it.

The other stores are asked to answer as this one does. Nothing durable belongs here.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from reliability.clock import Clock, SystemClock
from reliability.resilience.leases import to_microseconds
from reliability.resilience.sessions import Answer, Refusal, Refused, SessionRules, Stored, size_bytes

_EXPIRED = Refused(why=Refusal.EXPIRED)


class MemorySessions:
    """Sessions in a dictionary; see `reliability.resilience.sessions.SessionStore`.

    Args:
        clock: The time by which sessions expire.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._sessions: dict[str, Stored] = {}

    def create(self, session_id: str, *, kind: str, fields: Mapping[str, str], rules: SessionRules) -> Answer:
        """Make a session unless a living one has this id."""
        with self._lock:
            now_us = self._now_us()
            if self._living(session_id, now_us):
                return Refused(why=Refusal.EXISTS)
            made = Stored(
                session_id=session_id,
                kind=kind,
                fields=dict(fields),
                version=1,
                created_us=now_us,
                expires_us=rules.expires_us(created_us=now_us, now_us=now_us),
            )
            self._sessions[session_id] = made
            return made

    def get(self, session_id: str) -> Answer:
        """Return the living session."""
        with self._lock:
            return self._living(session_id, self._now_us()) or _EXPIRED

    def touch(self, session_id: str, *, rules: SessionRules) -> Answer:
        """Let the session expire later."""
        with self._lock:
            now_us = self._now_us()
            found = self._living(session_id, now_us)
            if found is None or found.created_us + rules.max_age_us <= now_us:
                return _EXPIRED
            expires_us = rules.expires_us(created_us=found.created_us, now_us=now_us)
            if expires_us - found.expires_us >= rules.touch_step_us:
                self._sessions[session_id] = found = replace(found, expires_us=expires_us)
            return found

    def update(
        self, session_id: str, *, changes: Mapping[str, str | None], expected_version: int | None, rules: SessionRules
    ) -> Answer:
        """Replace the named fields, take away those that are None, count the version, let it expire later."""
        with self._lock:
            now_us = self._now_us()
            found = self._living(session_id, now_us)
            if found is None or found.created_us + rules.max_age_us <= now_us:
                return _EXPIRED
            if expected_version not in (None, found.version):
                return Refused(why=Refusal.VERSION, current_version=found.version)
            merged = {name: value for name, value in {**found.fields, **changes}.items() if value is not None}
            if size_bytes(merged) > rules.largest_bytes:
                return Refused(why=Refusal.TOO_LARGE)
            expires_us = rules.expires_us(created_us=found.created_us, now_us=now_us)
            updated = replace(found, fields=merged, version=found.version + 1, expires_us=expires_us)
            self._sessions[session_id] = updated
            return updated

    def end(self, session_id: str) -> bool:
        """Remove the session; False when it was not alive."""
        with self._lock:
            alive = self._living(session_id, self._now_us()) is not None
            self._sessions.pop(session_id, None)
            return alive

    def count_active(self) -> Mapping[str, int]:
        """Count the living sessions of each kind that has any."""
        with self._lock:
            now_us = self._now_us()
            return Counter(session.kind for session in self._sessions.values() if session.expires_us > now_us)

    def trim(self) -> int:
        """Take the dead ones away; return how many."""
        with self._lock:
            now_us = self._now_us()
            dead = [name for name, session in self._sessions.items() if session.expires_us <= now_us]
            for name in dead:
                del self._sessions[name]
            return len(dead)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _living(self, session_id: str, now_us: int) -> Stored | None:
        found = self._sessions.get(session_id)
        return found if found is not None and found.expires_us > now_us else None

    def _now_us(self) -> int:
        return to_microseconds(self._clock.now())
