"""A Prometheus as a source: raw counters of an arm by one instant query, and any other query.

Queries go out through a transport, live or recorded; the bodies are decoded by the same
code as a capture. A query that the server finds too big is split by time. Counting does
not belong here.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from reliability.errors import QueryTooBigError, UsageError
from reliability.sources.answer import Answer, Series, decode_answer
from reliability.sources.metrics import range_seconds
from reliability.sources.promql import Matcher, range_selector
from reliability.sources.transport import QUERY, QUERY_RANGE, Transport
from reliability.window import Window

WHOLE: Final = {"partial_response": "false", "dedup": "true", "max_source_resolution": "0s"}  # Thanos heeds these
_SPLITS: Final = 5


class PrometheusSource:
    """Fetches raw samples and the results of any query.

    Args:
        transport: Carries the queries: to a server, or to stored answers.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def description(self) -> str:
        """Name of the server."""
        return self._transport.where

    def fetch(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], window: Window) -> Answer:
        """Return the samples of the window and of two minutes before it.

        Args:
            metrics: Exact metric names.
            matchers: Conditions on the labels.
            window: Time of interest.

        Returns:
            The series that match, with the server's warnings.

        Raises:
            SelectorError: A name is not valid.
            SourceError: As `LiveTransport.ask` says.
            PrometheusRefusedError: The server does not understand the query.
        """

        def query(seconds: float) -> str:
            return range_selector(metrics=metrics, matchers=matchers, seconds=round(seconds))

        end = _whole_milliseconds(window.end)
        whole = Window(start=end - timedelta(seconds=range_seconds(window)), end=end)
        answer = _in_parts(lambda part: self.ask(query(part.seconds), at=part.end), whole, grid_seconds=1)
        return replace(answer, query=query(whole.seconds))

    def ask(self, query: str, *, at: datetime) -> Answer:
        """Ask an instant query.

        Args:
            query: PromQL whose result is a vector, a scalar or a range of samples.
            at: Instant of the evaluation.

        Returns:
            The answer.

        Raises:
            SourceError: As `LiveTransport.ask` says.
            PrometheusRefusedError: The server does not understand the query.
        """
        body = self._transport.ask(QUERY, {"query": query, "time": _seconds(at), **WHOLE})
        return decode_answer(body, where=self.description, query=query, evaluated_at=at)

    def ask_range(self, query: str, *, window: Window, step_seconds: float) -> Answer:
        """Ask a query once a step.

        Args:
            query: PromQL whose result is a vector or a scalar.
            window: First and last evaluation; the end is evaluated too.
            step_seconds: Time between two evaluations, at least a millisecond.

        Returns:
            The answer, evaluated at the window's end.

        Raises:
            UsageError: The step is none.
            SourceError: As `LiveTransport.ask` says.
            PrometheusRefusedError: The server does not understand the query.
        """
        step = round(step_seconds, 3)
        if not 0 < step < float("inf"):
            raise UsageError(f"step_seconds is {step_seconds:g}; give a time between evaluations, for example 15.")

        def ask(part: Window) -> Answer:
            form = {"query": query, "start": _seconds(part.start), "end": _seconds(part.end), "step": f"{step:.3f}"}
            body = self._transport.ask(QUERY_RANGE, form | WHOLE)
            return decode_answer(body, where=self.description, query=query, evaluated_at=part.end)

        start, end = _whole_milliseconds(window.start), _whole_milliseconds(window.end)
        return _in_parts(ask, Window(start=start, end=end), grid_seconds=step)


def _in_parts(ask: Callable[[Window], Answer], window: Window, *, grid_seconds: float, splits: int = _SPLITS) -> Answer:
    """Ask for a window, and for its halves when it is too big for the server."""
    steps = int(window.seconds / grid_seconds + 1e-6)
    try:
        return ask(window)
    except QueryTooBigError as err:
        if not splits or steps < 2:  # noqa: PLR2004 -- halves
            raise QueryTooBigError(f"{err.args[0]} A part of {window.seconds:g} s was still too big.") from err
    middle = window.start + timedelta(seconds=steps // 2 * grid_seconds)
    halves = (Window(start=window.start, end=middle), Window(start=middle, end=window.end))
    return _joined([_in_parts(ask, half, grid_seconds=grid_seconds, splits=splits - 1) for half in halves])


def _joined(parts: Sequence[Answer]) -> Answer:
    """Put the parts of an answer together; instants at their edges come twice and are kept once."""
    pieces: dict[frozenset[tuple[str, str]], list[Series]] = {}
    for series in (series for part in parts for series in part.series):
        pieces.setdefault(frozenset(series.labels.items()), []).append(series)
    return Answer(
        series=tuple(_joined_series(each) for each in pieces.values()),
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
        infos=tuple(dict.fromkeys(text for part in parts for text in part.infos)),
        query=parts[-1].query,
        evaluated_at=parts[-1].evaluated_at,
    )


def _joined_series(pieces: Sequence[Series]) -> Series:
    times, first = np.unique(np.concatenate([piece.times_seconds for piece in pieces]), return_index=True)
    values = np.concatenate([piece.values for piece in pieces])[first]
    return Series(labels=pieces[0].labels, times_seconds=times, values=values)


def _whole_milliseconds(instant: datetime) -> datetime:
    """Cut an instant to what the API takes, so that parts of a window meet exactly."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _seconds(instant: datetime) -> str:
    return f"{instant.timestamp():.3f}"
