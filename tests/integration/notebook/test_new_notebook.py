"""The frame of a notebook of one's own, run as JupyterLab runs it: no program of ours around the kernel."""

import nbformat
import pytest
from nbclient import NotebookClient

from reliability.report.exporter import render_page
from reliability.report.runner import find_report
from reliability.shipped import shipped_folder

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    (project / "reliability.toml").touch()
    notebook = nbformat.read(shipped_folder("templates") / "new_notebook.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = cell.source.replace("margin_percent: float = None", "margin_percent: float = 2.0")
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(project)}}).execute()
    return notebook


def test_change_the_margin_run_all_and_the_sentence_changes(executed):
    report = find_report(executed) or {}

    assert report["parameters"]["margin_percent"] == 2.0
    assert (report["verdict"], report["topic"]) == ("INCONCLUSIVE", "canary")
    assert report["headline"] == "Wait: the data cannot decide on latency yet."
    assert report["checks"][-1]["id"] == "own:Canary requests per minute"
    assert report["provenance"]["queries"][-1] == "up"


def test_everything_can_be_read_in_jupyterlab(executed):
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]

    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}
    assert all({"text/html", "image/svg+xml"} & set(output.data) for output in outputs)
    assert sum("image/svg+xml" in output.data for output in outputs) == 1


@pytest.mark.parametrize(("language", "title"), [("en", "Requests and errors"), ("es", "Solicitudes y errores")])
def test_table_and_figure_stand_on_the_page_in_place(executed, language, title):
    report = {**(find_report(executed) or {}), "run_id": "20261126T120000Z-abcd"}

    page = render_page(executed, report, language=language, main_language="en", siblings=["REPORT_NAME"])

    order = [page.index(text) for text in (f">{title}<", ">requests<", "data:image/svg+xml;base64", ">baseline-1<")]
    assert order == sorted(order)
