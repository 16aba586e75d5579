"""The record of the own phase as data: its course over time, its entries, and when the next goal will be met.

Points stand at the time of their commit. A run that was not accepted is shown apart and is
never part of the course. What a forecast is follows from `reliability.judge.forecast`.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from reliability.errors import SourceError
from reliability.judge.forecast import MIN_INCREMENT_COUNT, Forecast, forecast_goal
from reliability.notebook.phase_evidence import PhaseEvidence
from reliability.notebook.shares import rounded_down
from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.record import Entry, PhaseRecord

SHOWN_ENTRIES: Final = 30
SEED: Final = 1
Data = dict[str, Any]


def record(found: PhaseEvidence) -> Data:
    """Return the course of the coverage, the newest entries, and the forecast."""
    entries = found.record.valid
    rows = _rows(entries)
    told = [row for row in rows if row["kind"] != "observation"]
    points = [*_points(entries), *_present_point(found)]
    return {
        "phase_title": found.own.title,
        "language": found.own.language,
        "folder": found.record_folder,
        "entries_count": len(entries),
        "observations_count": len(rows) - len(told),
        "entries": told[-SHOWN_ENTRIES:],
        "older_count": max(0, len(told) - SHOWN_ENTRIES),
        "unreadable": [{"name": name, "problem": problem} for name, problem in found.record.unreadable.items()],
        "points": points,
        "has_course": len({point["at"] for point in points}) > 1,
        "floors": _floors(found),
        "increment_points": found.own.increment_points,
        "floor_fraction": _floor(found),
        "goal_fractions": found.own.goal_fractions,
        "forecast": _forecast(found),
    }


def _rows(entries: Sequence[Entry]) -> list[Data]:
    """Return each entry with its change since the one that the table shows before it.

    None is computed across a new rule of counting.
    """
    rows: list[Data] = []
    before: Fraction | None = None
    for entry in entries:
        share = entry.coverage.fraction if entry.coverage else None
        is_new = entry.kind == "baseline"
        rows.append({
            "kind": entry.kind,
            "commit": entry.commit,
            "committed_at": entry.commit_time,
            "shown_fraction": rounded_down(share),
            "change_fraction": None if share is None or before is None or is_new else share - before,
            "floor_fraction": entry.threshold.to_percent / 100 if entry.threshold else None,
            "told": "raised" if _is_raise(entry) else entry.kind,
            "reason": entry.reason or (entry.stated.text if entry.stated else ""),
        })  # fmt: skip
        before = before if share is None or entry.kind == "observation" else share
    return rows


def _is_raise(entry: Entry) -> bool:
    change = entry.threshold
    return change is not None and change.from_percent is not None and change.to_percent > change.from_percent


def _points(entries: Sequence[Entry]) -> list[Data]:
    """Return the entries that hold a coverage, as points of the course."""
    return [
        _point(
            entry.commit_time,
            entry.coverage,
            kind=entry.kind,
            unit=entry.figures.unit if entry.figures else None,
            imports=entry.figures.imports_only if entry.figures else None,
            begins_anew=entry.kind == "baseline" and place > 0,
        )
        for place, entry in enumerate(entry for entry in entries if entry.coverage)
    ]


def _present_point(found: PhaseEvidence) -> list[Data]:
    """Return the present run, unless the record holds it; not accepted when anything speaks against it."""
    measured = found.measured
    if isinstance(measured, SourceError) or measured.counts is None or measured.is_shipped:
        return []
    manifest = measured.manifest
    at = manifest.commit_time if manifest and manifest.commit_time else measured.began_at
    held = [(entry.commit, entry.coverage.fraction) for entry in found.record.valid if entry.coverage]
    if at is None or (manifest and (manifest.commit, measured.counts.fraction) in held):
        return []
    figures = manifest.figures if manifest else None
    point = _point(
        at,
        measured.counts,
        kind="present" if found.decision.is_accepted else "not-accepted",
        unit=figures.unit if figures else None,
        imports=figures.imports_only if figures else None,
        begins_anew="definition-changed" in found.decision.codes,
    )
    return [point]


def _point(
    at: datetime,
    counts: CoverageCounts | None,
    *,
    kind: str,
    unit: CoverageCounts | None,
    imports: CoverageCounts | None,
    begins_anew: bool,
) -> Data:
    return {
        "at": at,
        "kind": kind,
        "shown_fraction": rounded_down(counts.fraction if counts else None),
        "unit_fraction": rounded_down(unit.fraction if unit else None),
        "imports_fraction": rounded_down(imports.fraction if imports else None),
        "begins_anew": begins_anew,
    }


def _floors(found: PhaseEvidence) -> list[Data]:
    """Return the floor as steps: the first has no instant, the last is the one in force now."""
    changes = [(entry.commit_time, entry.threshold) for entry in found.record.valid if entry.threshold]
    before = changes[0][1].from_percent if changes else None
    first = _floor(found) if before is None else Fraction(before) / 100
    steps: list[Data] = [{"at": at, "fraction": Fraction(change.to_percent) / 100} for at, change in changes]
    floors = [{"at": None, "fraction": first}, *steps]
    if floors[-1]["fraction"] != _floor(found):  # changed by hand, or not recorded yet
        floors.append({"at": found.now, "fraction": _floor(found)})
    return floors


def _floor(found: PhaseEvidence) -> Fraction:
    measured = found.measured
    return found.own.floor_fraction if isinstance(measured, SourceError) else measured.judged.floor_fraction


def _forecast(found: PhaseEvidence) -> Data:
    """Forecast the first goal that neither the course nor an accepted present run has met."""
    observations = observations_since_baseline(found.record)
    shares = [share for _, share in observations[-1:]]
    measured = found.measured
    if found.decision.is_accepted and not isinstance(measured, SourceError) and measured.judged.measured_fraction:
        shares.append(measured.judged.measured_fraction)
    goals = found.own.goal_fractions
    goal = next((goal for goal in goals if goal > max(shares, default=Fraction(0))), None)
    if goal is None:
        forecast = Forecast(reason="goal-reached", goal_fraction=goals[-1], observations_count=len(observations))
    else:
        forecast = forecast_goal(observations, goal, seed=SEED, as_of=found.now)
    return {
        "reason": forecast.reason,
        "goal_fraction": forecast.goal_fraction,
        "increments_count": forecast.increments_count,
        "needed_count": MIN_INCREMENT_COUNT,
        "p10_at": forecast.p10_at,
        "p90_at": forecast.p90_at,
    }


def observations_since_baseline(record: PhaseRecord) -> list[tuple[datetime, Fraction]]:
    """Return when and what accepted runs measured since the last change of what is counted, once per commit."""
    entries = record.valid
    starts = [place for place, entry in enumerate(entries) if entry.kind == "baseline"]
    later = entries[starts[-1] if starts else 0 :]
    found = [(entry.commit_time, entry.coverage) for entry in later if entry.kind in ("observation", "baseline")]
    measured = [(at, counts) for at, counts in found if counts is not None]
    shares = {
        at: counts.fraction for at, counts in measured if counts.definition_digest == measured[-1][1].definition_digest
    }
    return [(at, share) for at, share in shares.items() if share is not None]
