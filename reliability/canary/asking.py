"""What the sub-commands of `canary` ask a source for: one arm, or one arm's replicas in two groups.

Fetches and counts; what the counts say belongs to the commands and to the judges.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reliability.atomic import scratch_folder
from reliability.clock import SystemClock
from reliability.errors import ParameterError
from reliability.notebook.origin import Origin
from reliability.notebook.run import Place
from reliability.settings_file import find_project_folder, read_assignments, read_settings, resolve_parameters
from reliability.sources.answer import Answer, Series
from reliability.sources.increments import Pairing, pair_counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """The replicas of one arm in two groups, by turns in the order of their names.

    Attributes:
        a: Samples of the first, third, ... replica.
        b: Samples of the others.
        counts: How many replicas each has.
    """

    a: Answer
    b: Answer
    counts: tuple[int, int]


@contextmanager
def chosen_source(
    capture: str | None, config: Path | None, assignments: Sequence[str], **options: object
) -> Iterator[tuple[dict[str, Any], Place]]:
    """Resolve what is to be asked; answers of a server are kept for as long as the block lasts.

    Args:
        capture: Folder or body of a recording; None: the source of the settings.
        config: Settings instead of the project's own; relative names start at its folder.
        assignments: Texts of `-p`.
        options: Options of `[canary]` that lie over these; None is left out.

    Yields:
        A value for every option, and the place.

    Raises:
        UsageError: Options contradict each other, or a setting or value is not valid.
    """
    given = read_assignments("canary", assignments)
    project = config.resolve().parent if config else find_project_folder(Path.cwd())
    settings = read_settings(project, file=config)
    if capture is not None:
        if "source" in given:
            raise ParameterError(f"--capture {capture} and source={given['source']} both name a source; keep one.")
        given["source"] = capture if capture.startswith("sample:") else str(Path.cwd() / capture)
    given |= {name: value for name, value in options.items() if value is not None}
    parameters = resolve_parameters(settings, "canary", given, report="canary")
    with scratch_folder() as scratch:
        yield (
            parameters,
            Place(project=project, settings=settings, now=SystemClock().now(), answers=scratch, increments=None),
        )


def fetch_arm(origin: Origin, arm: str) -> Answer:
    """Fetch one arm behind its warm-up."""
    return origin.source.fetch(
        metrics=origin.names.fetched(), matchers=origin.arms[arm].matchers, window=origin.judged_window(arm)
    )


def split_replicas(answer: Answer, *, bucket: str) -> Split | None:
    """Split an arm into two groups of replicas.

    Args:
        answer: Samples of the arm.
        bucket: Name of the bucket counters; what has none serves no requests.

    Returns:
        The groups; None when there are fewer than two replicas.
    """
    serving = sorted({_replica(series) for series in answer.series if series.name == bucket})
    if len(serving) < 2:  # noqa: PLR2004 -- two groups
        return None
    groups = [frozenset(serving[start::2]) for start in (0, 1)]
    a, b = (replace(answer, series=tuple(s for s in answer.series if _replica(s) in group)) for group in groups)
    return Split(a=a, b=b, counts=(len(groups[0]), len(groups[1])))


def pair_groups(a: Answer, b: Answer, origin: Origin, *, is_split: bool) -> Pairing:
    """Count two groups side by side, halves of the baseline or the two arms."""
    baseline, canary = (origin.arms[arm].matchers for arm in ("baseline", "canary"))
    return pair_counts(
        a,
        b,
        names=origin.names,
        window=origin.judged_window("canary"),
        route_label=origin.route_label,
        matchers=(baseline, baseline if is_split else canary),
        as_of=origin.as_of,
    )


def _replica(series: Series) -> tuple[str, str]:
    return series.labels.get("job", ""), series.labels.get("instance", "")
