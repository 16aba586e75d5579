"""The notebooks are ordinary ones: stock papermill and nbconvert give the numbers that their calls give here."""

import json
import subprocess
import sys

import nbformat
import papermill
import pytest

from reliability import notebook as nb
from reliability.report.runner import find_report
from reliability.settings import SECTION_OF_REPORT
from reliability.shipped import shipped_folder

pytestmark = pytest.mark.integration

VOLATILE = ("made_at", "as_of", "provenance")


def test_stock_papermill_and_nbconvert_give_the_same_numbers(tmp_path):
    sources = {report: shipped_folder("notebooks") / f"{report}.ipynb" for report in SECTION_OF_REPORT}
    executed = {report: tmp_path / f"{report}.ipynb" for report in SECTION_OF_REPORT}

    for report, source in sources.items():
        papermill.execute_notebook(source, executed[report], progress_bar=False)
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", *executed.values()]
    subprocess.run(convert, check=True, capture_output=True, timeout=120)

    for report, path in executed.items():
        stock, ours = find_report(nbformat.read(path, as_version=4)), nb.finish(nb.start(report)).data
        assert without_volatile(stock) == without_volatile(ours)
        assert 'class="reliability"' in path.with_suffix(".html").read_text(encoding="utf-8")


def without_volatile(report):
    return json.loads(json.dumps({key: value for key, value in report.items() if key not in VOLATILE}))
