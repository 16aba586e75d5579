"""What the doctor sees in the evidence of a canary report, and what keeps it from a verdict.

Fed with the evidence by `reliability.workbench.doctor`; the words for what the counts lack are
those of the pages.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from reliability.errors import PrometheusRefusedError, SourceError
from reliability.notebook.canary_evidence import CanaryEvidence
from reliability.notebook.origin import Origin
from reliability.report.words import words_in
from reliability.sources.answer import Series
from reliability.sources.captures import scrape_interval_seconds
from reliability.sources.mixed_labels import mixed_labels
from reliability.window import Window
from reliability.workbench.finding import NO_DATA, SETTINGS, Finding, fault, note, ok
from reliability.workbench.histograms import unlikely_unit, words_of_bucket
from reliability.workbench.server import INFINITE, listed

_CURES: Final = {
    "bounds-merged": "give both arms the same bounds",
    "requests-differ": "mend canary.requests_metric or the matchers, so that both select the same requests",
    "requests-missing": "mend canary.requests_metric; NAME_count of the histogram serves when it has their status",
    "metrics-route": 'leave these scrapes out in both arms, for example with handler!="/metrics"',
}
_UNSHOWN: Final = frozenset(("__name__", "le", "instance"))


def check_arm(arm: str, evidence: CanaryEvidence) -> list[Finding]:
    """Look at one arm: what matched, or why nothing did."""
    names, chosen, answer = evidence.origin.names, evidence.origin.arms[arm], evidence.answers[arm]
    buckets = [series for series in answer.series if series.name == names.bucket]
    counters = [series for series in answer.series if series.name == names.requests]
    if not buckets:
        return [_empty(arm, evidence)]
    found = [_matched(arm, evidence, buckets, counters)]
    labels = {label for series in counters for label in series.labels} - {"__name__"}
    for matcher in names.error_matchers:
        if counters and matcher.name not in labels:  # every request would pass as a good one
            text = f"error_matchers asks for {matcher.name}, which no series of {names.requests} has"
            cure = f"mend canary.error_matchers; its labels are: {listed(sorted(labels))}"
            found.append(fault(arm, text, cure=cure, status=SETTINGS))
    for label, values in mixed_labels(answer, chosen.matchers).items():
        text = f"its targets differ in {label}, which no matcher selects: {listed(values)}"
        found.append(note(arm, text, cure=f'select one with {label}="...", unless both belong to the arm'))
    return found


def refused_arms(origin: Origin, error: PrometheusRefusedError) -> Finding:
    """Say which arm's matchers a server refuses; it is asked for a short time of each arm alone."""
    recent = Window(start=origin.window.end - timedelta(minutes=1), end=origin.window.end)
    refused = []
    for arm, chosen in origin.arms.items():
        try:
            origin.source.fetch(metrics=(origin.names.bucket,), matchers=chosen.matchers, window=recent)
        except PrometheusRefusedError:
            refused.append(arm)
        except SourceError:  # it did not refuse this one
            continue
    named = " and ".join(f"canary.{arm} ({origin.arms[arm].matchers_text})" for arm in refused or origin.arms)
    cure = f"mend the matchers of {named}; the server refuses them"
    return fault("settings", str(error.args[0]), cure=cure, status=SETTINGS)


def check_counts(evidence: CanaryEvidence) -> list[Finding]:
    """Look at both arms side by side, as they were counted."""
    cure = "mend it at the server; with a warning no verdict is better than INCONCLUSIVE"
    found = [fault("data", f"the server warns: {text}", cure=cure, status=NO_DATA) for text in evidence.warnings]
    infos = dict.fromkeys(text for answer in evidence.answers.values() for text in answer.infos)
    found += [note("data", f"the server remarks: {text}") for text in infos]
    words, health, counts = words_in("en"), evidence.inputs.health, evidence.inputs.counts
    if counts is None:
        text = words.plain(f"canary.latency.reason.{health.reason}")
        cure = _CURES.get(health.reason or "") or words.plain(f"canary.verdict.{health.reason}.lead")
        return [*found, fault("counts", text, cure=cure, status=NO_DATA)]
    counted = [
        f"{arm} {sum(replica.requests for replica in replicas)} requests, "
        f"{sum(replica.errors or 0 for replica in replicas)} of them failed"
        for arm, replicas in (("baseline", health.baseline), ("canary", health.canary))
    ]
    merged = ["bounds-merged"] if evidence.inputs.facts.dropped_bounds else []
    notes = {code: words.plain(f"canary.exposure.note.{code}") for code in (*merged, *health.notes)}
    found.append(ok("counts", "; ".join(counted), *(text for code, text in notes.items() if code not in _CURES)))
    found += [note("counts", text, cure=_CURES[code]) for code, text in notes.items() if code in _CURES]
    return [*found, *_bounds(evidence, [float(bound) for bound in counts.upper_bounds_seconds])]


def _matched(arm: str, evidence: CanaryEvidence, buckets: Sequence[Series], counters: Sequence[Series]) -> Finding:
    answer = evidence.answers[arm]
    instances = sorted({series.labels.get("instance", "") for series in buckets})
    first = min(float(series.times_seconds[0]) for series in buckets)
    last = max(float(series.times_seconds[-1]) for series in buckets)
    samples = sum(series.times_seconds.size for series in answer.series)
    interval = scrape_interval_seconds(answer) or 0.0
    labels: dict[str, set[str]] = {}
    for series in (*buckets, *counters):
        for label in series.labels.keys() - _UNSHOWN:
            labels.setdefault(label, set()).add(series.labels[label])
    return ok(
        arm,
        f"{len(buckets)} bucket series and {len(counters)} counters of {listed(instances)}; "
        f"{samples} samples from {_clock(first)} to {_clock(last)} UTC, every {interval:g} s",
        *(f"{label}: {listed(sorted(values))}" for label, values in sorted(labels.items())),
        f"query: {answer.query}",
    )


def _empty(arm: str, evidence: CanaryEvidence) -> Finding:
    """Say which matcher of an arm selects nothing, and what there is."""
    origin, query = evidence.origin, f"query: {evidence.answers[arm].query}"
    present: list[Mapping[str, str]] = []
    with suppress(SourceError):  # stored answers hold only what a report asked
        recent = Window(start=origin.window.end - timedelta(minutes=5), end=origin.window.end)
        if isinstance(origin, Origin):
            answer = origin.source.fetch(metrics=(origin.names.bucket,), matchers=(INFINITE,), window=recent)
            present = [series.labels for series in answer.series]
    if not present:
        text = f"there is no histogram {origin.names.latency} (no {origin.names.bucket} with le) in the last minutes"
        cure = "mend canary.latency_metric; 'reliability init' in an empty folder lists what there is"
        return fault(arm, text, cure=cure, status=NO_DATA, details=(query,))
    details = [
        f"{matcher.promql()} {'matches' if any(map(matcher.matches, present)) else 'matches none of'} "
        f"{matcher.name}: {listed(sorted({labels.get(matcher.name, '') for labels in present}))}"
        for matcher in origin.arms[arm].matchers
    ]
    text = f"no series of {origin.names.bucket} match {origin.arms[arm].matchers_text}"
    cure = f"mend canary.{arm} with values that exist"
    return fault(arm, text, cure=cure, status=NO_DATA, details=(query, *details))


def _bounds(evidence: CanaryEvidence, bounds_seconds: Sequence[float]) -> list[Finding]:
    """Say whether the unit is plausible, and in which bucket the P95 lies."""
    judged, unit, scale = evidence.latency, evidence.origin.names.unit, evidence.origin.names.seconds_per_unit
    doubt = unlikely_unit(unit, [bound / scale for bound in bounds_seconds])
    found = [note("unit", doubt, cure="mend canary.latency_unit")] if doubt else []
    if judged.baseline_bucket_seconds:
        low, high = judged.baseline_bucket_seconds
        bucket = (low / scale, math.inf if high is None else high / scale)
        text, cure = words_of_bucket(bucket, (judged.baseline_seconds or 0.0) / scale, unit)
        found.append(note("bounds", text, cure=cure) if cure else ok("bounds", text))
    return found


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"
