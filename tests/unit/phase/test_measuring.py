import subprocess
import sys
from pathlib import Path

import pytest

from reliability.errors import UsageError, WriteError
from reliability.phase import pytest_plugin
from reliability.phase.asking import open_phase
from reliability.phase.measuring import measure_phase, status_of
from reliability.phase.running import FACTS_OPTION
from tests.unit.phase.measured import absent, suite
from tests.unit.phase.projects import begin

ENDS = {
    "all green": ([suite("unit"), suite("servers")], 0),
    "a failed test": ([suite("unit", exit_code=1, tests={"failed": 1}), suite("servers")], 1),
    "an error of collection": ([suite("unit", exit_code=2, tests={"passed": 0, "error": 1}, coverage=None)], 1),
    "exit 1 without a failed test, as for a skipped one in CI": ([suite("unit", exit_code=1)], 1),
    "a failure under exit 0": ([suite("unit", tests={"failed": 1})], 1),
    "an interrupted run": ([suite("unit", exit_code=2, counts=None)], 5),
    "a killed run": ([suite("unit", exit_code=-9, counts=None), suite("servers")], 5),
    "a refused option": ([suite("unit", exit_code=4, counts=None)], 5),
    "no test": ([suite("unit", exit_code=5, counts=None)], 4),
    "all skipped": ([suite("unit", tests={"passed": 0, "skipped": 50})], 4),
    "no coverage": ([suite("unit", coverage=None)], 4),
    "no suite at all": ([absent("unit"), absent("servers")], 4),
    "one of two that was not asked for": ([suite("unit"), absent("servers")], 0),
    "a failure in a suite that is not required": ([suite("unit"), suite("servers", required=False, exit_code=1)], 0),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_status_is_that_of_the_required_suites_that_ran(end):
    suites, status = ENDS[end]

    assert status_of(suites) == status


def test_a_suite_that_is_not_there_is_refused_before_anything_is_deleted(tmp_path, monkeypatch):
    project = begin(tmp_path)
    project.measure(41)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=r"has no suite 'unti'; it has: unit, servers"):
        measure_phase(open_phase(None), only=["unti"])

    assert (tmp_path / "outputs/evidence/manifest.json").exists()


@pytest.mark.parametrize("folder", [".", "..", "reliability.toml/evidence"])
def test_a_folder_that_is_not_for_evidence_alone_is_refused(tmp_path, monkeypatch, folder):
    project = begin(tmp_path / "project").folder
    (project / "reliability.toml").touch()
    monkeypatch.chdir(project)

    with pytest.raises((UsageError, WriteError), match=r"the project itself|cannot be made"):
        measure_phase(open_phase(None, evidence=Path(folder)))

    assert (project / "pyproject.toml").exists()


def test_measuring_names_the_package_that_it_needs_where_pytest_is_not_installed(tmp_path):
    begin(tmp_path / "project")
    code = """
import sys
sys.modules["pytest"] = sys.modules["pytest_cov"] = None
from reliability.cli import run
sys.exit(run(["phase", "measure"]))
"""

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "project", capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "pip install pytest-cov" in done.stderr


def test_the_option_of_the_plugin_is_the_one_that_runs_pass():
    assert FACTS_OPTION == pytest_plugin.FACTS_OPTION
