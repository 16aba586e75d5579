"""What the doctor sees in the samples of both arms, and what it would do to a verdict.

Fed with answers by `reliability.workbench.doctor`; pure but for the reading of labels that
exist, which it is handed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reliability.notebook.origin import Arm
from reliability.sources.answer import Answer, Series, clipped
from reliability.sources.captures import scrape_interval_seconds
from reliability.sources.increments import pair_counts
from reliability.sources.metrics import MetricNames
from reliability.sources.mixed_labels import mixed_labels
from reliability.window import Window
from reliability.workbench.finding import NO_DATA, SETTINGS, Finding, fault, note, ok
from reliability.workbench.histograms import unlikely_unit

_SHOWN: Final = 5
_REASONS: Final = {
    "no-traffic": "neither served a request",
    "no-traffic-baseline": "the baseline served no request",
    "no-traffic-canary": "the canary served no request",
    "buckets-missing": "one of them has requests, but no bucket counts them",
    "requests-missing": "the counter of requests of one of them stands still",
    "too-few-scrapes": "fewer than two scrapes are common to both",
}
_NOTES: Final = {
    "requests-differ": (
        "counter and histogram do not count the same requests",
        "mend canary.requests_metric or the matchers, so that both select the same requests",
    ),
    "metrics-route": (
        "the scrapes of /metrics are among the requests",
        'leave them out in both arms, for example with handler!="/metrics"',
    ),
}
_UNSHOWN: Final = frozenset(("__name__", "le"))
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenArm:
    """One arm and what the source has of it.

    Attributes:
        name: `baseline` or `canary`.
        arm: Its matchers.
        answer: Its samples.
    """

    name: str
    arm: Arm
    answer: Answer

    def of(self, metric: str) -> list[Series]:
        """Return the series of one metric."""
        return [series for series in self.answer.series if series.name == metric]


def check_arm(seen: SeenArm, *, names: MetricNames, present: Callable[[], Sequence[Labels]]) -> list[Finding]:
    """Look at one arm.

    Args:
        seen: The arm.
        names: Names of the metrics.
        present: Gives the label sets that the histogram has, whatever the arm.

    Returns:
        What matched, or why nothing did.
    """
    buckets, counters = seen.of(names.bucket), seen.of(names.requests)
    query = f"{seen.answer.query}"
    if not buckets:
        return [_empty(seen, names, present(), query)]
    found = [_matched(seen, buckets, counters, query), *_warnings(seen)]
    if not counters:
        found.append(_uncounted(seen, names))
    found += _errors(seen, counters, names)
    return [*found, *_mixed(seen)]


def check_pair(baseline: SeenArm, canary: SeenArm, *, names: MetricNames) -> list[Finding]:
    """Look at both arms side by side: overlap, bounds, unit."""
    arms = (baseline, canary)
    if not all(arm.of(names.bucket) for arm in arms):
        return []
    sets = [{frozenset(series.labels.items()) for series in arm.of(names.bucket)} for arm in arms]
    if both := sets[0] & sets[1]:
        return [
            fault(
                "arms", f"{len(both)} series belong to both arms", status=SETTINGS,
                cure="choose matchers that tell the arms apart, with another value of the same label",
            )
        ]  # fmt: skip
    bounds = [{_bound(series) for series in arm.of(names.bucket)} for arm in arms]
    common = sorted(bounds[0] & bounds[1])
    found = [ok("bounds", f"{len(common) - 1} bucket bounds, the same in both arms")]
    if bounds[0] != bounds[1]:
        alone = ", ".join(f"{bound:g}" for bound in sorted(bounds[0] ^ bounds[1]))
        cure = "give both arms the same bounds; until then only the common ones count"
        found = [note("bounds", f"the arms have different bounds; only in one arm: {alone}", cure=cure)]
    if len(common) < 2:  # noqa: PLR2004 -- one finite bound and the infinite one
        found = [fault("bounds", "the arms share no bound", cure="give both arms the same bounds", status=NO_DATA)]
    doubt = unlikely_unit(names.unit, common)
    return [*found, *([note("unit", doubt, cure="mend canary.latency_unit")] if doubt else [ok("unit", names.unit)])]


def check_counts(baseline: SeenArm, canary: SeenArm, *, names: MetricNames, window: Window) -> list[Finding]:
    """Count both arms as the report does, and say what would keep it from comparing them."""
    health = pair_counts(baseline.answer, canary.answer, names=names, window=window).health
    if health.reason:
        text = f"the arms cannot be compared: {_REASONS.get(health.reason, health.reason)}"
        return [fault("counts", text, cure="let both arms serve requests, or choose another window", status=NO_DATA)]
    counted = [
        f"{arm} {sum(replica.requests for replica in replicas)} requests, "
        f"{sum(replica.errors for replica in replicas)} of them failed"
        for arm, replicas in (("baseline", health.baseline), ("canary", health.canary))
    ]
    remarks = [note("counts", _NOTES[code][0], cure=_NOTES[code][1]) for code in health.notes if code in _NOTES]
    return [ok("counts", "; ".join(counted)), *remarks]


def _matched(seen: SeenArm, buckets: Sequence[Series], counters: Sequence[Series], query: str) -> Finding:
    instances = sorted({series.labels.get("instance", "") for series in buckets})
    times = [at for series in seen.answer.series if series.times_seconds.size for at in series.times_seconds[[0, -1]]]
    samples = sum(series.times_seconds.size for series in seen.answer.series)
    interval = scrape_interval_seconds(seen.answer)
    every = f", every {interval:g} s" if interval else ""
    values = _label_values([series.labels for series in (*buckets, *counters)])
    return ok(
        seen.name,
        f"{len(buckets)} bucket series and {len(counters)} counters of {len(instances)} instances "
        f"({_listed(instances)}), {samples} samples from {_clock(min(times))} to {_clock(max(times))}{every}",
        *(f"{label}: {_listed(found)}" for label, found in values.items()),
        f"query: {query}",
    )


def _empty(seen: SeenArm, names: MetricNames, present: Sequence[Labels], query: str) -> Finding:
    details = [f"query: {query}"]
    if not present:
        text = f"no series: there is no histogram {names.latency} (no {names.bucket} with le) in the last minutes"
        cure = "mend canary.latency_metric; 'reliability init' in an empty folder lists what there is"
        return fault(seen.name, text, cure=cure, status=NO_DATA, details=tuple(details))
    for matcher in seen.arm.matchers:
        values = sorted({labels.get(matcher.name, "") for labels in present})
        what = "matches" if any(matcher.matches(labels) for labels in present) else "matches none of"
        details.append(f"{matcher.promql()} {what} {matcher.name}: {_listed([value or '(none)' for value in values])}")
    cure = f"mend canary.{seen.name} with values that exist"
    text = f"no series of {names.bucket} match {seen.arm.matchers_text}"
    return fault(seen.name, text, cure=cure, status=NO_DATA, details=tuple(details))


def _warnings(seen: SeenArm) -> list[Finding]:
    cure = "mend it at the server; with a warning no verdict is better than INCONCLUSIVE"
    return [
        fault(seen.name, f"the server warns: {text}", cure=cure, status=NO_DATA) for text in seen.answer.warnings
    ] + [note(seen.name, f"the server remarks: {text}") for text in seen.answer.infos]


def _uncounted(seen: SeenArm, names: MetricNames) -> Finding:
    return fault(
        seen.name, f"no series of {names.requests} match {seen.arm.matchers_text}", status=NO_DATA,
        cure=f"mend canary.requests_metric; {names.latency}_count serves when it has the status of a request",
    )  # fmt: skip


def _errors(seen: SeenArm, counters: Sequence[Series], names: MetricNames) -> list[Finding]:
    """Refuse a status label that no counter has: every request would pass as a good one."""
    labels = {label for series in counters for label in series.labels} - _UNSHOWN
    missing = [matcher for matcher in names.error_matchers if counters and matcher.name not in labels]
    cure = f"mend canary.error_matchers; labels of {names.requests}: {_listed(sorted(labels))}"
    return [
        fault(
            seen.name, f"error_matchers asks for {matcher.name}, which no series of {names.requests} has",
            cure=cure, status=SETTINGS,
        )
        for matcher in missing
    ]  # fmt: skip


def _mixed(seen: SeenArm) -> list[Finding]:
    return [
        note(
            seen.name,
            f"its targets differ in {label}, which no matcher selects: {_listed([v or '(none)' for v in values])}",
            cure=f'select one with {label}="...", unless both belong to the arm',
        )
        for label, values in mixed_labels(seen.answer, seen.arm.matchers).items()
    ]


def _label_values(series: Sequence[Labels]) -> dict[str, list[str]]:
    labels = sorted({label for one in series for label in one} - _UNSHOWN - {"instance"})
    return {label: sorted({one[label] for one in series if label in one}) for label in labels}


def _bound(series: Series) -> float:
    try:
        return float(series.labels.get("le", "nan"))
    except ValueError:
        return float("nan")


def _listed(values: Sequence[str]) -> str:
    """List some values; they come from a server, so each stays short and on one line."""
    shown = ", ".join(clipped(value) for value in values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"
