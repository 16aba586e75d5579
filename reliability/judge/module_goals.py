"""Module goals judge: do the modules that matter most have the coverage that the phase wants of them?

Counts by path in, one state per goal out. A goal whose glob matches nothing is an error and never met: a
renamed module would else take its goal along. Files and words do not belong here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Protocol

GoalState = Literal["met", "missed", "not-measured", "no-match"]


class Goal(Protocol):
    """What a goal says; `reliability.sources.phase_document.ModuleGoal` does."""

    @property
    def glob(self) -> str:
        """Paths from the project's folder."""

    @property
    def lines_percent(self) -> Decimal:
        """Least share of lines."""

    @property
    def branches_percent(self) -> Decimal | None:
        """Least share of branches; None: lines alone count."""

    @property
    def each(self) -> bool:
        """Every file must reach it, not only all together."""


class Counts(Protocol):
    """Counts of one module; `reliability.sources.coverage_json.CoverageCounts` has them."""

    @property
    def statements(self) -> int:
        """Executable statements."""

    @property
    def covered(self) -> int:
        """Statements that were run."""

    @property
    def branches(self) -> int:
        """Ways out of branching lines."""

    @property
    def covered_branches(self) -> int:
        """Ways that were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleGoalState:
    """One goal beside what was measured.

    Attributes:
        goal: The goal.
        state: `met`; `missed`; `not-measured` when there are no statements, or no branches although the goal asks
            for them; `no-match` when no module has such a path, which is an error of the phase's document.
        files: Paths that the glob matches.
        missed_files: Of those, the ones below the goal on their own; the reason when `each` is asked for.
        lines: (covered, all) lines of all files together.
        branches: (covered, all) branches of all files together.
    """

    goal: Goal
    state: GoalState
    files: tuple[str, ...]
    missed_files: tuple[str, ...]
    lines: tuple[int, int]
    branches: tuple[int, int]


def judge_module_goals(
    goals: Sequence[Goal], modules: Mapping[str, Counts], *, branch: bool
) -> tuple[ModuleGoalState, ...]:
    """Judge module goals by the counts of the modules.

    Args:
        goals: Goals of the phase.
        modules: Counts by path, as coverage.py wrote it.
        branch: Whether branches were measured at all.

    Returns:
        One state per goal, in order. `no-match` must end a command with status 2.
    """
    return tuple(_judge(goal, modules, branch=branch) for goal in goals)


def matching(glob: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Find the paths that a glob names.

    Args:
        glob: `*` and `?` stay inside a folder, `**` does not; backslashes of Windows are slashes.
        paths: Paths from the project's folder.

    Returns:
        The paths that match as a whole, sorted.
    """
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", glob.replace("\\", "/"))
    pattern = re.compile("".join(wild.get(piece) or re.escape(piece) for piece in pieces))
    return tuple(sorted(path for path in paths if pattern.fullmatch(path.replace("\\", "/"))))


def _judge(goal: Goal, modules: Mapping[str, Counts], *, branch: bool) -> ModuleGoalState:
    files = matching(goal.glob, modules)
    counts = [modules[path] for path in files]
    lines = (sum(c.covered for c in counts), sum(c.statements for c in counts))
    branches = (sum(c.covered_branches for c in counts), sum(c.branches for c in counts))
    missed = tuple(
        path
        for path, c in zip(files, counts, strict=True)
        if not _reached(goal, (c.covered, c.statements), (c.covered_branches, c.branches))
    )
    state: GoalState = "met"
    if not files:
        state = "no-match"
    elif not lines[1] or (goal.branches_percent is not None and not branch):
        state = "not-measured"
    elif missed if goal.each else not _reached(goal, lines, branches):
        state = "missed"
    return ModuleGoalState(goal=goal, state=state, files=files, missed_files=missed, lines=lines, branches=branches)


def _reached(goal: Goal, lines: tuple[int, int], branches: tuple[int, int]) -> bool:
    wanted = ((lines, goal.lines_percent), (branches, goal.branches_percent))
    return all(
        100 * covered >= Fraction(percent) * total for (covered, total), percent in wanted if percent is not None
    )
