"""What is published is the status page and the pages, notebooks and JSON that it leads to, and nothing else."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "publish.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("publish", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    run = tmp_path / "outputs" / "runs" / "20261126T184000Z-1a2b"
    (run / "queue.answers").mkdir(parents=True)
    (run / "queue.answers" / "answers.json").write_text("raw")
    kept = ("queue.increments.csv", "queue.increments.json.gz", ".queue.json.tmp")
    for name in ("queue.html", "queue.es.html", "queue.ipynb", "queue.json", *kept):
        (run / name).write_text(name)
    (run / "secret.html").symlink_to("/etc/hostname")
    (run.parent / "unlisted").mkdir()
    (run.parent / "unlisted" / "old.html").write_text("old")
    (tmp_path / "outputs" / "evidence").mkdir()
    (tmp_path / "outputs" / "evidence" / "junit.xml").write_text("<x/>")
    (tmp_path / "outputs" / "index.html").write_text(f'<a href="runs/{run.name}/queue.html">')
    (tmp_path / "outputs" / "index.es.html").write_text("")
    return tmp_path / "outputs"


def listed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_what_may_be_public_is_copied(script: Any, outputs: Path, tmp_path: Path) -> None:
    count = script.publish(outputs, tmp_path / "public")

    run = "runs/20261126T184000Z-1a2b"
    assert listed(tmp_path / "public") == {
        "index.html", "index.es.html",
        *(f"{run}/queue.{end}" for end in ("html", "es.html", "ipynb", "json")),
    }  # fmt: skip
    assert count == 6


def test_an_old_copy_is_replaced_whole(script: Any, outputs: Path, tmp_path: Path) -> None:
    script.publish(outputs, tmp_path / "public")
    (tmp_path / "public" / "stale.html").touch()

    script.publish(outputs, tmp_path / "public")

    assert "stale.html" not in listed(tmp_path / "public")
    assert {path.name for path in tmp_path.iterdir()} == {"outputs", "public"}


def test_a_folder_that_is_no_copy_is_left_alone(script: Any, outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "thesis.tex").touch()

    with pytest.raises(SystemExit, match="no earlier copy"):
        script.publish(outputs, tmp_path / "public")

    assert listed(tmp_path / "public") == {"thesis.tex"}


def test_without_a_status_page_nothing_is_published(script: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make report"):
        script.publish(tmp_path, tmp_path / "public")
