"""Record both arms of a server as a capture: the body of one query, untouched if it came whole, and its manifest.

What a capture is belongs to `reliability.sources.captures`; where the server is and how the
arms are called, to the settings.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reliability.clock import SystemClock
from reliability.errors import MissingEvidenceError, UsageError
from reliability.notebook.origin import Origin, find_origin
from reliability.notebook.run import Place
from reliability.report.catalogue import find_reports, read_notebook
from reliability.report.parameters import choose_parameters, gather_parameters
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.answer import Answer, decode_answer
from reliability.sources.captures import scrape_interval_seconds, write_capture
from reliability.sources.manifest import SCHEMA, ArmEntry, Manifest, MetricsEntry, manifest_text
from reliability.sources.manifest import Server as Recorded
from reliability.sources.metrics import range_seconds
from reliability.sources.promql import Matcher, range_selector
from reliability.window import Window
from reliability.workbench.history import warmup_of
from reliability.workbench.server import Server, is_server, open_server
from reliability.workbench.veil import Veil
from reliability.workbench.whole_body import whole_body

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_REPORT: Final = "canary_comparison"


def record_capture(
    name: str, out: Path, assignments: Sequence[str], *, project: Path, veil: Veil
) -> tuple[Answer, list[str]]:
    """Record both arms.

    Args:
        name: Name of the capture and of its folder.
        out: Folder that gets the capture's folder.
        assignments: Texts of `-p`, which lie over the settings.
        project: The project's folder.
        veil: Knows the secrets that no file may hold.

    Returns:
        What was recorded, and the arms of which it holds nothing.

    Raises:
        UsageError: The name is not plain or taken, a parameter or a matcher is not valid, or the source is no server.
        SourceError: The samples cannot be had, or there are none.
        SecretInOutputError: The samples hold a secret; nothing was written.
        WriteError: The folder cannot be written.
    """
    if not re.fullmatch(_NAME, name):
        raise UsageError(f"'{name}' is no name of a capture; use letters, digits, dots, hyphens and underscores.")
    if (out / name).exists():
        raise UsageError(f"{out / name} exists and is left as it is; choose another name, or remove it.")
    settings, now = read_settings(project), SystemClock().now()
    parameters = resolve_parameters(settings, "canary", _typed(assignments, project), report=_REPORT)
    source = str(parameters["source"])
    if not is_server(source):
        raise UsageError(
            f"the source is '{source}', not a server; set canary.source to prometheus, or give -p source=URL."
        )
    server = open_server(settings.prometheus, source, project=project)
    place = Place(project=project, settings=settings, now=now, answers=out, increments=None)
    origin = find_origin(parameters, place=place)  # for names and window; it is not asked, so nothing is stored
    body, answer = _asked(server, origin)
    if not answer.series:
        raise MissingEvidenceError(
            f"{server.transport.where} has no series for {answer.query}; look with: reliability doctor."
        )
    manifest = _manifest(name, now, origin, answer, server.product())
    escaped = json.dumps([series.labels for series in answer.series])  # JSON has other escapes, which the body may have
    veil.check((body.decode("utf-8", "replace"), escaped, manifest_text(manifest)), place="the recording")
    write_capture(out / name, body, manifest)
    histograms = [series.labels for series in answer.series if series.name == origin.names.bucket]
    arms = origin.arms.items()
    empty = [key for key, arm in arms if not any(_selects(arm.matchers, labels) for labels in histograms)]
    return answer, empty


def _asked(server: Server, origin: Origin) -> tuple[bytes, Answer]:
    """Ask for both arms by one query; in parts of the time where the server refuses the whole."""
    at, matchers = origin.window.end, union_matchers(*(arm.matchers for arm in origin.arms.values()))

    def query_of(seconds: int) -> str:
        return range_selector(metrics=origin.names.fetched(), matchers=matchers, seconds=seconds)

    seconds = range_seconds(origin.whole_window)
    body, parts = whole_body(server, query_of, at=at, seconds=seconds)
    answer = decode_answer(body, where=server.transport.where, query=query_of(seconds), evaluated_at=at)
    joined = (f"joined from {parts} parts, because the server refused the whole as too big",) if parts > 1 else ()
    return body, replace(answer, infos=(*answer.infos, *joined))


def _selects(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)


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
    rest = [matcher for matcher in (*baseline, *canary) if matcher not in common]
    is_one_label = len({matcher.name for matcher in rest}) == 1 and len(baseline) == len(canary) == len(common) + 1
    if is_one_label and all(matcher.op in ("=", "=~") for matcher in rest):
        values = [re.escape(matcher.value) if matcher.op == "=" else f"(?:{matcher.value})" for matcher in rest]
        return (*common, Matcher(name=rest[0].name, op="=~", value="|".join(values)))
    return common


def _typed(assignments: Sequence[str], project: Path) -> dict[str, object]:
    """Read the texts of `-p` as the canary report does."""
    path = find_reports(project)[_REPORT]
    given = gather_parameters(None, assignments, None)
    return choose_parameters({_REPORT: path}, {_REPORT: read_notebook(path)}, given)[_REPORT]


def _manifest(name: str, now: datetime, origin: Origin, answer: Answer, product: tuple[str, str]) -> Manifest:
    """Describe the recording; where the server has less than the window, it and its warm-up are shorter."""
    names, window, warmup = origin.names, origin.whole_window, origin.warmup_minutes
    first = datetime.fromtimestamp(min(float(series.times_seconds[0]) for series in answer.series), UTC)
    if window.start < first < window.end:
        window = Window(start=first, end=window.end)
        warmup = min(warmup, warmup_of(window.seconds / 60))
    return Manifest(
        schema=SCHEMA,
        name=name,
        recorded_at=now,
        as_of=window.end,
        server=Recorded(product=product[0], version=product[1]),
        query=answer.query,
        evaluated_at=window.end,
        window=window,
        scrape_interval_seconds=scrape_interval_seconds(answer) or window.seconds,
        capture_sha256="0" * 64,
        arms={arm: ArmEntry(matchers=entry.matchers_text, release=entry.release) for arm, entry in origin.arms.items()},
        metrics=MetricsEntry(
            latency=names.latency,
            requests=names.requests,
            error_matchers=", ".join(matcher.promql() for matcher in names.error_matchers),
            unit=names.unit,
        ),
        warmup_minutes=warmup,
        warnings=answer.warnings,
        infos=answer.infos,
    )
