"""The command `reliability phase record`: adds the entries that are due, and says which.

An entry is only added from an accepted run, and only ever added: corrections are entries of
their own. Which entries are due is decided in `reliability.judge.increments`.
"""

import os
import subprocess
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import click

from reliability.atomic import write_text_whole
from reliability.errors import UsageError
from reliability.judge.increments import due_entries
from reliability.judge.ratchet import RatchetDecision
from reliability.notebook.phase_facts import decide_ratchet, unmatched_globs
from reliability.phase.asking import Asked, evidence_option, open_phase, phase_option
from reliability.phase.record_entries import points_of, run_of, to_entry
from reliability.phase.record_state import state_of
from reliability.phase.record_verify import verify
from reliability.report.words import printable, words_in
from reliability.sources.checkout import read_checkout, read_commit_time
from reliability.sources.evidence_folder import EvidenceFolder, read_evidence_folder
from reliability.sources.record import Entry, EntryKind, PhaseRecord, ThresholdChange, append_entry, read_record

_DUE_STATUS: Final = 1
_REFUSED_STATUS: Final = 3
_MAIN: Final = frozenset({"main", "master"})
_BRANCH_VARIABLES: Final = ("GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BRANCH_NAME")  # GitHub, GitLab, Jenkins
_STATUSES: Final = """\b
Exit status:
  0 done, or with --check nothing is due, 1 with --check an entry is due,
  2 usage or settings, 3 the run is not accepted or an entry cannot be read,
  4 no evidence, 5 run error."""


@click.group(invoke_without_command=True, epilog=_STATUSES)
@click.option("--check", is_flag=True, help="Write nothing; 1 when an entry other than an observation is due.")
@click.option(
    "--observe/--no-observe",
    default=None,
    help="Record the run itself, which counts for the next raise.  [default: on main or master]",
)
@phase_option
@evidence_option
@click.option("--record", "folder", type=click.Path(path_type=Path), help="Folder of the record.")
@click.pass_context
def record(
    ctx: click.Context, *, check: bool, observe: bool | None, phase: Path | None, evidence: Path | None,
    folder: Path | None,
) -> None:  # fmt: skip
    """Add the entries of the record that an accepted run makes due; a rerun adds nothing.

    Due are: an increment of two points (increment_points of the phase) since the last one, a goal reached, a
    baseline when what is counted changed, a milestone when a requirement or a watched file changed, and on the
    main branch an observation of the run.
    """
    if ctx.invoked_subcommand:
        return
    asked = open_phase(phase, evidence=evidence, record=folder)
    measured = read_evidence_folder(asked.evidence_folder, project=asked.project, phase_id=asked.phase.id)
    if unmatched := unmatched_globs(asked.phase, measured):
        raise UsageError(f"{asked.phase_path}: the module goal {unmatched[0]!r} matches no measured file. Mend it.")
    known = _record_of(asked)
    decision = decide_ratchet(asked.phase, folder=measured, record=known)
    if not decision.is_accepted or known.unreadable:
        _refuse(decision)
        ctx.exit(_REFUSED_STATUS)
    due = _due(
        asked, measured, known, observe=on_main_branch(asked.project, os.environ) if observe is None else observe
    )
    if check:
        ctx.exit(_say_due(due))
    for entry in due:
        path = append_entry(asked.record_folder, entry)
        click.echo(printable(f"added {entry.kind}: {path} ({entry.reason})"))
    if not due:
        click.echo("nothing is due")


@record.command()
@click.option("--jsonl", is_flag=True, required=True, help="One entry a line.")
@click.option("--to", type=click.Path(path_type=Path), help="File to write.  [default: standard output]")
@phase_option
@click.option("--record", "folder", type=click.Path(path_type=Path), help="Folder of the record.")
def export(*, jsonl: bool, to: Path | None, phase: Path | None, folder: Path | None) -> None:  # noqa: ARG001 -- the only format
    """Write all entries in order for other programs."""
    known = read_record(open_phase(phase, record=folder).record_folder)
    for name, problem in known.unreadable.items():
        click.echo(printable(f"warning: {name} is left out: {problem}"), err=True)
    lines = "".join(f"{entry.model_dump_json(by_alias=True, exclude_none=True)}\n" for entry in known.entries)
    if to is None:
        click.echo(lines, nl=False)
    else:
        write_text_whole(to, lines)
        click.echo(printable(f"{len(known.entries)} entries: {to}"))


@record.command()
@click.option("--reason", required=True, help="Why; one sentence that the record keeps.")
@click.option("--supersedes", metavar="KEY", help="The last eight letters of the name of the entry that is taken back.")
@phase_option
@click.option("--record", "folder", type=click.Path(path_type=Path), help="Folder of the record.")
def correct(*, reason: str, supersedes: str | None, phase: Path | None, folder: Path | None) -> None:
    """Add a correction: it takes an entry back, or accepts that fewer tests pass than before."""
    asked = open_phase(phase, record=folder)
    known = {entry.key for entry in _record_of(asked).entries}
    if supersedes is not None and supersedes not in known:
        raise UsageError(
            f"no entry of {asked.record_folder} has the key {supersedes!r}. It has: {', '.join(sorted(known))}."
        )
    if not reason.strip():
        raise UsageError("--reason is empty. Say in a sentence what is corrected and why.")
    entry = _said_entry(asked, "correction", reason.strip(), supersedes=supersedes)
    click.echo(printable(f"added correction: {append_entry(asked.record_folder, entry)}"))


record.add_command(verify)


def add_threshold_entry(asked: Asked, *, from_: Decimal | None, to: Decimal, where: str, reason: str) -> Path:
    """Add an entry that says that the threshold changed.

    Args:
        asked: The phase.
        from_: Threshold before; None when there was none.
        to: Threshold now.
        where: File and key.
        reason: Why.

    Returns:
        The file of the entry.

    Raises:
        UsageError: The project is not in git, or has no commit.
        WriteError: It could not be written.
    """
    change = ThresholdChange(from_percent=from_, to_percent=to, where=where)
    before = [entry.key for entry in read_record(asked.record_folder).valid if entry.kind == "threshold"]
    entry = _said_entry(asked, "threshold", reason, threshold=change, follows=before[-1] if before else None)
    return append_entry(asked.record_folder, entry)


def on_main_branch(project: Path, environment: Mapping[str, str]) -> bool:
    """Tell whether HEAD is the branch main or master: by git, and where git stands on no branch by what CI says."""
    done = subprocess.run(
        ["git", "symbolic-ref", "--short", "-q", "HEAD"],  # noqa: S607 -- git from PATH is what the user means
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    stated = (environment.get(name, "") for name in _BRANCH_VARIABLES)
    return (done.stdout.strip() or next(filter(None, stated), "")) in _MAIN


def _said_entry(
    asked: Asked,
    kind: EntryKind,
    reason: str,
    *,
    threshold: ThresholdChange | None = None,
    follows: str | None = None,
    supersedes: str | None = None,
) -> Entry:
    """Make an entry that people or the ratchet add, at the commit of now."""
    commit, at = read_checkout(asked.project).commit, read_commit_time(asked.project)
    if commit is None or at is None:
        raise UsageError(f"{asked.project} has no commit of git, and an entry belongs to one. Commit first.")
    return Entry(
        schema="reliability.record/2",
        kind=kind,
        phase=asked.phase.id,
        commit=commit,
        commit_time=at,
        threshold=threshold,
        follows=follows,
        reason=reason,
        supersedes=supersedes,
    )


def _due(asked: Asked, measured: EvidenceFolder, known: PhaseRecord, *, observe: bool) -> list[Entry]:
    """Make the entries that are due, but for what was said before: taken back, it does not come back by itself."""
    state = state_of(asked, measured)
    due = due_entries(
        run_of(measured.manifest, state),
        points_of(known),
        goals=asked.phase.goal_fractions,
        increment_points=Fraction(asked.phase.increment_points),
        is_observed=observe,
    )
    said = {entry.key for entry in known.entries}
    entries = [to_entry(asked, measured, one, record=known, state=state) for one in due]
    return [entry for entry in entries if entry.key not in said]


def _say_due(due: list[Entry]) -> int:
    lasting = [entry for entry in due if entry.kind != "observation"]
    for entry in lasting:
        click.echo(printable(f"due {entry.kind}: {entry.reason}"))
    click.echo("run: reliability phase record" if lasting else "nothing is due, but for the observation of this run")
    return _DUE_STATUS if lasting else 0


def _record_of(asked: Asked) -> PhaseRecord:
    known = read_record(asked.record_folder)
    if others := sorted({entry.phase for entry in known.entries} - {"", asked.phase.id}):
        raise UsageError(
            f"{asked.record_folder} is the record of phase {others[0]}, not of {asked.phase.id}. Two phases never "
            f"share a record: name another folder with --record, or with record_folder in reliability.toml."
        )
    return known


def _refuse(decision: RatchetDecision) -> None:
    click.echo("nothing is recorded:", err=True)
    unreadable = [reason for reason in decision.reasons if reason.code == "unreadable-record"]
    for reason in [*decision.blocking, *unreadable]:
        sentence = words_in("en").plain(f"phase.ratchet.reason.{reason.code}.text", **reason.values)
        click.echo(printable(f"  {reason.code}: {sentence}"), err=True)
