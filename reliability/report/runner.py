"""Execute one notebook with papermill and take its report out of the executed cells.

The notebook stays in memory: nothing is executed onto the source file, and nothing is
written before it has been looked through. Which reports to run and where pages go belongs to
`reliability.report.pipeline`.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat
import papermill
from nbclient.exceptions import CellControlSignal, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillException
from traitlets.config import Config

from reliability.errors import NotebookFailedError, RunError
from reliability.report.arrange import MIME_TYPE
from reliability.settings_file import RUN_CSV, RUN_FILES

_ENGINE: Final = "reliability"
_START_SECONDS: Final = 60
_CELL_SECONDS: Final = 600
_KEEP_ALL: Final = "(lambda out: out.schedule(lambda: out.socket.set(69, 1)))(get_ipython().kernel.iopub_thread)"
_ARGUMENTS: Final = (
    f"--IPKernelApp.exec_lines={_KEEP_ALL}",  # ZMQ_XPUB_NODROP: a cell that prints faster than it is read waits
    "--IPKernelApp.log_level=40",  # else a kernel on TCP warns that loopback is not encrypted
    "--HistoryManager.enabled=False",  # no cell and no parameter in the history of the home folder, which kernels share
)
_LONGEST_SOCKET: Final = 80  # a path of a socket holds about 100 characters
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
    failure: RunError | None


def execute_notebook(
    name: str,
    notebook: Any,
    parameters: Mapping[str, object],
    *,
    scratch: Path,
    keep_increments: bool = False,
    cell_seconds: int = _CELL_SECONDS,
) -> Executed:
    """Run a notebook in a fresh kernel, in the present working directory.

    Args:
        name: File name, for messages and metadata.
        notebook: An `nbformat` node; it is not changed.
        parameters: Typed values, checked beforehand.
        scratch: Own empty folder of this run: the kernel leaves what is to be kept in its `files`.
        keep_increments: Whether the kernel is to leave a CSV of the increments too.
        cell_seconds: Longest time of one cell.

    Returns:
        The executed notebook with its report, or with the failure of a cell.
    """
    problem: Exception | None = None
    files = scratch / "files"
    files.mkdir()
    environment = {**os.environ, RUN_FILES: str(files), RUN_CSV: str(int(keep_increments))}
    kept: list[Any] = []
    try:
        _papermill(
            notebook, parameters, kept=kept, environment=environment, config=_own_sockets(scratch),
            execution_timeout=cell_seconds,
        )  # fmt: skip
    except (PapermillException, CellControlSignal, DeadKernelError, RuntimeError, OSError) as err:
        problem = err
    executed: Any = kept[0] if kept else nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    executed.metadata.get("papermill", {}).update(input_path=name, output_path=name)  # else the whole notebook again
    report, failure = find_report(executed), None
    if problem is not None:
        failure = NotebookFailedError(_explain(name, executed, problem))
    elif report is None:
        failure = NotebookFailedError(f"{name} ends without a verdict; call nb.finish(run) in its last cell.")
    return Executed(notebook=executed, report={} if failure else report or {}, failure=failure)


def find_report(notebook: Any) -> dict[str, Any] | None:
    """Take the JSON that `nb.finish` left out of an executed notebook; the last one wins."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    envelopes = [output.get("data", {}).get(MIME_TYPE, {}) for output in outputs]
    return next((dict(e["data"]) for e in reversed(envelopes) if e.get("block") == "report"), None)


class _MemoryEngine(Engine):  # type: ignore[misc]
    """papermill's engine, but the notebook is kept in memory and the kernel gets an environment of its own.

    papermill would write the whole notebook twice a cell, and lose it when the kernel dies.
    """

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, kept: list[Any], environment: Mapping[str, str],
        config: Config, execution_timeout: int, start_timeout: int, **_: object,
    ) -> None:  # fmt: skip
        kept.append(nb_man.nb)
        client = PapermillNotebookClient(
            nb_man, kernel_name=kernel_name, timeout=execution_timeout, startup_timeout=start_timeout,
            iopub_timeout=execution_timeout,  # else a cell must be read to its end 4 s after it has ended
            coalesce_streams=True, shutdown_kernel="immediate", extra_arguments=list(_ARGUMENTS), config=config,
        )  # fmt: skip
        client.execute(env=dict(environment))


papermill_engines.register(_ENGINE, _MemoryEngine)


def _own_sockets(scratch: Path) -> Config:
    """Let the kernel speak through files of this run: two runs at once cannot take each other's port."""
    if len(str(scratch)) > _LONGEST_SOCKET:
        return Config()
    return Config(
        KernelManager={
            "transport": "ipc",
            "ip": str(scratch / "kernel"),
            "connection_file": str(scratch / "kernel.json"),
        }
    )


def _papermill(notebook: Any, parameters: Mapping[str, object], **options: object) -> None:
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else the kernel's debugger warns on stderr
    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill.execute_notebook(
        notebook, None, parameters=dict(parameters), engine_name=_ENGINE, kernel_name="python3", language="python",
        progress_bar=False, start_timeout=_START_SECONDS, **options,
    )  # fmt: skip


def _explain(name: str, executed: Any, err: Exception) -> str:
    """Name the cell and the error, without the cell's source: it may hold a secret."""
    kind, value = getattr(err, "ename", type(err).__name__), getattr(err, "evalue", None)
    lines = str(err if value is None else value).strip().splitlines()
    shown = "\n".join(
        lines[: 1 if value is None else _LINES_SHOWN]
    )  # other errors quote the cell below their first line
    begun = [cell for cell in executed.cells if cell.cell_type == "code" and cell.source.strip()]
    count = sum(bool(cell.metadata.get("papermill", {}).get("start_time")) for cell in begun)
    place = f", cell {count}" if count else ""
    return f"{name}{place} raised {kind}: {shown}. Open the executed notebook to see where, mend it, run again."
