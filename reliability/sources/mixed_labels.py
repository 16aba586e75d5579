"""Does an arm mix targets that differ in more than their name, for example two versions?

Fed with the answer of one arm and the matchers that chose it. What a mixture means for a
verdict does not belong here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from reliability.sources.answer import Answer
from reliability.sources.metrics import PROCESS_START, UP
from reliability.sources.promql import Matcher

# Labels that tell one target from another by their nature: several values are no mixture.
_IDENTITY: Final = re.compile(
    r"__name__|le|id|uid|pid|endpoint"
    r"|(?:\w*_)?(?:instance|pod|host|hostname|node|nodename|container|replica|address|addr|ip|port|uuid)"
    r"|(?:\w*_)?(?:pod|host|node|container|server|machine)_name"
    r"|\w*(?:pod|host|node|container|server|machine|instance|task|process)_u?id"
)


def mixed_labels(answer: Answer, matchers: Sequence[Matcher]) -> dict[str, tuple[str, ...]]:
    """Find labels that are one value for a whole target, differ between targets, and are not selected.

    Args:
        answer: Series of one arm.
        matchers: Conditions that chose them; a label named there was thought of.

    Returns:
        Values by label, both in alphabetical order; empty text where a target lacks the label.
    """
    named = {matcher.name for matcher in matchers}
    return {
        label: values
        for label, values in target_labels([dict(one.labels) for one in answer.series]).items()
        if len(values) > 1 and label not in named
    }


def target_labels(series: Sequence[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Find the labels that have one value for a whole target, and the values they have.

    Args:
        series: Labels of each series; those of `up` and of process starts are left out.

    Returns:
        Values by label, both in alphabetical order, without labels that name a target.
    """
    by_target: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for labels in series:
        if labels.get("__name__") not in (UP, PROCESS_START):
            by_target.setdefault((labels.get("job", ""), labels.get("instance", "")), []).append(labels)
    candidates = sorted({label for labels in series for label in labels if not _IDENTITY.fullmatch(label)})
    found = {label: _values(label, list(by_target.values())) for label in candidates}
    return {label: values for label, values in found.items() if values}


def _values(label: str, targets: Sequence[Sequence[Mapping[str, str]]]) -> tuple[str, ...]:
    """Return the values of a label; none when a target has several."""
    of_targets = [{labels.get(label, "") for labels in target} for target in targets]
    if any(len(values) > 1 for values in of_targets):
        return ()
    return tuple(sorted({value for values in of_targets for value in values}))
