"""What an experiment does with the Redis of its sessions: empties an arm's namespace, asks what a crash may lose.

Sessions themselves are the business of `reliability.resilience.stores.redis_sessions`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis

from reliability.errors import StagingError
from reliability.resilience.stores.redis_sessions import key_prefix, redis_client
from reliability.staging.storage import Durability

_AT_ONCE: Final = 500
_BY_APPENDFSYNC: Final[dict[str | None, Durability]] = {
    "always": "each-write",
    "everysec": "each-second",
    "no": "none",
}


def forget_sessions(url: str, namespace: str) -> None:
    """Remove all sessions of a namespace, those of an earlier experiment.

    Raises:
        SettingsError: The address cannot be understood; it is not repeated.
        StagingError: The server did not do it; the address is not repeated.
    """
    with _connected(url) as client:
        for key in client.scan_iter(match=f"{key_prefix(namespace)}:*", count=_AT_ONCE):
            client.unlink(key)


def ask_durability(url: str) -> Durability:
    """Ask what is on the server's disk: each write before its answer, those of a second ago, none for certain.

    Returns:
        `unknown` when the user may not read the server's settings.

    Raises:
        SettingsError: The address cannot be understood; it is not repeated.
        StagingError: The server did not answer; the address is not repeated.
    """
    with _connected(url) as client:
        try:
            told = client.config_get("appendonly", "appendfsync")
        except redis.ResponseError:
            return "unknown"
        return "none" if told.get("appendonly") == "no" else _BY_APPENDFSYNC.get(told.get("appendfsync"), "unknown")


@contextmanager
def _connected(url: str) -> Iterator[redis.Redis]:
    try:
        with redis_client(url) as client:
            yield client
    except redis.RedisError as err:
        raise StagingError(
            f"the Redis of the sessions did not do what an experiment needs ({type(err).__name__}); see that it runs, "
            "and that its user may read and remove keys."
        ) from None
