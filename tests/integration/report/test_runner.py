import os
import subprocess
import sys

import nbformat
import pytest

from reliability.report.runner import execute_notebook, find_report
from tests.unit.report.examples import canary_report

pytestmark = pytest.mark.integration

FINISH = """
class Finished:
    def _repr_mimebundle_(self, **_):
        data = {"verdict": "PASS", "margin": margin}
        return {"application/vnd.reliability+json": {"block": "report", "data": data}, "text/plain": "x"}
Finished()
"""
LEAVE = """
import json, os, pathlib
files = pathlib.Path(os.environ["RELIABILITY_RUN_FILES"])
(files / "increments.csv").write_text(os.environ["RELIABILITY_RUN_CSV"])
(files / ".torn.x").touch()
"""


def made(*sources):
    notebook = nbformat.v4.new_notebook()
    parameters = nbformat.v4.new_code_cell(
        "margin: float = 10.0  # largest increase", metadata={"tags": ["parameters"]}
    )
    notebook.cells = [parameters, *(nbformat.v4.new_code_cell(source) for source in sources)]
    return notebook


def execute(*sources, **options):
    return execute_notebook("own.ipynb", made(*sources), {"margin": 5.0}, **options)


def printed(executed):
    return "".join(
        output.text for cell in executed.notebook.cells for output in cell.get("outputs", []) if "text" in output
    )


def test_a_parameter_reaches_the_kernel_and_the_report_and_its_files_come_back():
    notebook = made("for n in range(1500): print(n, flush=True)", LEAVE, FINISH)
    before, environment = nbformat.writes(notebook), dict(os.environ)

    executed = execute_notebook("own.ipynb", notebook, {"margin": 5.0}, keep_increments=True)

    assert executed.report == find_report(executed.notebook) == {"verdict": "PASS", "margin": 5.0}
    assert executed.failure is None
    assert printed(executed).split() == [str(n) for n in range(1500)]
    assert executed.files == {"increments.csv": b"1"}
    assert nbformat.writes(notebook) == before
    assert dict(os.environ) == environment


def test_a_cell_that_raises_gives_no_report_but_a_failure_that_names_the_cell():
    executed = execute(FINISH, "token = 'hunter2'; raise ValueError('no such arm')", "print('not reached')")

    assert executed.report == {}
    assert "own.ipynb, cell 3 from the top raised ValueError: no such arm" in str(executed.failure)
    assert "hunter2" not in str(executed.failure)
    assert "not reached" not in printed(executed)


def test_a_malformed_output_loses_only_itself():
    show = "display({'image/png': 5}, raw=True); display({'text/html': None}, raw=True)"

    executed = execute(show, "print('after')", FINISH)

    kinds = [[*output.data] for output in executed.notebook.cells[2].outputs]
    assert kinds == [["application/malformed.image.png+json"], ["application/malformed.text.html+json"]]
    assert printed(executed) == "after\n"
    assert executed.failure is None


def test_a_kernel_that_dies_is_a_failure_and_what_was_shown_before_is_kept():
    executed = execute("print('before')", "import os; os._exit(1)")

    assert "own.ipynb, cell 3 from the top raised DeadKernelError: Kernel died." in str(executed.failure)
    assert printed(executed) == "before\n"
    assert executed.report == {}


def test_a_cell_that_never_ends_is_stopped_at_once_and_its_source_is_not_repeated():
    executed = execute("import time; password = 'hunter2'; time.sleep(600)", cell_seconds=1)

    assert "own.ipynb, cell 2 from the top raised CellTimeoutError" in str(executed.failure)
    assert "hunter2" not in str(executed.failure)


def test_two_reports_at_once_do_not_disturb_each_other(tmp_path):
    (tmp_path / "reliability.toml").touch()
    shown = {"application/vnd.reliability+json": {"block": "report", "data": canary_report()}}
    processes = {}
    for word in ("first", "second"):
        source = f"print('{word} ' * 1000)\nfrom IPython.display import display\ndisplay({shown!r}, raw=True)"
        nbformat.write(made(source), tmp_path / f"{word}.ipynb")
        processes[word] = subprocess.Popen(
            [sys.executable, "-m", "reliability", "report", f"{word}.ipynb"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    said = {word: process.communicate(timeout=120) for word, process in processes.items()}

    runs = {path.stem: path for path in (tmp_path / "outputs" / "runs").glob("*/*.json")}
    index = (tmp_path / "outputs" / "index.html").read_text(encoding="utf-8")
    assert set(runs) == {"first", "second"}, said
    for word, path in runs.items():
        page = path.with_suffix(".html").read_text(encoding="utf-8")
        ends = {file.name.removeprefix(word) for file in path.parent.iterdir()}
        assert processes[word].returncode == 0, said
        assert ends == {".json", ".html", ".es.html", ".ipynb"}
        assert [name for name in processes if f"{name} {name} {name}" in page] == [word]
        assert path.parent.name in index
