"""The command `reliability phase ratchet`: raise the threshold when the evidence allows it, check the floor, lower it.

Parses, reads evidence, record and configuration, calls the judge, changes the digits, records
the change, prints, sets the status. What allows a raise is decided in `reliability.judge.ratchet`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click

from reliability.errors import MissingEvidenceError, ReliabilityError, ThresholdError, UsageError
from reliability.judge.ratchet import Action, RatchetDecision
from reliability.judge.ratchet_facts import Reason
from reliability.notebook.phase_facts import decide_ratchet, unmatched_globs
from reliability.phase.asking import Asked, evidence_option, open_phase, phase_option, record_option
from reliability.phase.recording import add_threshold_entry
from reliability.phase.threshold_edit import change_threshold, plain, snippet
from reliability.report.words import printable, words_in
from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.evidence_folder import EvidenceFolder, read_evidence_folder
from reliability.sources.evidence_manifest import ThresholdPlace, Thresholds
from reliability.sources.record import read_record
from reliability.sources.thresholds import find_thresholds
from reliability.verdicts import EXIT_STATUS, Verdict

_STATUSES: Final = """\b
Exit status:
  0 the floor holds on trusted evidence (raised, or not raised for the reasons shown),
  1 below the floor or tests failed, 2 usage or settings, 3 evidence not trusted,
  4 no evidence, 5 run error."""
_HOLDS: Final = {
    Verdict.PASS: "the floor holds",
    Verdict.FAIL: "the floor does not hold",
    Verdict.INCONCLUSIVE: "the evidence is not trusted",
    Verdict.NO_DATA: "there is no evidence",
}


def _percent(_ctx: click.Context, _param: click.Parameter, value: str) -> Decimal:
    """Read an exact percentage, a number from 0 to 100."""
    try:
        percent = Decimal(value)
    except InvalidOperation:
        percent = Decimal(-1)
    if not (percent.is_finite() and 0 <= percent <= 100):  # noqa: PLR2004 -- percent
        raise click.BadParameter(f"{value!r} is no number from 0 to 100")
    return percent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What was decided, and on what.

    Attributes:
        decision: The decision.
        thresholds: In force before it.
        folder: The evidence; None without a manifest.
        floor_percent: Least that passes: the threshold in force, or the phase's floor when that is higher.
        raised: The threshold after a raise that was made, else None.
    """

    decision: RatchetDecision
    thresholds: Thresholds
    folder: EvidenceFolder | None
    floor_percent: Decimal
    raised: ThresholdPlace | None


@click.group(invoke_without_command=True, epilog=_STATUSES)
@click.option("--check", is_flag=True, help="Change nothing: only say whether the floor holds and a raise is due.")
@click.option("--local-changes", is_flag=True, help="With --check: the floor may hold on changes that no commit has.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@phase_option
@evidence_option
@record_option
@click.pass_context
def ratchet(
    ctx: click.Context,
    *,
    check: bool,
    local_changes: bool,
    as_json: bool,
    phase: Path | None,
    evidence: Path | None,
    record: Path | None,
) -> None:
    """Raise the threshold of coverage (fail_under, --cov-fail-under) as far as the evidence allows.

    Nothing is raised on tests that failed or did not run, on evidence that is stale or of other
    sources, or on a value that the last runs did not hold. Every reason against it is printed.
    """
    if ctx.invoked_subcommand:
        return
    if local_changes and not check:
        raise UsageError("--local-changes goes with --check: nothing is raised on changes that no commit has.")
    asked = open_phase(phase, evidence=evidence, record=record)
    answer = _raise(asked, change=not check)
    verdict = answer.decision.local_floor_verdict if local_changes else answer.decision.floor_verdict
    if as_json:
        click.echo(json.dumps(_document(answer, verdict), indent=1))
    else:
        for line in _lines(answer, verdict=verdict, check=check):
            click.echo(printable(line))
    ctx.exit(EXIT_STATUS[verdict])


@ratchet.command()
@click.option(
    "--to",
    required=True,
    metavar="PERCENT",
    callback=_percent,
    help="New threshold, in percent; below the one in force.",
)
@click.option("--reason", required=True, help="Why; kept in the record.")
@phase_option
@record_option
def lower(*, to: Decimal, reason: str, phase: Path | None, record: Path | None) -> None:
    """Lower the threshold of coverage, with a reason that the record keeps.

    Only runs of later commits count for the next raise.
    """
    if not reason.strip():
        raise UsageError("--reason is empty. Say in a sentence why the threshold must go down.")
    asked = open_phase(phase, record=record)
    effective = find_thresholds(asked.project, environment=os.environ).effective
    if effective is None:
        raise ThresholdError("no threshold of coverage is in force, so there is none to lower.")
    if to >= effective.percent:
        raise UsageError(
            f"--to {plain(to)} is not below the {plain(effective.percent)} % in force. "
            f"To raise it, run 'reliability phase ratchet'."
        )
    place, entry = _change(asked, effective.percent, to, reason.strip())
    click.echo(printable(f"LOWERED {plain(effective.percent)} % -> {_said(place)}"))
    click.echo(printable(f"recorded: {entry}; commit both"))
    if to < asked.phase.floor_percent:
        click.echo(f"note: the phase itself still accepts no less than {plain(asked.phase.floor_percent)} %", err=True)


def _raise(asked: Asked, *, change: bool) -> _Answer:
    thresholds = find_thresholds(asked.project, environment=os.environ)
    try:
        folder = read_evidence_folder(asked.evidence_folder, project=asked.project, phase_id=asked.phase.id)
    except MissingEvidenceError:
        folder = None
    if folder and (unmatched := unmatched_globs(asked.phase, folder)):
        raise UsageError(
            f"{asked.phase_path}: the module goal {unmatched[0]!r} matches no measured file. Mend the glob, or "
            f"remove the goal."
        )
    decision = decide_ratchet(
        asked.phase, folder=folder, record=read_record(asked.record_folder), thresholds=thresholds
    )
    raised = None
    if change and decision.from_percent is not None and decision.to_percent is not None:
        reason = words_in(asked.phase.language).plain("record.threshold.raised")
        raised, _ = _change(asked, decision.from_percent, decision.to_percent, reason)
    in_force = thresholds.effective.percent if thresholds.effective else Decimal(0)
    floor = max(asked.phase.floor_percent, in_force)
    return _Answer(decision=decision, thresholds=thresholds, folder=folder, floor_percent=floor, raised=raised)


def _change(asked: Asked, old: Decimal, new: Decimal, reason: str) -> tuple[ThresholdPlace, Path]:
    """Change the threshold and record it; without an entry it is as it was."""
    place = change_threshold(asked.project, old=old, new=new, environment=os.environ)
    try:
        entry = add_threshold_entry(asked, from_=old, to=new, where=f"{place.file}: {place.key}", reason=reason)
    except ReliabilityError:
        change_threshold(asked.project, old=new, new=old, environment=os.environ)
        raise
    return place, entry


def _lines(answer: _Answer, *, verdict: Verdict, check: bool) -> Iterator[str]:
    decision = answer.decision
    yield f"{_HOLDS[verdict]}: {_measured(answer)}, floor {plain(answer.floor_percent)} %"
    if answer.raised and decision.from_percent is not None:
        yield f"RAISE {plain(decision.from_percent)} % -> {_said(answer.raised)}; commit it with its entry"
    elif decision.action is Action.RAISE and decision.to_percent is not None:
        yield f"a raise to {plain(decision.to_percent)} % is due: reliability phase ratchet"
    else:
        yield f"{decision.action}: {'no raise' if check else 'not raised'} because of"
    for reason in decision.reasons:
        said = _words(reason)
        yield f"  {reason.code}: {said['text']} {said['cure']}"
    effective = answer.thresholds.effective
    if not answer.raised:
        yield f"threshold in force: {_said(effective) if effective else 'none. ' + snippet(answer.floor_percent)}"
    yield from (f"warning: {warning}" for warning in answer.thresholds.warnings)


def _measured(answer: _Answer) -> str:
    measured = answer.folder and answer.folder.manifest.figures.required
    if not measured or measured.fraction is None:
        return "nothing measured"
    hundredths = 10_000 * measured.fraction.numerator // measured.fraction.denominator  # rounded down
    return f"{hundredths // 100}.{hundredths % 100:02d} % covered"


def _said(place: ThresholdPlace) -> str:
    line = f" line {place.line}" if place.line else ""
    return f"{plain(place.percent)} % in {place.file}{line} ({place.key})"


def _words(reason: Reason) -> dict[str, str]:
    key, english = f"phase.ratchet.reason.{reason.code}", words_in("en")
    return {name: english.plain(f"{key}.{name}", **reason.values) for name in ("text", "cure")}


def _document(answer: _Answer, verdict: Verdict) -> dict[str, Any]:
    decision, folder = answer.decision, answer.folder
    measured = folder and folder.manifest.figures.required
    return {
        "action": decision.action.value,
        "from_percent": None if decision.from_percent is None else float(decision.from_percent),
        "to_percent": None if decision.to_percent is None else float(decision.to_percent),
        "is_raised": answer.raised is not None,
        "floor_verdict": verdict.value,
        "floor_percent": float(answer.floor_percent),
        "measured": measured and _counted(measured),
        "run_id": folder and folder.manifest.run_id,
        "commit": folder and folder.manifest.commit,
        "reasons": [
            {"code": reason.code, "values": dict(reason.values), **_words(reason)} for reason in decision.reasons
        ],
        "thresholds": answer.thresholds.model_dump(mode="json"),
        "status": EXIT_STATUS[verdict],
    }


def _counted(measured: CoverageCounts) -> dict[str, Any]:
    share = measured.fraction
    return {**measured.model_dump(), "fraction": share and str(share), "percent": share and float(100 * share)}
