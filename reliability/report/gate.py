"""Turn finished reports into one exit status and the sentences to print.

Only the run of the present commit counts, unless an older one is named. Judging belongs
to `reliability.judge`; this room finds the reports and words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reliability.errors import MissingEvidenceError, NotebookFailedError, UnknownReportError
from reliability.report.catalogue import choose_reports
from reliability.report.results import find_runs, read_run
from reliability.sources.checkout import Checkout
from reliability.verdicts import EXIT_STATUS, Verdict, worst

RUN_ERROR_STATUS: Final = 5
_STATUS_ORDER: Final = (1, 5, 4, 6, 3, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the gate decided.

    Attributes:
        run_id: The judged run.
        verdict: Fold of all judged reports.
        status: Exit status.
        reports: JSON by report name.
    """

    run_id: str
    verdict: Verdict
    status: int
    reports: Mapping[str, Mapping[str, Any]]


def judge_gate(
    outputs: Path, names: Sequence[str], *, run_id: str | None, checkout: Checkout, required: Sequence[str]
) -> Gate:
    """Judge one run.

    Args:
        outputs: Folder of all results.
        names: Reports to judge, by name or beginning; none means all required ones.
        run_id: An older run to judge all the same; None means the newest.
        checkout: The present commit.
        required: Reports that a release needs.

    Returns:
        The decision.

    Raises:
        MissingEvidenceError: There is no run, it is of another commit, or a report is missing.
        BrokenEvidenceError: A report is torn or foreign.
        UnknownReportError: A name fits no report.
    """
    runs = find_runs(outputs)
    if run_id is None and not runs:
        raise MissingEvidenceError(f"{outputs} holds no run; make one with: reliability report.")
    chosen = run_id or runs[0]
    found = read_run(outputs, chosen)
    wanted = _wanted(names, found, required, chosen)
    reports = {name: found[name] for name in wanted}
    if run_id is None:
        _check_commit(reports, chosen, checkout)
    verdict = worst(Verdict(report["verdict"]) for report in reports.values())
    statuses = {_status(report) for report in reports.values()}
    status = next(candidate for candidate in _STATUS_ORDER if candidate in statuses)
    return Gate(run_id=chosen, verdict=verdict, status=status, reports=reports)


def _wanted(
    names: Sequence[str], found: Mapping[str, Mapping[str, Any]], required: Sequence[str], run_id: str
) -> list[str]:
    if names:
        try:
            return list(choose_reports(names, {name: Path(name) for name in found}))
        except UnknownReportError as err:
            raise UnknownReportError(f"run {run_id}: {Exception.__str__(err)}") from err
    missing = [name for name in required if name not in found]
    if missing:
        raise MissingEvidenceError(
            f"run {run_id} lacks {', '.join(missing)}; make all with: reliability report, or name the reports to gate."
        )
    return list(found)


def _check_commit(reports: Mapping[str, Mapping[str, Any]], run_id: str, checkout: Checkout) -> None:
    for name, report in reports.items():
        commit = report.get("provenance", {}).get("commit")
        if report["reason"] != NotebookFailedError.slug and commit != checkout.commit:
            raise MissingEvidenceError(
                f"the newest run {run_id} measured commit {_short(commit)} in {name}, but the checkout is at "
                f"{_short(checkout.commit)}. Make the reports again, or judge it all the same with --run {run_id}."
            )


def _status(report: Mapping[str, Any]) -> int:
    if report["reason"] == NotebookFailedError.slug:
        return RUN_ERROR_STATUS
    return EXIT_STATUS[Verdict(report["verdict"])]


def _short(commit: str | None) -> str:
    return commit[:12] if commit else "none"
