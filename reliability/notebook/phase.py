"""The phase report: where this project's phase stands, and whether thresholds may be tightened.

Two phases that never share a line: the own one, whose measurement gates the release and whose
conditions are looked at on every run, and imported history, which is only told.
Files are read in `reliability.notebook.phase_evidence`, pages drawn in `reliability.report`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from reliability.errors import SourceError
from reliability.notebook import phase_conditions, phase_course, phase_matrix, phase_resilience
from reliability.notebook import phase_parts as parts
from reliability.notebook.block import Block, plain
from reliability.notebook.parts import present, read_part
from reliability.notebook.phase_evidence import PhaseEvidence, load_phase
from reliability.notebook.run import Frames, FrameSource, Place, Run, no_data, show
from reliability.sources.junit import count_outcomes
from reliability.verdicts import Verdict

TOPIC: Final = "phase"
SECTION: Final = "phase"
FRAMES: Final[Frames] = {
    "modules": FrameSource(
        columns={
            "path": "", "statements": "int64", "covered": "int64", "branches": "int64", "covered_branches": "int64",
            "measured_fraction": "float64", "missing_count": "int64",
        },
        rows=lambda found: plain(parts.modules(found))["modules"],
    ),
    "tests": FrameSource(
        columns={"classname": "", "name": "", "module": "", "outcome": ""},
        rows=lambda found: [
            {**parts.result_row(result), "module": result.module} for result in present(found.measured).results
        ],
    ),
    "resilience": FrameSource(
        columns={"component": "", "name": "", "outcome": "", "count": "int64"},
        rows=lambda found: phase_resilience.frame_rows(present(found.resilience)),
    ),
}  # fmt: skip


def load(parameters: Mapping[str, Any], *, place: Place) -> PhaseEvidence:
    """Read the evidence; see `load_phase` and `load_resilience`. A part that is missing is kept as its error."""
    found = load_phase(parameters, project=place.project, now=place.now)
    source = parameters["resilience_source"]
    return replace(found, resilience=read_part(lambda: phase_resilience.load_resilience(source, place=place)))


def conclude(run: Run) -> dict[str, Any]:
    """Judge the evidence.

    Args:
        run: The open run.

    Returns:
        The report's own part of its JSON; NO_DATA with its reason without a measurement.
    """
    found: PhaseEvidence = present(run.evidence)
    tighten = phase_conditions.tighten(found)
    phase = {
        "id": found.own.id,
        "title": found.own.title,
        "goals_percent": found.own.goals_percent,
        "tighten": tighten,
    }
    standing = _standing_figures(found, tighten)
    try:
        measured, judgement = present(found.measured), parts.judge(found)
    except SourceError as err:
        return {**no_data(err), "figures": standing, "phase": {**phase, "own": None}}
    coverage, counts = parts.coverage(found), count_outcomes(measured.required_results)
    own = {**coverage, "id": found.own.id, "evidence": measured.files, "tests": counts, "ratchet": _ratchet(found)}
    source = ", ".join(measured.files)
    asked = [] if isinstance(found.resilience, SourceError) else [found.resilience.query]
    # What came with the package is somebody else's measurement: a sample, as of when its tests ran.
    shipped = {"sample": "evidence", "as_of": measured.began_at} if measured.is_shipped else {}
    return {
        **shipped,
        **judgement.to_json(),
        "figures": [
            {"id": "coverage", **coverage},
            {"id": "tests", "verdict": judgement.check("tests").verdict, **counts},
            *standing,
        ],
        "phase": {**phase, "own": own},
        "provenance": {
            "source": f"{source} (shipped with the package)" if measured.is_shipped else source,
            "queries": asked,
        },
    }


def coverage(run: Run) -> Block:
    """Show this project's own coverage against its floor and goals."""
    return show(run, "coverage", parts.coverage)


def modules(run: Run) -> Block:
    """Show coverage by module, those with most missing first, and the goals of single modules."""
    return show(run, "modules", parts.modules)


def tests(run: Run) -> Block:
    """Show how each suite and the tests of each part ended."""
    return show(run, "tests", parts.tests)


def requirements(run: Run) -> Block:
    """Show which tests prove each requirement of the phase, and what the checks of its risks found."""
    return show(run, "requirements", phase_matrix.requirements)


def resilience(run: Run) -> Block:
    """Show what breakers, locks and sessions of the release under test reported; it gates nothing."""
    return show(run, "resilience", lambda found: phase_resilience.resilience(present(found.resilience)))


def ratchet(run: Run) -> Block:
    """Show what blocks the next raise of the coverage floor, and which floor is in force."""
    return show(run, "ratchet", parts.ratchet)


def record(run: Run) -> Block:
    """Show the record of the own phase: coverage over time, entries, and when the next goal will be met."""
    return show(run, "record", phase_course.record)


def plan(run: Run) -> Block:
    """Show goals, tasks, scope, risks and next steps of the imported phase."""
    return show(run, "plan", parts.plan)


def tighten(run: Run) -> Block:
    """Show whether deployment thresholds may be tightened, what is open, and what the phase is about."""
    return show(run, "tighten", lambda found: {**phase_conditions.tighten(found), **parts.own_plan(found)})


def _ratchet(found: PhaseEvidence) -> dict[str, Any]:
    return {"action": found.decision.action, "codes": found.decision.codes, "to_percent": found.decision.to_percent}


def _standing_figures(found: PhaseEvidence, tighten: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Key figures that need no measurement: conditions of the phase, and its record."""
    last = found.record.valid[-1] if found.record.valid else None
    return [
        {
            "id": "conditions",
            "verdict": Verdict.PASS,
            "cautions": [] if tighten["allowed"] else ["conditions-open"],
            "met_count": tighten["met_count"],
            "total_count": tighten["total"],
        },
        {
            "id": "record",
            "verdict": Verdict.PASS if found.record.entries else Verdict.NO_DATA,
            "cautions": ["unreadable-record"] if found.record.unreadable else [],
            "entries_count": len(found.record.entries),
            "unreadable_count": len(found.record.unreadable),
            "last_at": last and last.commit_time,
        },
    ]
