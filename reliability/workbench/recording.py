"""Record both arms of a server as a capture: one query, its untouched body, and what is known about it.

What a capture is belongs to `reliability.sources.captures`; where the server is and how the
arms are called, to the settings.
"""

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from reliability.clock import Clock
from reliability.errors import MissingEvidenceError, ParameterError, UsageError
from reliability.notebook.origin import URL_PREFIXES, Origin, find_origin
from reliability.notebook.run import Place
from reliability.settings import CanarySettings, Settings
from reliability.settings_file import resolve_parameters
from reliability.sources.answer import Answer, decode_answer
from reliability.sources.captures import scrape_interval_seconds, write_capture
from reliability.sources.connection import CONFIGURED, connect
from reliability.sources.live_transport import LiveTransport
from reliability.sources.manifest import SCHEMA, ArmEntry, Manifest, MetricsEntry
from reliability.sources.manifest import Server as ManifestServer
from reliability.sources.metrics import range_seconds
from reliability.sources.promql import Matcher, range_selector
from reliability.window import Window
from reliability.workbench.server import Server

ARMS: Final = ("baseline", "canary")
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A capture that was written.

    Attributes:
        folder: Where.
        series: How many series it holds.
        samples: How many samples.
        empty_arms: Arms of which it holds nothing.
        warnings: Warnings of the server.
    """

    folder: Path
    series: int
    samples: int
    empty_arms: tuple[str, ...]
    warnings: tuple[str, ...]


def record_capture(
    name: str,
    out: Path,
    assignments: Sequence[str],
    *,
    settings: Settings,
    project: Path,
    environ: Mapping[str, str],
    clock: Clock,
) -> Recorded:
    """Record both arms.

    Args:
        name: Name of the capture and of its folder.
        out: Folder that gets the capture's folder.
        assignments: Texts of `-p`, which lie over the settings.
        settings: The project's settings.
        project: Its folder.
        environ: Environment variables that may hold secrets.
        clock: Tells the end of the window when none is given.

    Returns:
        What was recorded.

    Raises:
        UsageError: The name, a parameter or a matcher is not valid, or the source is no server.
        SourceError: The samples cannot be had, or there are none.
        WriteError: The folder exists or cannot be written.
    """
    if not re.fullmatch(_NAME, name):
        raise UsageError(f"'{name}' is no name of a capture; use letters, digits, dots, hyphens and underscores.")
    parameters = resolve_parameters(settings, "canary", _typed(assignments), report="reliability capture")
    source: str = parameters["source"]  # type: ignore[assignment]
    if source != CONFIGURED and not source.startswith(URL_PREFIXES):
        raise UsageError(f"the source is '{source}', not a server; set canary.source to prometheus, or give -p source.")
    now = clock.now()
    with tempfile.TemporaryDirectory() as answers:
        place = Place(project=project, settings=settings, now=now, answers=Path(answers), increments=None)
        origin = find_origin(parameters, place=place)
    connection = connect(settings.prometheus, source, project=project, environ=environ)
    server = Server(transport=LiveTransport(connection), clock=clock)
    query = range_selector(
        metrics=origin.names.fetched(),
        matchers=union_matchers(*(origin.arms[arm].matchers for arm in ARMS)),
        seconds=range_seconds(origin.window),
    )
    body = server.body(query, at=origin.window.end)
    answer = decode_answer(body, where=server.transport.where, query=query, evaluated_at=origin.window.end)
    if not answer.series:
        raise MissingEvidenceError(
            f"{server.transport.where} has no series for {query}; look with: reliability doctor."
        )
    manifest = _manifest(name, origin, answer, server=server)
    write_capture(out / name, body, manifest)
    return Recorded(
        folder=out / name,
        series=len(answer.series),
        samples=sum(series.times_seconds.size for series in answer.series),
        empty_arms=tuple(arm for arm in ARMS if not _has(answer, origin, arm)),
        warnings=answer.warnings,
    )


def union_matchers(baseline: Sequence[Matcher], canary: Sequence[Matcher]) -> tuple[Matcher, ...]:
    """Return matchers that select both arms and as little else as matchers can say.

    Args:
        baseline: Matchers of the baseline.
        canary: Matchers of the canary.

    Returns:
        The common ones, and for a single label with different values one that takes both; other
        differences are left out, so that more is recorded than the arms.
    """
    common = tuple(matcher for matcher in baseline if matcher in canary)
    rest = [[matcher for matcher in arm if matcher not in common] for arm in (baseline, canary)]
    if all(len(arm) == 1 for arm in rest):
        (one,), (other,) = rest
        if one.name == other.name and all(matcher.op in ("=", "=~") for matcher in (one, other)):
            value = "|".join(_expression(matcher) for matcher in (one, other))
            return (*common, Matcher(name=one.name, op="=~", value=value))
    return common


def _expression(matcher: Matcher) -> str:
    return re.escape(matcher.value) if matcher.op == "=" else f"(?:{matcher.value})"


def _typed(assignments: Sequence[str]) -> dict[str, object]:
    """Read `name=value` texts in the types of the canary's settings."""
    typed: dict[str, object] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"-p {text}: write it as -p name=value.")
        field = CanarySettings.model_fields.get(name)
        try:
            typed[name] = TypeAdapter(field.rebuild_annotation()).validate_strings(value) if field else value
        except ValidationError:
            typed[name] = value  # refused with its place where the parameters are resolved
    return typed


def _manifest(name: str, origin: Origin, answer: Answer, *, server: Server) -> Manifest:
    product, version = server.product()
    return Manifest(
        schema=SCHEMA,
        name=name,
        recorded_at=server.clock.now(),
        as_of=origin.window.end,
        server=ManifestServer(product=product, version=version),
        query=answer.query,
        evaluated_at=origin.window.end,
        window=_covered(origin.window, answer),
        scrape_interval_seconds=scrape_interval_seconds(answer) or math.ceil(origin.window.seconds),
        capture_sha256="0" * 64,
        arms={arm: ArmEntry(matchers=entry.matchers_text, release=entry.release) for arm, entry in origin.arms.items()},
        metrics=MetricsEntry(
            latency=origin.names.latency,
            requests=origin.names.requests,
            error_matchers=", ".join(matcher.promql() for matcher in origin.names.error_matchers),
            unit=origin.names.unit,
        ),
        warmup_minutes=origin.warmup_minutes,
        warnings=answer.warnings,
        infos=answer.infos,
    )


def _covered(window: Window, answer: Answer) -> Window:
    """Let the window begin with the first sample, when the server has none of its start."""
    first = min(float(series.times_seconds[0]) for series in answer.series)
    start = max(window.start, datetime.fromtimestamp(first, UTC))
    return Window(start=start, end=window.end) if start < window.end else window


def _has(answer: Answer, origin: Origin, arm: str) -> bool:
    """Tell whether the recording holds the histogram of an arm."""
    return any(
        series.name == origin.names.bucket
        and all(matcher.matches(series.labels) for matcher in origin.arms[arm].matchers)
        for series in answer.series
    )
