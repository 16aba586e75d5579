"""Turn finished reports into one exit status and the sentences to print.

Only a run of today and of the present tree counts, unless another one is named. Judging belongs
to `reliability.judge`; this room finds the reports and words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reliability.clock import format_instant, parse_instant
from reliability.errors import BrokenEvidenceError, MissingEvidenceError, NotebookFailedError, UnknownReportError
from reliability.report.catalogue import choose_reports
from reliability.report.results import find_runs, read_run
from reliability.sources.checkout import Checkout
from reliability.verdicts import EXIT_STATUS, Verdict, worst

Report = Mapping[str, Any]
RUN_ERROR_STATUS: Final = 5
OLDEST: Final = timedelta(days=1)
_STATUS_ORDER: Final = (1, 5, 4, 6, 3, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the gate decided.

    Attributes:
        run_id: The judged run.
        reports: JSON by report name.
    """

    run_id: str
    reports: Mapping[str, Report]

    @property
    def verdict(self) -> Verdict:
        """Fold of all judged reports."""
        return worst(Verdict(report["verdict"]) for report in self.reports.values())

    @property
    def status(self) -> int:
        """Exit status: the worst one; a report that could not be made is a run error."""
        found = {
            RUN_ERROR_STATUS if _is_failed(report) else EXIT_STATUS[Verdict(report["verdict"])]
            for report in self.reports.values()
        }
        return min(found, key=_STATUS_ORDER.index)


def judge_gate(
    outputs: Path,
    names: Sequence[str],
    *,
    run_id: str | None,
    checkout: Checkout,
    required: Sequence[str],
    now: datetime,
) -> Gate:
    """Judge one run.

    Args:
        outputs: Folder of all results.
        names: Reports to judge, by name or beginning; none means all required ones.
        run_id: An older run to judge all the same; None means the newest.
        checkout: The present commit.
        required: Reports that a release needs.
        now: A run made more than a day before counts only when it is named.

    Returns:
        The decision.

    Raises:
        MissingEvidenceError: There is no run, it is old or of another tree, or a report is missing.
        BrokenEvidenceError: A report is torn or foreign.
        UnknownReportError: A name fits no report.
    """
    runs = [run_id] if run_id else find_runs(outputs)
    if not runs:
        raise MissingEvidenceError(f"{outputs} holds no run; make one with: reliability report.")
    gate = Gate(run_id=runs[0], reports=_wanted(names, read_run(outputs, runs[0]), required, runs[0]))
    if run_id is None:
        _check_present(gate, checkout, now)
    return gate


def _wanted(
    names: Sequence[str], found: Mapping[str, Report], required: Sequence[str], run_id: str
) -> Mapping[str, Report]:
    if names:
        try:
            return choose_reports(names, found)
        except UnknownReportError as err:
            raise UnknownReportError(f"run {run_id}: {Exception.__str__(err)}") from err
    missing = [name for name in required if name not in found]
    if missing:
        raise MissingEvidenceError(
            f"run {run_id} lacks {', '.join(missing)}; make all with: reliability report, or name the reports to gate."
        )
    return found


def _check_present(gate: Gate, checkout: Checkout, now: datetime) -> None:
    """Refuse a run that does not speak of the present tree, or not of today."""
    for name, report in gate.reports.items():
        made_at, found = _made_at(name, report), report.get("provenance", {})
        measured = _tree(found.get("commit"), found.get("dirty"))
        present = _tree(checkout.commit, checkout.dirty)
        if now - made_at > OLDEST:
            problem = f"{name} was made at {format_instant(made_at)}, more than a day ago"
        elif not _is_failed(report) and measured != present:
            problem = f"{name} measured {measured}, but the checkout is at {present}"
        else:
            continue
        raise MissingEvidenceError(
            f"the newest run {gate.run_id} is not of now: {problem}. "
            f"Make the reports again, or judge it all the same with --run {gate.run_id}."
        )


def _made_at(name: str, report: Report) -> datetime:
    try:
        return parse_instant(str(report.get("made_at")))
    except ValueError as err:
        raise BrokenEvidenceError(f"{name} does not say when it was made ({err}); make the report again.") from err


def _tree(commit: str | None, dirty: bool | None) -> str:
    return f"commit {commit[:12] if commit else 'none'}{' with local changes' if dirty else ''}"


def _is_failed(report: Report) -> bool:
    return bool(report["reason"] == NotebookFailedError.slug)
