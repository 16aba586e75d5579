"""Charts of the phase page: own coverage, imported figures, missing lines by module.

The own coverage and the imported phase never share a chart. Imported figures are hollow
marks. Coverage over time is drawn in `reliability.report.charts.course`; legends and tables stand
in the block templates.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Final

from reliability.report.charts.course import draw_course
from reliability.report.charts.resilience import draw_resilience
from reliability.report.charts.rows import NAME_LETTERS, described, grid_across, row_axes
from reliability.report.charts.ticks import round_ticks
from reliability.report.svg import COLOURS, DASH, FigureSpec, Size, new_axes
from reliability.report.words import Words

Data = Mapping[str, Any]
_GOAL: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["pass"], "lw": 1.5, "ls": DASH})
_FLOOR: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["limit"], "lw": 1.4, "ls": DASH})


def draw_own(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the own coverage as one bar between nothing and all, with its floor and goals."""
    figure, axes = new_axes(size, height_inches=1.35, unit=words.plain("phase.coverage.axis"), left_inches=0.2)
    axes.barh([0], [100 * data["measured_fraction"]], height=0.5, color=COLOURS["base"])
    axes.axvline(100 * data["floor_fraction"], **_FLOOR)
    for goal in data["goals"]:
        axes.axvline(100 * goal["fraction"], **_GOAL)
    axes.set_yticks([])
    axes.set_ylim(-0.6, 0.6)
    grid_across(axes)
    _share_axis(axes, words)
    return described(figure, words, "phase.coverage", data)


def draw_imported(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw what the imported document states as hollow marks; goals only beside the whole suite."""
    stated = [(f["label"][words.language], f["stated_fraction"]) for f in data["figures"]]
    stated.insert(0, (words.plain("phase.plan.whole_suite"), data["whole_suite"]["stated_fraction"]))
    rows = [(name, 100 * share) for name, share in stated if share is not None]
    names = _short([name for name, _ in rows], size)
    figure, axes = row_axes(names, size, unit=words.plain("phase.plan.axis"))
    axes.plot(
        [percent for _, percent in rows], range(len(rows)), ls="none", marker="o", ms=9, mew=2,
        mfc=COLOURS["card"], mec=COLOURS["base"], clip_on=False,
    )  # fmt: skip
    axes.vlines([100 * goal for goal in data["goal_fractions"]], -0.45, 0.45, **_GOAL)
    _share_axis(axes, words)
    return described(figure, words, "phase.plan", data)


def draw_modules(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw how many lines and branches are missing in the modules that miss most."""
    shown = data["modules"][: data["shown_count"]]
    names = ["/".join(PurePath(module["path"]).parts[-2:]).removesuffix(".py") for module in shown]
    figure, axes = row_axes(_short(names, size), size, unit=words.plain("phase.modules.axis"))
    missing = [module["missing_count"] for module in shown]
    axes.barh(range(len(shown)), missing, height=0.55, color=COLOURS["base"])
    ticks = [tick for tick in round_ticks(0, max(missing))[0] if float(tick).is_integer()]
    axes.set_xticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_xlim(0, 1.04 * max(missing))
    return described(figure, words, "phase.modules", data)


CHARTS: Final = MappingProxyType({
    "own": draw_own, "imported": draw_imported, "modules": draw_modules, "record": draw_course,
    "resilience": draw_resilience,
})  # fmt: skip


def _short(names: Sequence[str], size: Size) -> list[str]:
    """Shorten long names; they keep their end, which tells modules apart."""
    letters = NAME_LETTERS[size]
    return [name if len(name) <= letters else f"\u2026{name[1 - letters :]}" for name in names]


def _share_axis(axes: Any, words: Words) -> None:
    ticks = range(0, 101, 20)
    axes.set_xticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_xlim(0, 100)
