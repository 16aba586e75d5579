"""Execute one notebook with papermill and take its report out of the executed cells.

Nothing is ever executed onto the source file, and nothing half-written is left behind.
Which reports to run and where pages go belongs to `reliability.report.pipeline`.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reliability.errors import NotebookFailedError, WriteError

_MIME_TYPE: Final = "application/vnd.reliability+json"
_START_SECONDS: Final = 60
_QUIET: Final = "--IPKernelApp.log_level=40"  # else each kernel warns that loopback is not encrypted
_LINES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An executed notebook.

    Attributes:
        notebook: The notebook with its outputs (an `nbformat` node).
        report: JSON of the report that `nb.finish` left, without a run id.
        failure: Why a cell raised; None when all went well.
    """

    notebook: Any
    report: dict[str, Any] | None
    failure: NotebookFailedError | None


def execute_notebook(source: Path, parameters: Mapping[str, object], *, cell_seconds: int = 600) -> Executed:
    """Run a notebook in a fresh kernel, in the present working directory.

    Args:
        source: The notebook; it is not changed.
        parameters: Typed values, checked beforehand.
        cell_seconds: Longest time that one cell may take.

    Returns:
        The executed notebook with its report, or with the failure of a cell.

    Raises:
        WriteError: The temporary folder is full.
    """
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        target = Path(folder) / source.name
        failure: NotebookFailedError | None = None
        try:
            _papermill(source, target, parameters, cell_seconds)
        except OSError as err:
            raise WriteError(
                f"{target.parent} cannot be written ({err.strerror or err}); free room, then run again."
            ) from err
        except _notebook_errors() as err:
            failure = NotebookFailedError(_explain(source, err))
        notebook = _read(target)
    report = None if failure else find_report(notebook)
    if report is None and failure is None:
        failure = NotebookFailedError(f"{source.name} ends without a verdict; call nb.finish(run) in its last cell.")
    return Executed(notebook=_without_paths(notebook, source), report=report, failure=failure)


def find_report(notebook: Any) -> dict[str, Any] | None:
    """Take the JSON that `nb.finish` left out of an executed notebook; the last one wins."""
    found = None
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            envelope = output.get("data", {}).get(_MIME_TYPE)
            if envelope and envelope.get("block") == "report":
                found = dict(envelope["data"])
    return found


def _papermill(source: Path, target: Path, parameters: Mapping[str, object], cell_seconds: int) -> None:
    import papermill  # noqa: PLC0415 -- half a second, only needed here

    with _quiet_kernel():
        papermill.execute_notebook(
            str(source), str(target), parameters=dict(parameters), kernel_name="python3", progress_bar=False,
            start_timeout=_START_SECONDS, execution_timeout=cell_seconds, shutdown_kernel="immediate",
            extra_arguments=[_QUIET],
        )  # fmt: skip


def _notebook_errors() -> tuple[type[BaseException], ...]:
    from nbclient.exceptions import CellControlSignal, DeadKernelError  # noqa: PLC0415 -- comes with papermill
    from papermill.exceptions import PapermillException  # noqa: PLC0415 -- as above

    return (PapermillException, CellControlSignal, DeadKernelError, RuntimeError)


@contextlib.contextmanager
def _quiet_kernel() -> Iterator[None]:
    """Keep debugger notes of the kernel and log lines of papermill off stderr."""
    before = os.environ.get("PYDEVD_DISABLE_FILE_VALIDATION")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYDEVD_DISABLE_FILE_VALIDATION"]


def _explain(source: Path, err: BaseException) -> str:
    """Name the cell and the error, without the cell's source: it may hold a secret."""
    name, value = getattr(err, "ename", type(err).__name__), getattr(err, "evalue", str(err))
    lines = str(value).strip().splitlines() or [""]
    shown = "\n".join(lines[:_LINES_SHOWN])
    count = getattr(err, "exec_count", None)
    place = f", cell {count}" if count is not None else ""
    return f"{source.name}{place} raised {name}: {shown}. Open the executed notebook to see where, mend it, run again."


def _read(path: Path) -> Any:
    import nbformat  # noqa: PLC0415 -- comes with papermill

    if not path.is_file():
        return nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def _without_paths(notebook: Any, source: Path) -> Any:
    """Replace the absolute paths that papermill notes by the notebook's name."""
    noted = notebook.metadata.get("papermill", {})
    for key in ("input_path", "output_path"):
        if key in noted:
            noted[key] = source.name
    return notebook
