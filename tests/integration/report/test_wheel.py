"""What ships: the wheel alone, without the checkout, makes a report in an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SECONDS = 240


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=SECONDS)
    (made,) = folder.glob("*.whl")
    return made


def shipped(folder):
    return {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}


def test_every_notebook_template_sample_and_module_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    for folder, inside in (
        ("notebooks", "reliability/_notebooks/"), ("templates", "reliability/_templates/"),
        ("reliability", "reliability/"),
    ):  # fmt: skip
        held = {name.removeprefix(inside) for name in names if name.startswith(inside)}
        wanted = {name for name in shipped(folder) if "__pycache__" not in name and "checkpoints" not in name}
        assert {name for name in wanted if not name.startswith("outputs/")} <= held


def test_the_installed_wheel_makes_pages_in_an_empty_folder(wheel, tmp_path):
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    program = [sys.executable, "-m", "reliability", "report", "phase"]

    where = subprocess.run(
        [sys.executable, "-c", "import reliability; print(reliability.__file__)"],
        cwd=empty, env=environment, check=True, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    subprocess.run(program, cwd=empty, env=environment, check=True, capture_output=True, timeout=SECONDS)

    assert Path(where.stdout.strip()).is_relative_to(installed)
    assert (empty / "outputs" / "index.html").is_file()
    assert len(list((empty / "outputs" / "runs").glob("*/*.html"))) == 2
