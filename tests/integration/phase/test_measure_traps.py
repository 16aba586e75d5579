"""Every trap really sprung: pytest runs, something goes wrong, and the threshold of 35 % stays where it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reliability.cli import run
from tests.integration.phase.small_project import CONFIGURATION, HALF, MODULE, PHASE, SERVERS, TEST, UNIT, SmallProject

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def green_folder(tmp_path_factory):
    """A project with the evidence of a green run at more than 40 %."""
    project = SmallProject(tmp_path_factory.mktemp("green") / "project")
    project.folder.mkdir()
    project.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        assert project.measure() == 0
    return project.folder


@pytest.fixture
def project(green_folder, tmp_path, monkeypatch):
    shutil.copytree(green_folder, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return SmallProject(tmp_path / "project")


def one_test(body: str, name: str = "test_it") -> str:
    """Return a file with one test."""
    return f"def {name}():\n    {body}\n"


def with_options(options: str) -> str:
    """Return the configuration with further options of pytest."""
    return CONFIGURATION.replace("no:cacheprovider", f"no:cacheprovider {options}")


def reasons(capsys) -> set[str]:
    """Let the ratchet try to raise, and return its reasons."""
    capsys.readouterr()
    run(["phase", "ratchet", "--json"])
    return {reason["code"] for reason in json.loads(capsys.readouterr().out)["reasons"]}


def test_a_green_run_raises_the_threshold_to_the_goal(project, capsys):
    assert reasons(capsys) == set()
    assert project.threshold == "40"


SKIPPING = f"import pytest\n\npytestmark = pytest.mark.skip('later')\n{HALF}"
FAILING_TEARDOWN = """import pytest


@pytest.fixture
def end():
    yield
    raise OSError


def test_ends(end):
    pass
"""
REMOVING = """import pathlib

import shop.gone


def test_gone():
    pathlib.Path(shop.gone.__file__).unlink()
"""
WRITING = """import pathlib

import shop


def test_writes():
    pathlib.Path(shop.__file__).write_text("y = 2")
"""
SPRUNG = {  # files, exit status, a reason of the ratchet
    "an error of collection": ({"tests/test_broken.py": "import shop.missing\n"}, 1, "run-incomplete"),
    "pytest killed in the middle": (
        {"tests/test_killed.py": one_test("import os; os.kill(os.getpid(), 9)")}, 5, "run-incomplete",
    ),
    "a worker of xdist crashed": (
        {"phase.toml": PHASE + UNIT.replace('["tests"]', '["tests", "-n1"]'),
         "tests/test_crash.py": one_test("import os; os._exit(1)")}, 1, "tests-failed",
    ),
    "a test failed": ({"tests/test_red.py": one_test("assert False")}, 1, "tests-failed"),
    "a fixture failed in its teardown": ({"tests/test_down.py": FAILING_TEARDOWN}, 1, "tests-failed"),
    "all tests skipped": ({"tests/test_steps.py": SKIPPING}, 4, "suite-not-run"),
    "a service was absent": (
        {"tests/test_db.py": one_test("import pytest; pytest.skip('needs PostgreSQL')")}, 0, "suite-not-run",
    ),
    "no test was there": ({"tests/test_steps.py": "from shop.steps import step\n"}, 4, "run-incomplete"),
    "34.6 % with a goal of 35": (
        {"tests/test_steps.py": TEST.format(count=6), "phase.toml": PHASE.replace("[40]", "[35]") + UNIT,
         "pyproject.toml": CONFIGURATION.replace("= 35", "= 34")}, 0, "below-goal",
    ),
    "a folder without __init__.py was not measured": ({"shop/parts/more.py": "x = 1\n"}, 0, "file-set"),
    "tests lie in the source": ({"shop/test_inside.py": one_test("pass")}, 0, "test-files-in-source"),
    "a source vanished during the run, and errors are ignored": (
        {"pyproject.toml": CONFIGURATION + "[tool.coverage.html]\n", "shop/gone.py": "x = 1\n",
         "tests/test_gone.py": REMOVING, ".coveragerc": "[run]\nsource = shop\n[report]\nignore_errors = true\n"},
        0, "file-set",
    ),
    "a source was written during the run": ({"tests/test_writes.py": WRITING}, 0, "dirty-tree"),
    "another required suite does not exist": ({"phase.toml": PHASE + UNIT + SERVERS}, 5, "run-incomplete"),
}  # fmt: skip


@pytest.mark.parametrize("trap", SPRUNG)
def test_a_run_that_went_wrong_over_an_old_green_one_raises_nothing(project, capsys, trap):
    files, status, code = SPRUNG[trap]
    project.commit(files)
    before = project.threshold

    assert project.measure() == status

    assert code in reasons(capsys)
    assert project.threshold == before


def test_34_6_is_not_35(project):
    project.commit({"tests/test_steps.py": TEST.format(count=6)})

    assert project.measure() == 0

    assert project.manifest["figures"]["required"] == {
        "statements": 52, "covered": 18, "branches": 0, "covered_branches": 0,
    }  # fmt: skip
    assert run(["phase", "ratchet", "--check"]) == 1


def test_a_runner_that_is_killed_leaves_nothing_to_believe(project):
    project.commit({"tests/test_killer.py": one_test("import os; os.kill(os.getppid(), 9)")})

    done = subprocess.run([sys.executable, "-m", "reliability", "phase", "measure"], cwd=project.folder, check=False)

    assert done.returncode == -9
    assert not (project.evidence / "manifest.json").exists()
    assert run(["phase", "ratchet"]) == 4
    assert project.threshold == "35"


def test_a_source_that_was_edited_since_is_told_by_its_name(project, capsys):
    project.commit({"shop/steps.py": f"{MODULE}\n\nmore = 1\n"})

    assert "stale-source" in reasons(capsys)
    assert project.threshold == "35"


def test_a_source_that_appeared_since_is_noticed(project, capsys):
    project.write({"shop/new.py": "x = 1\n"})

    assert "stale-source" in reasons(capsys)
    assert project.threshold == "35"


def test_a_report_that_was_written_over_is_not_believed(project, capsys):
    path = project.evidence / "coverage.json"
    path.write_text(path.read_text().replace('"covered_lines": 24', '"covered_lines": 51'))

    assert "stale-evidence" in reasons(capsys)
    assert project.threshold == "35"


def test_one_suite_alone_does_not_stand_for_the_other(project, capsys):
    project.commit({"phase.toml": PHASE + UNIT + SERVERS, "servers/test_servers.py": one_test("pass")})

    assert project.measure("--suite", "unit") == 0

    figures = project.manifest["figures"]
    assert [name for name, counts in figures.items() if counts] == ["unit"]
    assert "suite-not-run" in reasons(capsys)
    assert project.threshold == "35"


def test_fewer_tests_than_the_last_accepted_run_need_a_reason(project, capsys):
    project.commit({"tests/test_more.py": one_test("pass", "test_more")})
    assert project.measure() == 0
    assert run(["phase", "record", "--observe"]) == 0
    project.commit({"pyproject.toml": with_options("-k 'not more'")})

    assert project.measure() == 0

    assert project.manifest["suites"][0]["counts"]["deselected"] == 1
    assert "fewer-tests" in reasons(capsys)
    assert project.threshold == "35"


def test_local_changes_are_noticed_but_not_those_of_the_evidence_itself(project, capsys):
    assert project.measure("--evidence", "proof") == 0
    assert json.loads((project.folder / "proof" / "manifest.json").read_text())["is_dirty"] is False
    project.write({"tests/test_new.py": one_test("pass")})

    assert project.measure() == 0

    assert project.manifest["is_dirty"] is True
    assert "dirty-tree" in reasons(capsys)
    assert project.threshold == "35"


@pytest.mark.parametrize("how", ["ignored", "told not to look"])
def test_changed_tests_that_git_does_not_show_are_local_changes_too(project, capsys, how):
    if how == "ignored":
        (project.folder / ".git/info/exclude").write_text("tests/conftest.py\n")
        project.write({"tests/conftest.py": "from shop.steps import step\n\nstep(16)\n"})
    else:
        project.git("update-index", "--assume-unchanged", "tests/test_steps.py")
        project.write({"tests/test_steps.py": TEST.format(count=15)})

    assert project.measure() == 0

    assert "git does not look at tests/" in capsys.readouterr().err
    assert project.manifest["is_dirty"] is True
    assert "dirty-tree" in reasons(capsys)
    assert project.threshold == "35"


@pytest.mark.parametrize("name", ["COVERAGE_RCFILE", "PYTEST_ADDOPTS"])
def test_a_configuration_that_no_commit_holds_measures_nothing(project, tmp_path, monkeypatch, capsys, name):
    foreign = tmp_path / "foreign.rc"
    foreign.write_text("[run]\nsource = shop\n[report]\nexclude_also = return\n")
    monkeypatch.setenv(name, str(foreign) if name == "COVERAGE_RCFILE" else f"--cov-config={foreign}")

    assert project.measure() == 2

    assert "which is no file of the project's commit" in capsys.readouterr().err
    assert not (project.evidence / "manifest.json").exists()


def test_outside_of_git_nothing_is_raised(project, capsys):
    shutil.rmtree(project.folder / ".git")
    (project.folder / "reliability.toml").touch()

    assert project.measure() == 0

    assert project.manifest["commit"] is None
    assert "dirty-tree" in reasons(capsys)
    assert project.threshold == "35"


def test_the_projects_own_threshold_and_options_do_not_decide_the_exit_code(project):
    options = with_options("--cov=shop --cov-fail-under=99")
    project.commit({"pyproject.toml": options.replace('source = ["shop"]', "branch = true")})

    assert project.measure() == 0

    assert project.manifest["definition"]["roots"] == ["shop"]
    assert project.manifest["definition"]["branch"] is True


def test_old_files_of_the_folder_go_and_foreign_ones_stay(project):
    for name in ("junit.xml", "junit-old.xml", "coverage-old.sqlite", ".coverage.host.1", "notes.txt"):
        (project.evidence / name).write_text("old")

    assert project.measure() == 0

    assert sorted(path.name for path in project.evidence.iterdir()) == [
        "coverage-unit.sqlite", "coverage.json", "junit-unit.xml", "manifest.json", "notes.txt",
    ]  # fmt: skip


def test_suites_are_joined_exactly_beside_imports_and_passing_tests(project):
    project.commit({
        "phase.toml": PHASE + UNIT + SERVERS,
        "tests/test_steps.py": TEST.format(count=2),
        "servers/test_near.py": TEST.format(count=4),
        "servers/test_far.py": TEST.format(count=9) + "    assert False\n",
    })  # fmt: skip

    assert run(["phase", "measure", "--contexts"]) == 1

    figures = project.manifest["figures"]
    passing = figures.pop("passing_only")
    covered = {name: counts["covered"] for name, counts in figures.items()}
    assert covered == {"unit": 10, "required": 26, "all": 26, "imports_only": 3}
    assert (passing["coverage"]["covered"], passing["is_estimate"]) == (15, True)


def test_files_of_ones_own_ci_are_taken_like_our_own(project, capsys):
    project.commit({".gitignore": "outputs/\n__pycache__/\n.coverage\njunit.xml\n"})
    run_pytest(project.folder)
    theirs = ["--coverage", "unit", ".coverage", "--junit", "unit", "junit.xml"]

    assert run(["phase", "measure", *theirs, "--exit-code", "unit", "0"]) == 0

    assert project.manifest["origin"] == "taken"
    assert reasons(capsys) == set()
    assert project.threshold == "40"


def run_pytest(folder: Path) -> None:
    words = ["-m", "pytest", "-q", "tests", "--cov", "--cov-report=", "--junitxml=junit.xml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run([sys.executable, *words], cwd=folder, env=environment, check=True, capture_output=True)
