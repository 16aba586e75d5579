"""The notebooks are ordinary ones: stock papermill and nbconvert give the same numbers as our runner."""

import json
import subprocess
import sys

import nbformat
import pytest

from reliability.report.runner import execute_notebook, find_report
from reliability.settings import SECTION_OF_REPORT
from reliability.shipped import shipped_folder

pytestmark = pytest.mark.integration

VOLATILE = ("made_at", "as_of", "provenance")


@pytest.mark.parametrize("report", sorted(SECTION_OF_REPORT))
def test_stock_papermill_and_nbconvert_give_the_same_numbers(report, tmp_path):
    source = shipped_folder("notebooks") / f"{report}.ipynb"
    executed = tmp_path / "out.ipynb"

    subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "--no-log-output", str(source), str(executed)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", str(executed)],
        check=True,
        capture_output=True,
        timeout=120,
    )

    stock = find_report(nbformat.read(executed, as_version=4))
    ours = execute_notebook(source.name, nbformat.read(source, as_version=4), {}, scratch=tmp_path).report
    assert without_volatile(stock) == without_volatile(ours)
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert 'class="reliability"' in page


def without_volatile(report):
    return json.loads(json.dumps({key: value for key, value in report.items() if key not in VOLATILE}))
