"""A canary is judged under the lease of its window: nobody judges an overlapping one of the service meanwhile.

Only a window of a server needs one; a recording or kept increments belong to whoever has them. What windows
are taken belongs to `reliability.canary.windows`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

from reliability.canary.windows import Windows, open_windows, this_process
from reliability.clock import format_instant
from reliability.errors import BackendError, LockError, ParameterError, ReliabilityError
from reliability.notebook.origin import URL_PREFIXES, find_origin
from reliability.notebook.run import Place
from reliability.resilience.leases import Lease
from reliability.sources.connection import CONFIGURED

TTL_SECONDS: Final = 60.0
_RENEWALS: Final = 3  # within one time to live, so that two may fail
Parameters = dict[str, Any]


@contextmanager
def under_lease(parameters: Parameters, place: Place, *, token: int | None) -> Iterator[Parameters]:
    """Hold the window of a live canary for as long as the block lasts.

    Args:
        parameters: Resolved options of `[canary]`.
        place: Where and when the canary is judged.
        token: Fencing token of a window that was reserved; None takes the lease of the parameters' own window.

    Yields:
        The parameters; with a token, their window is the reserved one, up to now.

    Raises:
        ParameterError: A recording has no lease, or the reserved window has not begun.
        RangeConflictError: An overlapping window of the service is taken.
        LockError: The reservation is not held, or the lease was lost in the meantime: what was judged does not count.
        BackendError: The store of the leases cannot be reached or used.
    """
    source: str = parameters["source"]
    if not (source == CONFIGURED or source.startswith(URL_PREFIXES)):
        if token is not None:
            raise ParameterError(f"--lease {token} is of a live window, and {source} is a recording; drop one.")
        yield parameters
        return
    again = partial(open_windows, place.settings, project=place.project)
    with closing(again()) as windows:
        if token is None:
            with _own_lease(windows, parameters, place, again):
                yield parameters
        else:
            yield {**parameters, **_reserved(windows.held(token), now=place.now)}
            _check_still_held(windows, token)


@contextmanager
def _own_lease(windows: Windows, parameters: Parameters, place: Place, again: Callable[[], Windows]) -> Iterator[None]:
    """Take a lease, keep it while the block lasts, make sure that it was not lost, and give it back."""
    window = find_origin(parameters, place=place).window
    lease = windows.take(window, holder=this_process(), ttl_seconds=TTL_SECONDS)
    ended = threading.Event()
    keeper = threading.Thread(target=keep, args=(lease, again, ended), daemon=True)
    keeper.start()
    try:
        yield
        _check_still_held(windows, lease.fencing_token)
    finally:
        ended.set()
        keeper.join()
        with suppress(BackendError):  # it frees itself, and the verdict is there
            windows.release(lease.fencing_token)


def _check_still_held(windows: Windows, token: int) -> None:
    """Refuse a verdict behind which somebody else may have judged or changed the same window."""
    try:
        windows.held(token)
    except LockError as err:
        raise type(err)(f"what was judged does not count, the window was lost meanwhile: {err.args[0]}") from err


def keep(lease: Lease, again: Callable[[], Windows], ended: threading.Event) -> None:
    """Renew a lease until it is no longer needed, or lost; runs in a thread of its own.

    Args:
        lease: The lease.
        again: Opens the window leases; a thread needs connections of its own.
        ended: Set when the lease is no longer needed.
    """
    while not ended.wait(TTL_SECONDS / _RENEWALS):
        try:
            with closing(again()) as windows:
                windows.renew(lease, ttl_seconds=TTL_SECONDS)
        except LockError:
            return
        except ReliabilityError:  # the next turn tries again, and the holder looks at the end
            continue


def _reserved(lease: Lease, *, now: datetime) -> Parameters:
    """Return the options of a reserved window, as much of it as is over."""
    end = min(lease.end_at, now.replace(microsecond=0))
    if end <= lease.start_at:
        raise ParameterError(
            f"the window of --lease {lease.fencing_token} begins at {format_instant(lease.start_at)}; wait for it."
        )
    return {"window_end": format_instant(end), "window_minutes": (end - lease.start_at).total_seconds() / 60}
