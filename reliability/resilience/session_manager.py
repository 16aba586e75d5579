"""Sessions: a context that several processes change at once, and that ends when nobody uses it.

An update names the fields that it changes, so two at the same time lose nothing of each other. A
session lives `ttl_seconds` behind its last use and `max_age_seconds` at most; no update brings one
back. Where sessions are kept belongs to `reliability.resilience.stores`, the form in which they are
asked for to `reliability.resilience.sessions`, the gauge to `reliability.resilience.session_metrics`.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from reliability.errors import (
    BackendBrokenError,
    SessionExistsError,
    SessionExpiredError,
    SessionPatchError,
    VersionConflictError,
)
from reliability.resilience.leases import from_microseconds
from reliability.resilience.sessions import Answer, Refusal, Session, SessionRules, SessionStore, Stored, size_bytes

__all__ = ["Session", "SessionManager", "SessionStore"]
_CENTURY_SECONDS: Final = 100 * 365.25 * 86_400
_LONGEST_NAME: Final = 200
_LARGEST_VERSION: Final = 2**53  # what a script in Redis counts exactly
_DEEPEST: Final = 64  # levels of a value; much deeper ones cannot be read everywhere
_SHOWN: Final = 8  # an id may be all that protects a session


class SessionManager:
    """Makes, reads and updates sessions; safe for threads and, by its store, for processes and hosts.

    Args:
        store: Where they are kept.
        ttl_seconds: Life of a session behind its last use.
        max_age_seconds: Life of a session behind its creation, used or not.
        largest_bytes: Largest context: the bytes of its names and of its values as JSON.
        touch_step_seconds: A touch that would let a session live longer by less than this writes
            nothing; 0 writes always. A tenth of `ttl_seconds` spares most writes of busy sessions.

    Raises:
        ValueError: A number with which no session would live.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        ttl_seconds: float = 1800.0,
        max_age_seconds: float = 86400.0,
        largest_bytes: int = 65536,
        touch_step_seconds: float = 0.0,
    ) -> None:
        if not (0 < ttl_seconds <= _CENTURY_SECONDS and 0 < max_age_seconds <= _CENTURY_SECONDS):
            raise ValueError(f"sessions live more than 0 s, not {ttl_seconds} s and at most {max_age_seconds} s")
        if not (largest_bytes > 0 and 0 <= touch_step_seconds < ttl_seconds):
            raise ValueError(
                f"sessions need room, not {largest_bytes} bytes, and a step of touches from 0 to below "
                f"{ttl_seconds} s, not {touch_step_seconds} s"
            )
        self._store = store
        self._rules = SessionRules(
            ttl_us=_microseconds(ttl_seconds),
            max_age_us=_microseconds(max_age_seconds),
            touch_step_us=round(touch_step_seconds * 1_000_000),
            largest_bytes=largest_bytes,
        )

    def create(
        self, context: Mapping[str, Any] | None = None, *, kind: str = "guest", session_id: str | None = None
    ) -> Session:
        """Make a session.

        Args:
            context: What it remembers: names and JSON values; a value of None is left out.
            kind: What it is of; a label of the gauge, so let there be few.
            session_id: Its id; None draws one that cannot be guessed. One that has expired may be taken again.

        Returns:
            The session, in version 1.

        Raises:
            SessionPatchError: The context is no object, no JSON or too large, or a name cannot be kept.
            SessionExistsError: A living session has this id.
            BackendError: The store cannot be used.
        """
        _check_name(kind, what="kind of a session")
        changes = self._encoded(context if context is not None else {})
        fields = {name: value for name, value in changes.items() if value is not None}
        name = _checked_id(session_id if session_id is not None else secrets.token_urlsafe())
        return self._told(name, self._store.create(name, kind=kind, fields=fields, rules=self._rules))

    def get(self, session_id: str) -> Session:
        """Read a session without using it: its end stays where it is.

        Args:
            session_id: Its id.

        Returns:
            The session.

        Raises:
            SessionExpiredError: There is none, or no longer.
            BackendError: The store cannot be used.
        """
        return self._told(session_id, self._store.get(_checked_id(session_id)))

    def touch(self, session_id: str) -> Session:
        """Use a session: it lives `ttl_seconds` from now; its version stays.

        Args:
            session_id: Its id.

        Returns:
            The session.

        Raises:
            SessionExpiredError: There is none, or no longer.
            BackendError: The store cannot be used.
        """
        return self._told(session_id, self._store.touch(_checked_id(session_id), rules=self._rules))

    def update(self, session_id: str, patch: Mapping[str, Any], *, expected_version: int | None = None) -> Session:
        """Change the named fields of a session and use it; the other fields stay as they are.

        Args:
            session_id: Its id.
            patch: New values by name. A value replaces the old one whole, also when both are objects
                or lists; None takes the field away.
            expected_version: Refuse when the session has another version.

        Returns:
            The session, in its next version.

        Raises:
            SessionPatchError: The patch is no object or no JSON, the context would become too large, or the
                version is no whole number.
            SessionExpiredError: There is none, or no longer; it is not made again.
            VersionConflictError: It has another version; nothing was changed.
            BackendError: The store cannot be used.
        """
        name, changes = _checked_id(session_id), self._encoded(patch)
        _check_version(expected_version)
        answer = self._store.update(name, changes=changes, expected_version=expected_version, rules=self._rules)
        return self._told(session_id, answer, expected_version=expected_version)

    def end(self, session_id: str) -> bool:
        """End a session.

        Args:
            session_id: Its id.

        Returns:
            False when there was none, or no longer.

        Raises:
            BackendError: The store cannot be used.
        """
        return self._store.end(_checked_id(session_id))

    def count_active(self) -> Mapping[str, int]:
        """Return how many sessions of each kind are alive now; a kind without any is not named."""
        return self._store.count_active()

    def trim(self) -> int:
        """Take away what expired sessions left; return how many. They are over without it."""
        return self._store.trim()

    def close(self) -> None:
        """Close the connections of this thread."""
        self._store.close()

    def _encoded(self, changes: Mapping[str, Any]) -> dict[str, str | None]:
        if not isinstance(changes, Mapping):
            raise SessionPatchError(
                f"a session remembers values by name, not {_type_of(changes)}; give an object such as {{'step': 3}}."
            )
        for name in changes:
            _check_name(name, what="name of a value")
        fields = {name: None if value is None else _as_json(name, value) for name, value in changes.items()}
        if (size := size_bytes(fields)) > self._rules.largest_bytes:
            raise self._too_large(f"{size}")
        return fields

    def _told(self, session_id: str, answer: Answer, *, expected_version: int | None = None) -> Session:
        """Return the session, or raise why there is none."""
        if isinstance(answer, Stored):
            return Session(
                session_id=answer.session_id,
                kind=answer.kind,
                context=_decoded(answer.fields),
                version=answer.version,
                created_at=from_microseconds(answer.created_us),
                expires_at=from_microseconds(answer.expires_us),
            )
        shown = session_id if len(session_id) <= _SHOWN else f"{session_id[:_SHOWN]}…"
        if answer.why is Refusal.EXISTS:
            raise SessionExistsError(f"a living session has the id '{shown}' already; end it, or take another id.")
        if answer.why is Refusal.EXPIRED:
            raise SessionExpiredError(f"there is no session '{shown}', or it has expired; create a new one.")
        if answer.why is Refusal.VERSION:
            raise VersionConflictError(
                f"session '{shown}' has version {answer.current_version}, not {expected_version}: somebody else "
                "updated it. Read it again, then decide anew.",
                current_version=answer.current_version,
            )
        raise self._too_large("more")

    def _too_large(self, size: str) -> SessionPatchError:
        return SessionPatchError(
            f"the context of a session would have {size} bytes, and {self._rules.largest_bytes} is the most; "
            "keep large things elsewhere and their names here."
        )


def _microseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000_000))


def _checked_id(session_id: str) -> str:
    _check_name(session_id, what="id of a session")
    return session_id


def _check_name(name: object, *, what: str) -> None:
    """Refuse what not every store keeps alike."""
    if not (isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()):
        shown = f"{name[:_SHOWN]!r}…" if isinstance(name, str) and len(name) > _SHOWN else f"{name!r:.40}"
        raise SessionPatchError(
            f"the {what} must be 1 to {_LONGEST_NAME} printable characters, not {shown}; choose another one."
        )


def _check_version(version: object) -> None:
    """Refuse what every store would compare in its own way."""
    if version is not None and not (type(version) is int and 0 <= version <= _LARGEST_VERSION):
        raise SessionPatchError(
            f"an expected version is the number that an answer had, not {_type_of(version)}; "
            "give that number, or None to update whatever the version is."
        )


def _as_json(name: str, value: object) -> str:
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as err:
        raise SessionPatchError(
            f"the value of '{name}' is no JSON ({type(err).__name__} at {_type_of(value)}); "
            "use text, numbers, lists and objects."
        ) from err
    except RecursionError:
        text = ""
    if not text or _is_too_deep(value):
        raise SessionPatchError(
            f"the value of '{name}' is nested deeper than {_DEEPEST} levels; flatten it, or keep it elsewhere."
        )
    return text


def _is_too_deep(value: object) -> bool:
    """Tell whether the lists and objects of a JSON value stand in each other deeper than `_DEEPEST`."""
    level = _holders([value])
    for _ in range(_DEEPEST):
        level = _holders([each for one in level for each in (one.values() if isinstance(one, dict) else one)])
    return bool(level)


def _holders(values: list[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list | tuple)]


def _decoded(fields: Mapping[str, str]) -> dict[str, Any]:
    try:
        values: list[Any] = json.loads(f"[{','.join(fields.values())}]")  # once is faster than each
        return dict(zip(fields, values, strict=True))
    except (TypeError, ValueError, RecursionError):
        raise BackendBrokenError(
            "what is kept of a session is damaged; end that session, and see who else writes to its store."
        ) from None  # the error below repeats it


def _type_of(value: object) -> str:
    return f"a value of type {type(value).__name__}"
