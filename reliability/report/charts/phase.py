"""Charts of the phase page: own coverage, imported figures, missing lines by module, the record.

The own coverage and the imported phase never share a chart. Imported figures are hollow
marks. Legends and tables stand in the block templates.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from reliability.report.charts.ticks import round_ticks, thinned
from reliability.report.svg import COLOURS, DASH, FigureSpec, Size, new_axes
from reliability.report.words import Words

Data = Mapping[str, Any]
_LABEL_LETTERS: Final = MappingProxyType({"wide": 31, "narrow": 18})
_LABEL_INCHES: Final = MappingProxyType({"wide": 2.75, "narrow": 1.65})
_ROW_INCHES: Final = 0.29
_FRAME_INCHES: Final = 0.75
_GOAL: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["pass"], "lw": 1.5, "ls": DASH})
_FLOOR: Final[Mapping[str, Any]] = MappingProxyType({"color": COLOURS["limit"], "lw": 1.4, "ls": DASH})


def draw_own(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the own coverage as one bar between nothing and all, with its floor and goals."""
    figure, axes = new_axes(size, height_inches=1.35, unit=words.plain("phase.coverage.axis"), left_inches=0.2)
    axes.barh([0], [100 * (data["measured_fraction"] or 0)], height=0.5, color=COLOURS["base"])
    axes.axvline(100 * data["floor_fraction"], **_FLOOR)
    for goal in data["goals"]:
        axes.axvline(100 * goal["fraction"], **_GOAL)
    _share_axis(axes, words)
    axes.set_yticks([])
    axes.set_ylim(-0.6, 0.6)
    return FigureSpec(
        figure=figure,
        title=words.plain("phase.coverage.chart_title"),
        description=words.plain("phase.coverage.chart_description", **data),
    )


def draw_imported(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw what the imported document states as hollow marks; goals only beside the whole suite."""
    rows = [(f["label"][words.language], f["stated_fraction"]) for f in data["figures"]]
    if data["whole_suite"]:
        rows.insert(0, (words.plain("phase.plan.whole_suite"), data["whole_suite"]["stated_fraction"]))
    rows = [row for row in rows if row[1] is not None]
    figure, axes = _row_axes(len(rows), words.plain("phase.plan.axis"), size)
    places = range(len(rows))
    axes.plot(
        [100 * share for _, share in rows], places, ls="none", marker="o", ms=9, mew=2, mfc=COLOURS["card"],
        mec=COLOURS["base"], clip_on=False,
    )  # fmt: skip
    if data["whole_suite"]:
        axes.vlines([100 * goal for goal in data["goal_fractions"]], -0.45, 0.45, **_GOAL)
    _share_axis(axes, words)
    _name_rows(axes, [name for name, _ in rows], size)
    return FigureSpec(
        figure=figure,
        title=words.plain("phase.plan.chart_title"),
        description=words.plain("phase.plan.chart_description", **data),
    )


def draw_modules(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw how many lines and branches are missing in the modules that miss most."""
    shown = data["modules"][: data["shown_count"]]
    figure, axes = _row_axes(len(shown), words.plain("phase.modules.axis"), size)
    missing = [module["missing_count"] for module in shown]
    axes.barh(range(len(shown)), missing, height=0.55, color=COLOURS["base"])
    ticks = [tick for tick in round_ticks(0, max(missing))[0] if float(tick).is_integer()]
    axes.set_xticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_xlim(0, 1.04 * max(missing))
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    _name_rows(axes, ["/".join(module["path"].split("/")[-2:]).removesuffix(".py") for module in shown], size)
    return FigureSpec(
        figure=figure,
        title=words.plain("phase.modules.chart_title"),
        description=words.plain("phase.modules.chart_description", **data),
    )


def draw_record(data: Data, words: Words, size: Size) -> FigureSpec:
    """Draw the coverage of the record's entries; no line crosses a new rule of counting."""
    entries = [entry for entry in data["entries"] if entry["shown_fraction"] is not None]
    figure, axes = new_axes(size, height_inches=2.8, unit=words.plain("phase.record.axis"))
    shares = [100 * entry["shown_fraction"] for entry in entries]
    for first, last in _runs(entries):
        axes.plot(
            range(first, last), shares[first:last], marker="o", color=COLOURS["base"], lw=2, ms=6.5,
            mec=COLOURS["card"], mew=1.4,
        )  # fmt: skip
    axes.axhline(100 * data["floor_fraction"], **_FLOOR)
    for goal in data["goal_fractions"]:
        axes.axhline(100 * goal, **_GOAL)
    limits = [100 * data["floor_fraction"], *(100 * goal for goal in data["goal_fractions"])]
    ticks, digits = round_ticks(min(*shares, *limits) - 2, min(100, max(*shares, *limits) + 2))
    axes.set_yticks(ticks, [words.formats.number(tick, digits) for tick in ticks])
    axes.set_ylim(min(*shares, *limits) - 2, max(*shares, *limits) + 2)
    kept = thinned(len(entries), 6 if size == "wide" else 3)
    axes.set_xticks(kept, [words.formats.day(entries[place]["committed_at"]) for place in kept])
    axes.set_xlim(-0.4, len(entries) - 0.6)
    return FigureSpec(
        figure=figure,
        title=words.plain("phase.record.chart_title"),
        description=words.plain("phase.record.chart_description", **data),
    )


CHARTS: Final = MappingProxyType({
    "own": draw_own, "imported": draw_imported, "modules": draw_modules, "record": draw_record,
})  # fmt: skip


def _row_axes(count: int, unit: str, size: Size) -> Any:
    return new_axes(size, height_inches=_FRAME_INCHES + _ROW_INCHES * count, unit=unit, left_inches=_LABEL_INCHES[size])


def _name_rows(axes: Any, names: Sequence[str], size: Size) -> None:
    """Name the rows from top to bottom; a long name keeps its end, which tells modules apart."""
    letters = _LABEL_LETTERS[size]
    short = [name if len(name) <= letters else f"\u2026{name[1 - letters :]}" for name in names]
    axes.set_yticks(range(len(names)), [name.replace("$", r"\$") for name in short])
    axes.set_ylim(len(names) - 0.45, -0.55)


def _share_axis(axes: Any, words: Words) -> None:
    ticks = range(0, 101, 20)
    axes.set_xticks(ticks, [words.formats.number(tick) for tick in ticks])
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")


def _runs(entries: Sequence[Data]) -> list[tuple[int, int]]:
    """Return the spans of entries that were counted by one rule."""
    starts = [0, *(place for place, entry in enumerate(entries) if place and entry["new_definition"])]
    return list(zip(starts, [*starts[1:], len(entries)], strict=True))
