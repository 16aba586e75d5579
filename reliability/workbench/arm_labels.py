"""Which label tells two arms apart, and which of its values is the baseline.

Fed with the label sets of the histogram and their traffic. Reading the server belongs to
`reliability.workbench.survey`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reliability.sources.mixed_labels import target_labels
from reliability.workbench.server import Row

# Labels by which people tell releases apart, the best one first.
ARM_LABELS: Final = (
    "arm", "track", "release_track", "variant", "canary", "role", "color", "colour", "slot", "version", "app_version",
    "service_version", "app_kubernetes_io_version", "release", "image_tag", "build", "revision", "deployment",
    "rollouts_pod_template_hash", "pod_template_hash", "app", "service", "job",
)  # fmt: skip
# Labels that tell places apart: never proposed, because arms in two places differ in more than their release.
_PLACES: Final = re.compile(
    r"(\w*_)?(env|environment|stage|cluster|region|zone|namespace|dc|datacenter|tenant)(_name)?"
)
_BASELINE: Final = frozenset(("stable", "baseline", "primary", "control", "old", "current", "previous"))
_CANARY: Final = frozenset(("canary", "candidate", "new", "next", "preview", "experiment", "true"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A label that could tell two arms apart.

    Attributes:
        label: Its name.
        requests: Requests of the last minutes by value, the busiest first.
        reason: Why it may tell arms apart.
    """

    label: str
    requests: Mapping[str, float]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The two arms.

    Attributes:
        label: The label that tells them apart.
        baseline: Its value at the baseline.
        canary: Its value at the canary.
        reason: Why the baseline is the baseline.
    """

    label: str
    baseline: str
    canary: str
    reason: str


def rank_splits(rows: Sequence[Row], preferred: Sequence[str] = ()) -> tuple[Split, ...]:
    """Find the labels with two or more values that have traffic.

    Args:
        rows: Label sets of the histogram with their requests.
        preferred: Labels that the exporter usually uses.

    Returns:
        The labels, the best one first: those of the preset, those that people use for
        releases, then any other that is one value for a whole target, those with exactly two values first.
    """
    order = tuple(dict.fromkeys((*preferred, *ARM_LABELS)))
    of_targets = target_labels([row.labels for row in rows])
    in_series = {label for row in rows for label in row.labels if label in order}
    found = [_split(label, rows, label in of_targets) for label in sorted({*of_targets, *in_series})]
    several = [split for split in found if len(split.requests) > 1 and _may_split(split.label, preferred)]
    return tuple(sorted(several, key=lambda split: _rank(split, order, split.label in of_targets)))


def choose_arms(splits: Sequence[Split], started: Mapping[str, Mapping[str, float]]) -> Choice | None:
    """Take the best label whose values can be told apart as baseline and canary.

    Args:
        splits: Labels, the best one first.
        started: Earliest start of a process by label and value, where known.

    Returns:
        The arms; None when no label has two values, or two that their names single out.
    """
    return next(filter(None, (_choose(split, started.get(split.label, {})) for split in splits)), None)


def _may_split(label: str, preferred: Sequence[str]) -> bool:
    return label in preferred or not _PLACES.fullmatch(label)


def _rank(split: Split, order: Sequence[str], of_target: bool) -> tuple[bool, int, bool, int, str]:
    known = split.label in order
    place = order.index(split.label) if known else 0
    return not known, place, not of_target, len(split.requests), split.label


def _split(label: str, rows: Sequence[Row], of_target: bool) -> Split:
    requests: dict[str, float] = {}
    for row in rows:
        if row.value > 0:
            value = row.labels.get(label, "")
            requests[value] = requests.get(value, 0.0) + row.value
    whole = "one value for a whole target" if of_target else "differs inside a target"
    ordered = sorted(requests.items(), key=lambda item: (-item[1], item[0]))
    return Split(label=label, requests=dict(ordered), reason=f"{len(ordered)} values with traffic, {whole}")


def _choose(split: Split, started: Mapping[str, float]) -> Choice | None:
    values = list(split.requests)
    baselines = [value for value in values if _words(value) & _BASELINE and not _words(value) & _CANARY]
    canaries = [value for value in values if _words(value) & _CANARY]
    if len(canaries) == 1 and len(baselines) == 1:
        return _choice(split, baselines[0], canaries[0], "the names say so")
    if len(values) != 2:  # noqa: PLR2004 -- two arms
        return None
    if len(canaries) == 1:
        return _choice(split, next(value for value in values if value not in canaries), canaries[0], "the names say so")
    if len(baselines) == 1:
        return _choice(split, baselines[0], next(value for value in values if value not in baselines), "its name")
    first, second = values
    if first in started and second in started and abs(started[first] - started[second]) > 1:
        older, younger = sorted(values, key=lambda value: started[value])
        return _choice(split, older, younger, "its process started first")
    return _choice(split, first, second, "a guess: it has more requests; swap the two if that is wrong")


def _choice(split: Split, baseline: str, canary: str, reason: str) -> Choice:
    return Choice(label=split.label, baseline=baseline, canary=canary, reason=reason)


def _words(value: str) -> set[str]:
    return {word for word in re.split(r"[^a-z]+", value.lower()) if word}
