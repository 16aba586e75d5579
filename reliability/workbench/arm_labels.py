"""Which label tells two arms apart, and which of its values is the baseline.

Fed with the label sets of the histogram and their traffic. Reading the server belongs to
`reliability.workbench.proposal`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reliability.sources.mixed_labels import target_labels
from reliability.workbench.server import Row

# Labels by which people tell releases apart, the best one first.
_ARM_LABELS: Final = (
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
        of_target: Whether it is one value for a whole target.
    """

    label: str
    requests: Mapping[str, float]
    of_target: bool


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
    order = list(dict.fromkeys((*preferred, *_ARM_LABELS)))
    of_targets = target_labels([row.labels for row in rows]).keys()
    in_series = {label for row in rows for label in row.labels if label in order}
    found = [
        Split(label=label, requests=_requests(label, rows), of_target=label in of_targets)
        for label in of_targets | in_series
        if label in preferred or not _PLACES.fullmatch(label)
    ]

    def rank(split: Split) -> tuple[int, bool, int, str]:
        place = order.index(split.label) if split.label in order else len(order)
        return place, not split.of_target, len(split.requests), split.label

    return tuple(sorted((split for split in found if len(split.requests) > 1), key=rank))


def choose_arms(splits: Sequence[Split], started: Mapping[str, Mapping[str, float]]) -> Choice | None:
    """Take the best label whose values can be told apart as baseline and canary.

    Args:
        splits: Labels, the best one first.
        started: Earliest start of a process by label and value, where known.

    Returns:
        The arms; None when no label has two values, or two that their names single out.
    """
    return next(filter(None, (_choose(split, started.get(split.label, {})) for split in splits)), None)


def _requests(label: str, rows: Sequence[Row]) -> dict[str, float]:
    requests: dict[str, float] = {}
    for row in rows:
        if row.value > 0:
            value = row.labels.get(label, "")
            requests[value] = requests.get(value, 0.0) + row.value
    return dict(sorted(requests.items(), key=lambda item: (-item[1], item[0])))


def _choose(split: Split, started: Mapping[str, float]) -> Choice | None:
    roles = {value: _role(value) for value in split.requests}
    told = [value for value, role in roles.items() if role]
    values = told if sorted(roles[value] for value in told) == [-1, 1] else list(split.requests)
    if len(values) != 2:  # noqa: PLR2004 -- two arms
        return None
    baseline, canary = sorted(values, key=roles.__getitem__)
    if roles[baseline] != roles[canary]:
        reason = "the names say so"
    elif all(value in started for value in values) and abs(started[baseline] - started[canary]) > 1:
        baseline, canary = sorted(values, key=started.__getitem__)
        reason = "its process started first"
    else:
        reason = "a guess: it has more requests; swap the two if that is wrong"
    return Choice(label=split.label, baseline=baseline, canary=canary, reason=reason)


def _role(value: str) -> int:
    """Tell what a value calls itself: 1 a canary, -1 a baseline, 0 neither."""
    words = set(re.split(r"[^a-z]+", value.lower()))
    return 1 if words & _CANARY else -1 if words & _BASELINE else 0
