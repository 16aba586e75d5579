"""Sessions in Redis, for many hosts: every call is one script, by the server's own time.

A session is two hashes, what is known of it and its context; an index of expiry per kind, a sorted
set, is the only truth for the count.
All keys carry one hash tag, so that a cluster keeps them together, and a script is given every key
that it uses. Redis must not evict keys of its own accord. Which words a refusal gets does not
belong here.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from reliability.errors import BackendBrokenError, BackendBusyError, BackendUnavailableError, SettingsError
from reliability.resilience.sessions import Answer, Refusal, Refused, SessionRules, Stored

_FORM: Final = "reliability-session:1"  # the number is the version of this form
_CALL_SECONDS: Final = 5.0
_A_FEW: Final = 10  # dead ones that each new one takes out of the index, so that it does not grow for ever

# KEYS: the set of kinds, the index of each kind that the caller knows, the session, its context.
# ARGV: how many kinds, their names, then what the script asks for; the reply begins with a word.
_COMMON: Final = """
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local kind_count = tonumber(ARGV[1])
local index = {}
for i = 1, kind_count do index[ARGV[i + 1]] = KEYS[i + 1] end
local hash, context = KEYS[kind_count + 2], KEYS[kind_count + 3]
local function arg(i) return ARGV[kind_count + 1 + i] end
local function text(number) return string.format('%.0f', number) end

local function stored()
    local got = redis.call('HMGET', hash, 'kind', 'version', 'created_us', 'expires_us', 'size_bytes')
    if not got[1] then return nil, false end
    local session = {kind = got[1], version = got[2], created_us = got[3], expires_us = got[4], size_bytes = got[5]}
    return session, tonumber(session.expires_us) > now_us
end
local function field_bytes(name)
    local length = redis.call('HSTRLEN', context, name)
    return length > 0 and #name + length or 0
end
local function move_end(session, id, ttl_us, max_age_us)
    session.expires_us = text(math.min(now_us + ttl_us, session.created_us + max_age_us))
    redis.call('HSET', hash, 'expires_us', session.expires_us)
    local expires_ms = text(math.floor(session.expires_us / 1000) + 1)
    redis.call('PEXPIREAT', hash, expires_ms)
    redis.call('PEXPIREAT', context, expires_ms)
    redis.call('ZADD', index[session.kind], session.expires_us, id)
end
local function told(session)
    local meta = {session.kind, session.version, session.created_us, session.expires_us}
    return {'session', meta, redis.call('HGETALL', context)}
end
local function answer()
"""
_REPLY: Final = "end return cjson.encode(answer())"  # one text is read faster than many
_ALIVE: Final = """
local session, alive = stored()
if not alive then return {'expired'} end
if not index[session.kind] then return {'unknown', session.kind} end
"""
_KINDS: Final = """
local kinds, unknown = redis.call('SMEMBERS', KEYS[1]), {'unknown'}
for i = 1, #kinds do
    if not index[kinds[i]] then unknown[#unknown + 1] = kinds[i] end
end
if #unknown > 1 then return unknown end
"""
# ARGV: id, kind, ttl, largest age, how many dead ones to forget, names and values
_CREATE: Final = f"""
local old, alive = stored()
if alive then return {{'exists'}} end
{_KINDS}
redis.call('SADD', KEYS[1], arg(2))  -- first: a full Redis refuses this one, and nothing behind a change
redis.call('DEL', hash, context)
for i = 1, #kinds do redis.call('ZREM', index[kinds[i]], arg(1)) end  -- whatever became of an old one
local session = {{kind = arg(2), version = '1', created_us = text(now_us)}}
local dead = redis.call('ZRANGEBYSCORE', index[session.kind], '-inf', text(now_us), 'LIMIT', 0, arg(5))
for i = 1, #dead do redis.call('ZREM', index[session.kind], dead[i]) end
local size_bytes = 0
for i = 6, #ARGV - kind_count - 1, 2 do
    redis.call('HSET', context, arg(i), arg(i + 1))
    size_bytes = size_bytes + #arg(i) + #arg(i + 1)
end
redis.call('HSET', hash, 'kind', session.kind, 'version', '1', 'created_us', session.created_us,
    'size_bytes', size_bytes)
move_end(session, arg(1), arg(3), arg(4))
return told(session)
"""
_GET: Final = """
local session, alive = stored()
if not alive then return {'expired'} end
return told(session)
"""
# ARGV: id, ttl, largest age, smallest step
_TOUCH: Final = f"""{_ALIVE}
if session.created_us + arg(3) <= now_us then return {{'expired'}} end
local expires_us = math.min(now_us + arg(2), session.created_us + arg(3))
if expires_us - session.expires_us >= tonumber(arg(4)) then move_end(session, arg(1), arg(2), arg(3)) end
return told(session)
"""
# ARGV: id, ttl, largest age, largest size, expected version or nothing, how many to set, names and values, names
_UPDATE: Final = f"""{_ALIVE}
if session.created_us + arg(3) <= now_us then return {{'expired'}} end
if arg(5) ~= '' and arg(5) ~= session.version then return {{'version', session.version}} end
local behind_set = 7 + 2 * arg(6)
local size_bytes = tonumber(session.size_bytes)
for i = 7, behind_set - 1, 2 do size_bytes = size_bytes + #arg(i) + #arg(i + 1) - field_bytes(arg(i)) end
for i = behind_set, #ARGV - kind_count - 1 do size_bytes = size_bytes - field_bytes(arg(i)) end
if size_bytes > tonumber(arg(4)) then return {{'too_large'}} end
for i = 7, behind_set - 1, 2 do redis.call('HSET', context, arg(i), arg(i + 1)) end
for i = behind_set, #ARGV - kind_count - 1 do redis.call('HDEL', context, arg(i)) end
redis.call('HSET', hash, 'size_bytes', size_bytes)
session.version = text(redis.call('HINCRBY', hash, 'version', 1))
move_end(session, arg(1), arg(2), arg(3))
return told(session)
"""
_END: Final = f"""{_ALIVE}
redis.call('DEL', hash, context)
redis.call('ZREM', index[session.kind], arg(1))
return {{'ended'}}
"""
_COUNT: Final = f"""{_KINDS}
local reply = {{'counts'}}
for i = 1, #kinds do
    reply[#reply + 1] = kinds[i]
    reply[#reply + 1] = redis.call('ZCOUNT', index[kinds[i]], '(' .. text(now_us), '+inf')
end
return reply
"""
_TRIM: Final = f"""{_KINDS}
local count = 0
for i = 1, #kinds do count = count + redis.call('ZREMRANGEBYSCORE', index[kinds[i]], '-inf', text(now_us)) end
return {{'trimmed', count}}
"""


class RedisSessions:
    """Sessions in one database of a Redis; see `reliability.resilience.sessions.SessionStore`.

    Nothing is sent before the first call, and no call is sent twice: one whose answer was lost may
    have been done.

    Args:
        url: `redis://user:password@host:port/database` or `rediss://...`; its options, for example
            `?socket_timeout=1`, win over the 5 s that a call waits otherwise.
        client: Used instead of one made from `url`.
        namespace: Sessions of another one are neither seen nor counted; letters, digits and `-`.

    Raises:
        SettingsError: The address cannot be understood; it is not repeated.
    """

    def __init__(self, url: str, *, client: redis.Redis | None = None, namespace: str = "") -> None:
        self._prefix = key_prefix(namespace)
        self._client = client or redis_client(url)
        kwargs = self._client.connection_pool.connection_kwargs
        self._place = f"Redis at {kwargs.get('host')}:{kwargs.get('port')}, database {kwargs.get('db') or 0}"
        self._kinds: tuple[str, ...] = ()
        bodies = {"create": _CREATE, "get": _GET, "touch": _TOUCH, "update": _UPDATE, "end": _END}
        bodies |= {"count": _COUNT, "trim": _TRIM}
        self._scripts = {name: self._client.register_script(_COMMON + body + _REPLY) for name, body in bodies.items()}

    def create(self, session_id: str, *, kind: str, fields: Mapping[str, str], rules: SessionRules) -> Answer:
        """Make a session unless a living one has this id; takes a few dead ones out of the index."""
        self._know(kind)
        pairs = [text for pair in fields.items() for text in pair]
        return self._session("create", session_id, kind, rules.ttl_us, rules.max_age_us, _A_FEW, *pairs)

    def get(self, session_id: str) -> Answer:
        """Return the living session."""
        return self._session("get", session_id)

    def touch(self, session_id: str, *, rules: SessionRules) -> Answer:
        """Let the session expire later."""
        return self._session("touch", session_id, rules.ttl_us, rules.max_age_us, rules.touch_step_us)

    def update(
        self, session_id: str, *, changes: Mapping[str, str | None], expected_version: int | None, rules: SessionRules
    ) -> Answer:
        """Replace the named fields, take away those that are None, count the version, let it expire later."""
        pairs = [text for name, value in changes.items() if value is not None for text in (name, value)]
        taken = [name for name, value in changes.items() if value is None]
        lives = (rules.ttl_us, rules.max_age_us, rules.largest_bytes)
        expected = "" if expected_version is None else expected_version
        return self._session("update", session_id, *lives, expected, len(pairs) // 2, *pairs, *taken)

    def end(self, session_id: str) -> bool:
        """Remove the session; False when it was not alive."""
        return bool(self._run("end", session_id)[0] == "ended")

    def count_active(self) -> Mapping[str, int]:
        """Count the living sessions of each kind that has any, by the indexes of expiry alone."""
        reply = self._run("count")[1:]
        return {kind: count for kind, count in zip(reply[::2], reply[1::2], strict=True) if count}

    def trim(self) -> int:
        """Take the dead ones out of the index; return how many. Redis itself removes their contexts."""
        return int(self._run("trim")[1])

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._client.close()

    def _session(self, script: str, session_id: str, *arguments: str | int) -> Answer:
        word, *rest = self._run(script, session_id, *arguments)
        if word == "session":
            kind, version, created_us, expires_us = rest[0]
            flat = rest[1] or []  # an empty list comes as an empty object
            return Stored(
                session_id=session_id,
                kind=kind,
                fields=dict(zip(flat[::2], flat[1::2], strict=True)),
                version=int(version),
                created_us=int(created_us),
                expires_us=int(expires_us),
            )
        return Refused(why=Refusal(word), current_version=int(rest[0]) if rest else 0)

    def _run(self, script: str, session_id: str | None = None, *arguments: str | int) -> list[Any]:
        """Run a script; again with the indexes of the kinds that it asks for, having done nothing, if it does."""
        own, prefix = () if session_id is None else (session_id, *arguments), self._prefix
        session = () if session_id is None else (f"{prefix}:session:{session_id}", f"{prefix}:context:{session_id}")
        while True:
            kinds = self._kinds
            keys = [f"{prefix}:kinds", *(f"{prefix}:expiry:{kind}" for kind in kinds), *session]
            with self._explained():
                reply: list[Any] = json.loads(self._scripts[script](keys=keys, args=[len(kinds), *kinds, *own]))
            if reply[0] != "unknown":
                return reply
            self._know(*reply[1:])

    def _know(self, *kinds: str) -> None:
        if not {*kinds} <= {*self._kinds}:
            self._kinds = tuple(sorted({*self._kinds, *kinds}))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as err:
            raise BackendBrokenError(
                f"{self._place} does not let this user in, or not do this: see its name, password and rights."
            ) from err
        except (redis.ConnectionError, redis.TimeoutError) as err:
            raise BackendUnavailableError(
                f"{self._place} did not answer ({type(err).__name__}): see that it runs and ask again. The call "
                "may have been done: read the session first."
            ) from err
        except ValueError:
            raise BackendBrokenError(
                f"{self._place} holds a session that this program did not write: end that session, and see who else "
                "writes there."
            ) from None  # the error below repeats it
        except redis.ResponseError as err:
            word = str(err).partition(" ")[0] if type(err) is redis.ResponseError else type(err).__name__
            if word == "BUSY":
                raise BackendBusyError(f"{self._place} is busy with somebody's script; ask again.") from err
            raise BackendBrokenError(
                f"{self._place} refused ({word}): see its memory, its disk and whether it is a replica; "
                "nothing was changed."
            ) from err


def key_prefix(namespace: str = "") -> str:
    """Return how all keys of a namespace begin."""
    return f"{{{_FORM}:{namespace}}}" if namespace else f"{{{_FORM}}}"


def redis_client(url: str) -> redis.Redis:
    """Make a client that waits a few seconds and sends nothing twice.

    Raises:
        SettingsError: The address cannot be understood; it is not repeated.
    """
    try:
        client = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=_CALL_SECONDS,
            socket_timeout=_CALL_SECONDS,
            retry=Retry(NoBackoff(), 0),  # an update that is sent again would count twice
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # not opened; an unknown option is told here and now
    except (TypeError, ValueError):
        raise SettingsError(
            "an address of Redis cannot be understood; write it as redis://user:password@host:6379/0, with %2F for a "
            "slash in the password."
        ) from None  # the error below repeats parts of the address
    return client
