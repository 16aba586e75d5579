"""Execute one notebook with papermill and take its report out of the executed cells.

The notebook stays in memory: nothing is executed onto the source file, and nothing is
written before it has been looked through. Which reports to run and where pages go belongs to
`reliability.report.pipeline`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nbclient.exceptions import CellControlSignal, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from papermill.execute import raise_for_execution_errors
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from traitlets.config import Config

from reliability.atomic import scratch_folder
from reliability.errors import NotebookFailedError, NoVerdictError, RunError
from reliability.report.arrange import MIME_TYPE
from reliability.report.outputs import join_streams, mend_data
from reliability.settings_file import RUN_CSV, RUN_FILES

_START_SECONDS: Final = 60
_CELL_SECONDS: Final = 600
_KERNEL: Final = "python3"
_KEEP_ALL: Final = "(lambda out: out.schedule(lambda: out.socket.set(69, 1)))(get_ipython().kernel.iopub_thread)"
_ARGUMENTS: Final = (
    f"--IPKernelApp.exec_lines={_KEEP_ALL}",  # ZMQ_XPUB_NODROP: a cell that prints faster than it is read waits
    "--IPKernelApp.log_level=40",  # else a kernel on TCP warns that loopback is not encrypted
    "--HistoryManager.enabled=False",  # no cell and no parameter in the history of the home folder, which kernels share
)
_LONGEST_SOCKET: Final = 80  # a path of a socket holds about 100 characters
_LINES_SHOWN: Final = 5
_SHOWS: Final = frozenset(("display_data", "update_display_data", "execute_result"))
_NOT_OURS: Final = frozenset(("injected-parameters", "papermill-error-cell-tag"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An executed notebook.

    Attributes:
        notebook: The notebook with its outputs (an `nbformat` node).
        report: JSON of the report that `nb.finish` left, without a run id; empty when there is none.
        files: Content of what the kernel left to be kept, by its relative path.
        failure: Why there is no report; None when there is one.
    """

    notebook: Any
    report: Mapping[str, Any]
    files: Mapping[str, bytes]
    failure: RunError | None


class _Client(PapermillNotebookClient):  # type: ignore[misc] # papermill has no types
    """Takes what a cell shows even if it is malformed: nbformat's refusal would end the run."""

    def process_message(self, msg: dict[str, Any], *arg: Any, **kwargs: Any) -> Any:
        if msg["msg_type"] in _SHOWS:
            mend_data(msg["content"])
        return super().process_message(msg, *arg, **kwargs)


def execute_notebook(
    name: str,
    notebook: Any,
    parameters: Mapping[str, object],
    *,
    keep_increments: bool = False,
    cell_seconds: int = _CELL_SECONDS,
) -> Executed:
    """Run a notebook in a fresh kernel, in the present working directory.

    Args:
        name: File name, for messages.
        notebook: An `nbformat` node; it is not changed.
        parameters: Typed values, checked beforehand.
        keep_increments: Whether the kernel is to leave a CSV of the increments too.
        cell_seconds: Longest time of one cell.

    Returns:
        The executed notebook with its report, or with the failure of a cell.

    Raises:
        WriteError: The folder for temporary files is full.
    """
    node = load_notebook_node(notebook)
    if parameters:
        node = parameterize_notebook(node, dict(parameters), kernel_name=_KERNEL, language="python")
    failure: RunError | None = None
    with scratch_folder() as scratch:
        left = scratch / "files"
        left.mkdir()
        environment = {**os.environ, RUN_FILES: str(left), RUN_CSV: str(int(keep_increments))}
        try:
            _run_cells(node, scratch, environment, cell_seconds)
        except (PapermillExecutionError, CellControlSignal, DeadKernelError, RuntimeError, OSError) as err:
            failure = NotebookFailedError(_explain(name, node, err))
        whole = (path for path in sorted(left.rglob("[!.]*")) if path.is_file())
        files = {path.relative_to(left).as_posix(): path.read_bytes() for path in whole}
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = join_streams(cell.outputs)
    report = find_report(node)
    if report is None and failure is None:
        failure = NoVerdictError(f"{name} ends without a verdict; call nb.finish(run) in its last cell.")
    return Executed(notebook=node, report={} if failure else report or {}, files=files, failure=failure)


def find_report(notebook: Any) -> dict[str, Any] | None:
    """Take the JSON that `nb.finish` left out of an executed notebook; the last one wins, a malformed one is none."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    envelopes = [output.get("data", {}).get(MIME_TYPE) for output in outputs]
    reports = [e.get("data") for e in envelopes if isinstance(e, Mapping) and e.get("block") == "report"]
    return dict(reports[-1]) if reports and isinstance(reports[-1], Mapping) else None


def is_own(cell: Any) -> bool:
    """Tell a cell of the author's from one that papermill added."""
    return not _NOT_OURS.intersection(cell.metadata.get("tags", []))


def _run_cells(node: Any, scratch: Path, environment: dict[str, str], cell_seconds: int) -> None:
    """Run the cells as papermill does, but in memory: it would write the whole notebook twice a cell."""
    manager = NotebookExecutionManager(node, progress_bar=False)
    manager.notebook_start()
    client = _Client(
        manager, kernel_name=_KERNEL, timeout=cell_seconds, startup_timeout=_START_SECONDS,
        iopub_timeout=cell_seconds,  # else a cell must be read to its end 4 s after it has ended
        shutdown_kernel="immediate", extra_arguments=list(_ARGUMENTS),
        config=_own_sockets(scratch),
    )  # fmt: skip
    client.execute(env={**environment, "PYDEVD_DISABLE_FILE_VALIDATION": "1"})  # else its debugger warns
    raise_for_execution_errors(node, None)


def _own_sockets(scratch: Path) -> Config:
    """Let the kernel speak through files of this run: two runs at once cannot take each other's port."""
    if len(str(scratch)) > _LONGEST_SOCKET:
        return Config()
    files = {"ip": str(scratch / "kernel"), "connection_file": str(scratch / "kernel.json")}
    return Config(KernelManager={"transport": "ipc", **files})


def _explain(name: str, executed: Any, err: Exception) -> str:
    """Name the cell and the error, without the cell's source: it may hold a secret."""
    begun = [cell for cell in executed.cells if is_own(cell) and cell.metadata.papermill.get("start_time")]
    if isinstance(err, PapermillExecutionError):
        kind, shown = err.ename, "\n".join(err.evalue.strip().splitlines()[:_LINES_SHOWN])
    else:  # the cell is quoted below the first line
        kind, shown = type(err).__name__, str(err).strip().partition("\n")[0]
    place = f", cell {len(begun)} from the top" if begun else ""
    return f"{name}{place} raised {kind}: {shown}. Open the executed notebook to see where, mend it, run again."
