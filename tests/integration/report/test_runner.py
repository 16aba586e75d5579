import nbformat
import pytest

from reliability.report.runner import execute_notebook, find_report

pytestmark = pytest.mark.integration

FINISH = """
class Finished:
    def _repr_mimebundle_(self, **_):
        data = {"verdict": "PASS", "margin": margin}
        return {"application/vnd.reliability+json": {"block": "report", "data": data}, "text/plain": "x"}
Finished()
"""


@pytest.fixture
def write_notebook(tmp_path):
    def write(*sources):
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        parameters = nbformat.v4.new_code_cell("margin: float = 10.0  # largest increase")
        parameters.metadata["tags"] = ["parameters"]
        notebook.cells = [parameters, *(nbformat.v4.new_code_cell(source) for source in sources)]
        path = tmp_path / "own.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def test_a_parameter_reaches_the_kernel_and_the_report_comes_back(write_notebook):
    source = write_notebook(FINISH)
    before = source.read_bytes()

    executed = execute_notebook(source, {"margin": 5.0})

    assert executed.report == {"verdict": "PASS", "margin": 5.0}
    assert executed.failure is None
    assert source.read_bytes() == before


def test_a_cell_that_raises_gives_no_report_but_a_failure_that_names_the_cell(write_notebook):
    executed = execute_notebook(write_notebook("token = 'hunter2'; raise ValueError('no such arm')", FINISH), {})

    assert executed.report == {}
    assert "own.ipynb, cell" in str(executed.failure)
    assert "ValueError: no such arm" in str(executed.failure)
    assert "hunter2" not in str(executed.failure)


def test_a_report_before_a_cell_that_raises_is_not_taken(write_notebook):
    executed = execute_notebook(write_notebook(FINISH, "1 / 0"), {})

    assert executed.report == {}
    assert "ZeroDivisionError" in str(executed.failure)


def test_a_notebook_without_a_verdict_is_a_failure(write_notebook):
    executed = execute_notebook(write_notebook("1 + 1"), {})

    assert "nb.finish(run)" in str(executed.failure)


def test_a_kernel_that_dies_is_a_failure(write_notebook):
    executed = execute_notebook(write_notebook("import os; os._exit(1)"), {})

    assert "own.ipynb" in str(executed.failure)
    assert executed.report == {}


def test_the_executed_notebook_holds_no_absolute_path(write_notebook, tmp_path):
    executed = execute_notebook(write_notebook(FINISH), {})

    assert str(tmp_path) not in nbformat.writes(executed.notebook)
    assert find_report(executed.notebook) == executed.report
