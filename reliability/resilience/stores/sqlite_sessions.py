"""Sessions in a SQLite file, for the processes of one machine: an update is one statement.

The context is a JSON object whose values are the texts of the real values, so that `json_patch`
merges the first level only. The time is read inside the transaction. Which words a refusal gets
does not belong here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reliability.clock import Clock, SystemClock
from reliability.resilience.leases import to_microseconds
from reliability.resilience.sessions import Answer, Refusal, Refused, SessionRules, Stored
from reliability.resilience.stores.sqlite_database import SqliteDatabase, damaged

_COLUMNS: Final = "session_id, kind, context, version, created_us, expires_us"
_MIGRATIONS: Final = (
    (
        """CREATE TABLE reliability_session (
            session_id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            context TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_us INTEGER NOT NULL,
            expires_us INTEGER NOT NULL)""",
        "CREATE INDEX reliability_session_by_expiry ON reliability_session (expires_us, kind)",
    ),
)
_ALIVE: Final = "session_id = :session_id AND expires_us > :now_us"
_EXPIRES: Final = "min(:now_us + :ttl_us, created_us + :max_age_us)"
_CREATE: Final = (
    f"INSERT OR REPLACE INTO reliability_session ({_COLUMNS}) VALUES (:session_id, :kind, :context, 1, :now_us, "  # noqa: S608
    f"min(:now_us + :ttl_us, :now_us + :max_age_us)) RETURNING {_COLUMNS}"
)
_GET: Final = f"SELECT {_COLUMNS} FROM reliability_session WHERE {_ALIVE}"  # noqa: S608
_TOUCH: Final = f"UPDATE reliability_session SET expires_us = {_EXPIRES} WHERE {_ALIVE} RETURNING {_COLUMNS}"  # noqa: S608
_MERGED: Final = "json_patch(context, :patch)"
_FITS: Final = (  # the text is never shorter than what is counted, which takes longer
    f"(length({_MERGED}) <= :largest_bytes OR :largest_bytes >= "  # noqa: S608
    f"(SELECT total(length(CAST(key AS BLOB)) + length(value)) FROM json_each({_MERGED})))"
)
_UPDATE: Final = (
    f"UPDATE reliability_session SET context = {_MERGED}, version = version + 1, expires_us = {_EXPIRES} "  # noqa: S608
    f"WHERE {_ALIVE} AND created_us + :max_age_us > :now_us AND json_type(context) = 'object' "
    f"AND version = coalesce(:expected_version, version) AND {_FITS} RETURNING {_COLUMNS}"
)
_END: Final = f"DELETE FROM reliability_session WHERE {_ALIVE}"  # noqa: S608
_COUNT: Final = "SELECT kind, count(*) FROM reliability_session WHERE expires_us > :now_us GROUP BY kind"
_TRIM: Final = (
    "DELETE FROM reliability_session WHERE rowid IN "
    "(SELECT rowid FROM reliability_session WHERE expires_us <= :now_us LIMIT :limit)"
)
_A_FEW: Final = 10  # dead ones that each new one takes away, so that the file does not grow for ever


class SqliteSessions:
    """Sessions in one file; see `reliability.resilience.sessions.SessionStore`.

    Args:
        path: The file; made when it is not there. Never on a network disk.
        clock: The time by which sessions expire; all processes on the file must agree on it, and it must
            not go back, which would give an expired session another life.
        durable: Whether a change is on the disk before it is answered; otherwise a power loss may
            forget the last ones. The end of a program forgets none either way.
        busy_seconds: How long a call waits for others.

    Raises:
        BackendError: The file cannot be used.
    """

    def __init__(
        self, path: Path, *, clock: Clock | None = None, durable: bool = False, busy_seconds: float = 10.0
    ) -> None:
        self._clock = clock or SystemClock()
        self._database = SqliteDatabase(
            path, component="sessions", migrations=_MIGRATIONS, durable=durable, busy_seconds=busy_seconds
        )

    def create(self, session_id: str, *, kind: str, fields: Mapping[str, str], rules: SessionRules) -> Answer:
        """Make a session unless a living one has this id; takes a few dead ones away."""
        asked = {"session_id": session_id, "kind": kind, "context": json.dumps(dict(fields)), **_lives(rules)}
        with self._database.write() as connection:
            now = self._now()
            if connection.execute(_GET, asked | now).fetchone():
                return Refused(why=Refusal.EXISTS)
            connection.execute(_TRIM, now | {"limit": _A_FEW})
            return _session(connection.execute(_CREATE, asked | now).fetchone())

    def get(self, session_id: str) -> Answer:
        """Return the living session."""
        with self._database.read() as connection:
            return _session(connection.execute(_GET, {"session_id": session_id, **self._now()}).fetchone())

    def touch(self, session_id: str, *, rules: SessionRules) -> Answer:
        """Let the session expire later; reads only where there is little to gain."""
        found, now_us = self.get(session_id), self._now()["now_us"]
        if isinstance(found, Refused) or found.created_us + rules.max_age_us <= now_us:
            return Refused(why=Refusal.EXPIRED)
        expires_us = rules.expires_us(created_us=found.created_us, now_us=now_us)
        if expires_us - found.expires_us < rules.touch_step_us:
            return found
        with self._database.write() as connection:
            asked = {"session_id": session_id, **_lives(rules), **self._now()}
            return _session(connection.execute(_TOUCH, asked).fetchone())

    def update(
        self, session_id: str, *, changes: Mapping[str, str | None], expected_version: int | None, rules: SessionRules
    ) -> Answer:
        """Replace the named fields, take away those that are None, count the version, let it expire later."""
        asked = {
            "session_id": session_id,
            "patch": json.dumps(dict(changes)),
            "expected_version": expected_version,
            "largest_bytes": rules.largest_bytes,
            **_lives(rules),
        }
        with self._database.write() as connection:
            now = self._now()
            row = connection.execute(_UPDATE, asked | now).fetchone()
            if row is not None:
                return _session(row)
            found = _session(connection.execute(_GET, asked | now).fetchone())
        if isinstance(found, Refused) or found.created_us + rules.max_age_us <= now["now_us"]:
            return Refused(why=Refusal.EXPIRED)
        if expected_version not in (None, found.version):
            return Refused(why=Refusal.VERSION, current_version=found.version)
        return Refused(why=Refusal.TOO_LARGE)

    def end(self, session_id: str) -> bool:
        """Remove the session; False when it was not alive."""
        with self._database.write() as connection:
            return connection.execute(_END, {"session_id": session_id, **self._now()}).rowcount == 1

    def count_active(self) -> Mapping[str, int]:
        """Count the living sessions of each kind that has any, by the index of expiry alone."""
        with self._database.read() as connection:
            return dict(connection.execute(_COUNT, self._now()).fetchall())

    def trim(self) -> int:
        """Take the dead ones away; return how many."""
        with self._database.write() as connection:
            return connection.execute(_TRIM, {**self._now(), "limit": -1}).rowcount

    def close(self) -> None:
        """Close the connection of this thread."""
        self._database.close()

    def _now(self) -> dict[str, int]:
        return {"now_us": to_microseconds(self._clock.now())}


def _lives(rules: SessionRules) -> dict[str, int]:
    return {"ttl_us": rules.ttl_us, "max_age_us": rules.max_age_us}


def _session(row: tuple[str, str, str, int, int, int] | None) -> Answer:
    if row is None:
        return Refused(why=Refusal.EXPIRED)
    session_id, kind, context, version, created_us, expires_us = row
    try:
        fields = dict(json.loads(context).items())
    except (AttributeError, TypeError, ValueError) as err:
        raise damaged("the table of sessions", err) from None
    return Stored(
        session_id=session_id,
        kind=kind,
        fields=fields,
        version=version,
        created_us=created_us,
        expires_us=expires_us,
    )
