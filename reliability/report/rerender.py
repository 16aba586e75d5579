"""Pages and status page anew from stored runs: no kernel, no server, no evidence.

What a run stores outlives the program that made it, so an upgrade changes how pages look and
never what they say. Making a run belongs to `reliability.report.pipeline`.
"""

from collections.abc import Sequence
from pathlib import Path

from reliability.atomic import folder_lock
from reliability.clock import Clock
from reliability.errors import BrokenEvidenceError, NotebookError
from reliability.report.catalogue import choose_reports, find_reports, read_notebook
from reliability.report.exporter import export_pages
from reliability.report.index import write_index
from reliability.report.results import pick_run, read_result
from reliability.settings import Settings


def render_run(outputs: Path, run_id: str | None, names: Sequence[str], *, settings: Settings) -> list[Path]:
    """Write the pages of a stored run anew.

    Args:
        outputs: Folder of all results.
        run_id: The run; None means the newest.
        names: Reports, by name or beginning; none means all of the run.
        settings: Their language becomes the main one of the pages.

    Returns:
        The pages, report after report, main language first.

    Raises:
        MissingEvidenceError: There is no such run.
        BrokenEvidenceError: A stored file is missing, torn or foreign.
        UnknownReportError: A name fits no report of the run.
        WriteError: The disk is full; files that exist are whole.
    """
    folder = outputs / "runs" / pick_run(outputs, run_id)
    found = {path.stem: read_result(path) for path in sorted(folder.glob("*.json"))}
    titles = {name: data["title"] for name, data in found.items() if data.get("title")}
    pages = []
    for name, data in choose_reports(names, found).items():
        try:
            notebook = read_notebook(folder / f"{name}.ipynb")
        except NotebookError as err:
            raise BrokenEvidenceError(f"{Exception.__str__(err)} Or make the report again.") from err
        pages += export_pages(
            notebook, data, main_language=settings.language, siblings=list(found), titles=titles, folder=folder
        )
    return pages


def renew_index(outputs: Path, *, project: Path, settings: Settings, clock: Clock) -> list[Path]:
    """Write the status page; of several processes at once, the last one knows what all others have finished.

    Args:
        outputs: Folder of all results, which exists.
        project: Its reports are those that a release needs.
        settings: Their language is the main one.
        clock: Tells when the page is made.

    Returns:
        The files, main language first.
    """
    with folder_lock(outputs):
        return write_index(outputs, main_language=settings.language, now=clock.now(), required=find_reports(project))
