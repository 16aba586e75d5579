"""Turn the finished reports of a run into one exit status and what to print.

Only a run of today and of the present tree counts, unless another one is named. Judging belongs
to `reliability.judge`; this room finds the reports. The status page folds the same run alike.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reliability.clock import format_instant, parse_instant
from reliability.errors import (
    BrokenEvidenceError,
    MissingEvidenceError,
    NotebookFailedError,
    NoVerdictError,
    ReportFailedError,
    SecretInOutputError,
    UnknownReportError,
)
from reliability.report.catalogue import choose_reports
from reliability.report.results import find_runs, read_result
from reliability.sources.checkout import Checkout
from reliability.verdicts import EXIT_STATUS, Verdict, worst

Report = Mapping[str, Any]
RUN_ERROR_STATUS: Final = 5
OLDEST: Final = timedelta(days=1)
_STATUS_ORDER: Final = (1, 5, 4, 6, 3, 0)
_NOT_MADE: Final = tuple(
    error.slug for error in (NotebookFailedError, NoVerdictError, ReportFailedError, SecretInOutputError)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the gate decided.

    Attributes:
        run_id: The judged run; empty when there is none.
        reports: JSON by report name.
        problems: Why a report that is needed or was named could not be read, by its name.
    """

    run_id: str
    reports: Mapping[str, Report]
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Fold of all judged reports; one that cannot be read is NO_DATA."""
        told = [Verdict(report["verdict"]) for report in self.reports.values()]
        return worst([*told, *(Verdict.NO_DATA for _ in self.problems)])

    @property
    def status(self) -> int:
        """Exit status: the worst one; a report that could not be made is a run error."""
        found = {RUN_ERROR_STATUS for report in self.reports.values() if is_failed(report)}
        return min({*found, EXIT_STATUS[self.verdict]}, key=_STATUS_ORDER.index)


def judge_gate(
    outputs: Path,
    names: Sequence[str],
    *,
    run_id: str | None,
    checkout: Checkout,
    required: Collection[str],
    now: datetime,
) -> Gate:
    """Judge one run.

    Args:
        outputs: Folder of all results.
        names: Reports to judge, by name or beginning; none means all of the run and all required ones.
        run_id: An older run to judge all the same; None means the newest.
        checkout: The present commit.
        required: Reports that a release needs.
        now: A run made more than a day before counts only when it is named.

    Returns:
        The decision; a report that is missing, torn or foreign is one of its problems.

    Raises:
        MissingEvidenceError: There is no run, or it is old or of another tree.
        BrokenEvidenceError: A report does not say when it was made.
        UnknownReportError: A name fits no report.
    """
    runs = find_runs(outputs)
    judged = run_id or next(iter(runs), None)
    if judged is None:
        raise MissingEvidenceError(f"{outputs} holds no run; make one with: reliability report.")
    if judged not in runs:
        known = ", ".join(runs[:5]) or "none"
        raise MissingEvidenceError(f"{outputs / 'runs'} holds no run '{judged}'. Newest runs: {known}.")
    gate = _read_gate(outputs, judged, names, required)
    if run_id is None:
        _check_present(gate, checkout, now)
    return gate


def _read_gate(outputs: Path, run_id: str, names: Sequence[str], required: Collection[str]) -> Gate:
    lacking = f"run {run_id} lacks it; make all with: reliability report, or name the reports to gate."
    reports, problems = {}, dict.fromkeys(() if names else required, lacking)
    for path in sorted((outputs / "runs" / run_id).glob("*.json")):
        try:
            reports[path.stem] = _read_named(path)
            problems.pop(path.stem, None)
        except BrokenEvidenceError as err:
            problems[path.stem] = str(err)
    if names:
        try:
            chosen = choose_reports(names, dict(sorted({**reports, **problems}.items())))
        except UnknownReportError as err:
            raise UnknownReportError(f"run {run_id}: {Exception.__str__(err)}") from err
        reports = {name: report for name, report in reports.items() if name in chosen}
        problems = {name: problem for name, problem in problems.items() if name in chosen}
    return Gate(run_id=run_id, reports=reports, problems=problems)


def _read_named(path: Path) -> Report:
    report = read_result(path)
    if report.get("report") != path.stem:
        raise BrokenEvidenceError(f"{path} says that it is '{report.get('report')}'; make the report again.")
    return report


def _check_present(gate: Gate, checkout: Checkout, now: datetime) -> None:
    """Refuse a run that does not speak of the present tree, or not of today."""
    for name, report in gate.reports.items():
        made_at, found = _made_at(name, report), report.get("provenance", {})
        measured = _tree(found.get("commit"), found.get("dirty"))
        present = _tree(checkout.commit, checkout.dirty)
        if now - made_at > OLDEST:
            problem = f"{name} was made at {format_instant(made_at)}, more than a day ago"
        elif not is_failed(report) and measured != present:
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


def is_failed(report: Report) -> bool:
    """Tell whether a report could not be made, so that it measured nothing."""
    return report["reason"] in _NOT_MADE
