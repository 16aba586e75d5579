"""Execute one notebook with papermill and take its report out of the executed cells.

Nothing is ever executed onto the source file, and nothing half-written is left behind.
Which reports to run and where pages go belongs to `reliability.report.pipeline`.
"""

import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat
import papermill
from nbclient.exceptions import CellControlSignal, DeadKernelError
from papermill.exceptions import PapermillException

from reliability.errors import NotebookFailedError, WriteError
from reliability.report.arrange import MIME_TYPE

_START_SECONDS: Final = 60
_CELL_SECONDS: Final = 600
_QUIET: Final = "--IPKernelApp.log_level=40"  # else each kernel warns that loopback is not encrypted
_LINES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An executed notebook.

    Attributes:
        notebook: The notebook with its outputs (an `nbformat` node).
        report: JSON of the report that `nb.finish` left, without a run id; empty when there is none.
        failure: Why there is no report; None when there is one.
    """

    notebook: Any
    report: dict[str, Any]
    failure: NotebookFailedError | None


def execute_notebook(source: Path, parameters: Mapping[str, object]) -> Executed:
    """Run a notebook in a fresh kernel, in the present working directory.

    Args:
        source: The notebook; it is not changed.
        parameters: Typed values, checked beforehand.

    Returns:
        The executed notebook with its report, or with the failure of a cell.

    Raises:
        WriteError: The temporary folder is full.
    """
    failure = None
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        target = Path(folder) / source.name
        try:
            _papermill(source, target, parameters)
        except OSError as err:
            raise WriteError(f"{folder} cannot be written ({err.strerror or err}); free room, then run again.") from err
        except (PapermillException, CellControlSignal, DeadKernelError, RuntimeError) as err:
            failure = NotebookFailedError(_explain(source, err))
        notebook: Any = nbformat.read(target, as_version=4) if target.is_file() else nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    notebook.metadata.get("papermill", {}).update(input_path=source.name, output_path=source.name)  # no absolute paths
    report = find_report(notebook)
    if report is None and failure is None:
        failure = NotebookFailedError(f"{source.name} ends without a verdict; call nb.finish(run) in its last cell.")
    return Executed(notebook=notebook, report={} if failure else report or {}, failure=failure)


def find_report(notebook: Any) -> dict[str, Any] | None:
    """Take the JSON that `nb.finish` left out of an executed notebook; the last one wins."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    envelopes = [output.get("data", {}).get(MIME_TYPE, {}) for output in outputs]
    return next((dict(e["data"]) for e in reversed(envelopes) if e.get("block") == "report"), None)


def _papermill(source: Path, target: Path, parameters: Mapping[str, object]) -> None:
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else the kernel's debugger warns on stderr
    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill.execute_notebook(
        str(source), str(target), parameters=dict(parameters), kernel_name="python3", progress_bar=False,
        start_timeout=_START_SECONDS, execution_timeout=_CELL_SECONDS, shutdown_kernel="immediate",
        extra_arguments=[_QUIET],
    )  # fmt: skip


def _explain(source: Path, err: Exception) -> str:
    """Name the cell and the error, without the cell's source: it may hold a secret."""
    name, value = getattr(err, "ename", type(err).__name__), getattr(err, "evalue", str(err))
    shown = "\n".join(str(value).strip().splitlines()[:_LINES_SHOWN])
    count = getattr(err, "exec_count", None)
    place = f", cell {count}" if count is not None else ""
    return f"{source.name}{place} raised {name}: {shown}. Open the executed notebook to see where, mend it, run again."
