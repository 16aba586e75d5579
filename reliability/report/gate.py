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

Report = Mapping[str, Any]
RUN_ERROR_STATUS: Final = 5
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
    runs = [run_id] if run_id else find_runs(outputs)
    if not runs:
        raise MissingEvidenceError(f"{outputs} holds no run; make one with: reliability report.")
    gate = Gate(run_id=runs[0], reports=_wanted(names, read_run(outputs, runs[0]), required, runs[0]))
    if run_id is None:
        _check_commit(gate, checkout)
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


def _check_commit(gate: Gate, checkout: Checkout) -> None:
    for name, report in gate.reports.items():
        commit = report.get("provenance", {}).get("commit")
        if not _is_failed(report) and commit != checkout.commit:
            measured, present = (text[:12] if text else "none" for text in (commit, checkout.commit))
            raise MissingEvidenceError(
                f"the newest run {gate.run_id} measured commit {measured} in {name}, but the checkout is at "
                f"{present}. Make the reports again, or judge it all the same with --run {gate.run_id}."
            )


def _is_failed(report: Report) -> bool:
    return bool(report["reason"] == NotebookFailedError.slug)
