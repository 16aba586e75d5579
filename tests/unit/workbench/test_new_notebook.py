from pathlib import Path

import nbformat
import pytest

from reliability import cli
from reliability.report.catalogue import find_reports
from reliability.settings import FILE_NAME


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE_NAME).touch()
    return tmp_path


def test_a_new_notebook_is_a_report_under_its_name(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["new", "queue_depth"]) == 0

    path = folder / "notebooks" / "queue_depth.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert '"queue_depth"' in text
    assert "# Queue depth" in text
    assert "REPORT_" not in text
    assert find_reports(folder)["queue_depth"] == path
    assert "reliability report queue_depth" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", "Übung", "a b", "1st", "-x", "a" * 61, "$(id)", 'x"', "canary_comparison", "canary", "index"],
)
def test_a_name_that_cannot_be_taken_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["new", "--", name]) == 2

    assert "error:" in capsys.readouterr().err
    assert not (folder / "notebooks").exists()


def test_a_notebook_that_exists_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["new", "mine"]) == 0
    (folder / "notebooks" / "mine.ipynb").write_text("{}")

    assert cli.run(["new", "mine"]) == 2
    assert "notebooks/mine.ipynb exists" in capsys.readouterr().err
    assert (folder / "notebooks" / "mine.ipynb").read_text() == "{}"
