"""What ships: the wheel alone, without the checkout, makes the reports in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SECONDS = 240


def test_the_installed_wheel_makes_all_pages_in_an_empty_folder(tmp_path):
    wheels, installed, empty = tmp_path / "wheels", tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    python = [sys.executable, "-m"]
    build = [*python, "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=SECONDS)
    (wheel,) = wheels.glob("*.whl")
    install = [*python, "pip", "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=SECONDS)
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    where = subprocess.run(
        [sys.executable, "-c", "import reliability; print(reliability.__file__)"],
        cwd=empty, env=environment, check=True, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    subprocess.run(
        [*python, "reliability", "report"], cwd=empty, env=environment, check=True, capture_output=True, timeout=SECONDS
    )

    assert Path(where.stdout.strip()).is_relative_to(installed)
    assert (empty / "outputs" / "index.html").is_file()
    assert len(list((empty / "outputs" / "runs").glob("*/*.html"))) == 6
