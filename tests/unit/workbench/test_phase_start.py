import subprocess
from pathlib import Path

import pytest

from reliability import cli
from reliability.settings import FILE_NAME, PHASE_FILE_NAME
from reliability.sources.phase_document import OwnPhase, read_phase_document

ROOTS = '[tool.coverage.run]\nsource = ["shop"]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(ROOTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return tmp_path


def with_tests(project: Path, *names: str) -> None:
    for name in names:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def started(project: Path, *options: str) -> OwnPhase:
    assert cli.run(["init", "--phase", *options]) == 0
    return read_phase_document(project / PHASE_FILE_NAME, OwnPhase)


def arguments(phase: OwnPhase) -> dict[str, list[str]]:
    return {name: list(suite.arguments) for name, suite in phase.suites.items()}


def test_folders_of_heavy_tests_become_suites_of_their_own(project: Path):
    with_tests(
        project, "tests/test_cart.py", "tests/unit/test_a.py", "tests/integration/test_b.py", "tests/e2e/test_c.py"
    )
    (project / "tests" / "postgres").mkdir()  # holds no test

    phase = started(project)

    assert arguments(phase) == {
        "unit": ["tests", "--ignore=tests/e2e", "--ignore=tests/integration"],
        "e2e": ["tests/e2e"],
        "integration": ["tests/integration"],
    }
    assert [(suite.unit, suite.heavy, suite.required) for suite in phase.suites.values()] == [
        (True, False, True),
        (False, True, False),
        (False, True, False),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\nmarkers =\n    fast: quick\n    spacy: needs a model\n    slow(seconds): long\n"),
        ("setup.cfg", "[tool:pytest]\nmarkers =\n    spacy: needs a model\n    slow: long\n"),
        ("tox.ini", "[pytest]\nmarkers = spacy: needs a model\n    slow: long\n"),
        ("pyproject.toml", f'{ROOTS}[tool.pytest.ini_options]\nmarkers = ["spacy: a model", "slow: long"]\n'),
    ],
)
def test_markers_set_tests_apart_where_folders_do_not(project: Path, name: str, text: str):
    with_tests(project, "tests/test_cart.py")
    (project / name).write_text(text, encoding="utf-8")

    assert arguments(started(project)) == {
        "unit": ["tests", "-m", "not spacy and not slow"],
        "heavy": ["tests", "-m", "spacy or slow"],
    }


def test_the_folders_that_pytest_is_told_of_are_taken(project: Path):
    with_tests(project, "checks/test_cart.py", "tests/test_other.py")
    (project / "pytest.ini").write_text("[pytest]\ntestpaths = checks gone\n", encoding="utf-8")

    phase = started(project)

    assert arguments(phase) == {"unit": ["checks"]}
    assert phase.source.test_folders == ["checks"]


@pytest.mark.parametrize(
    ("threshold", "floor", "goals"),
    [("35", 35, [40, 45]), ("34.5", 34.5, [35, 40]), ("97", 97, [100]), ("100", 100, [100]), ("0", 0, [5, 10])],
)
def test_the_floor_is_the_threshold_in_force_and_goals_stand_above_it(
    project: Path, threshold: str, floor: float, goals: list[int], capsys: pytest.CaptureFixture[str]
):
    with_tests(project, "tests/test_cart.py")
    (project / "pytest.ini").write_text(f"[pytest]\naddopts = --cov --cov-fail-under={threshold}\n", encoding="utf-8")

    phase = started(project)

    assert (float(phase.floor_percent), [int(goal) for goal in phase.goals_percent]) == (floor, goals)
    assert f"floor {floor:g} %" in capsys.readouterr().out


def test_every_risk_of_a_new_phase_has_a_check(project: Path):
    phase = started(project)

    assert [risk.check for risk in phase.risks] == [
        "test-files-in-source",
        "sleeps-in-tests",
        "flaky-reruns",
        "unspecific-exceptions",
    ]


def test_what_is_missing_is_said(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "pyproject.toml").unlink()

    phase = started(project)

    printed = capsys.readouterr().out
    assert arguments(phase) == {"unit": ["tests"]}
    assert "no tests were found" in printed
    assert 'source = ["shop"]' in printed


@pytest.mark.parametrize("words", ["--cov=shop", "-q --cov shop"])
def test_a_folder_that_addopts_names_is_measured_and_needs_no_note(
    project: Path, words: str, capsys: pytest.CaptureFixture[str]
):
    (project / "pyproject.toml").write_text(f'[tool.pytest.ini_options]\naddopts = "{words}"\n', encoding="utf-8")

    started(project)

    assert "names no folder to measure" not in capsys.readouterr().out


def test_the_language_is_that_of_the_pages_unless_one_is_named(project: Path):
    (project / FILE_NAME).write_text('language = "es"\n', encoding="utf-8")

    assert started(project).language == "es"

    (project / PHASE_FILE_NAME).unlink()
    assert started(project, "--language", "en").language == "en"


@pytest.mark.parametrize(
    ("ignored", "noted"),
    [
        ("outputs/", ["git ignores outputs/record, so the record would be lost"]),
        ("*.pyc", ["git would take evidence and pages for sources"]),
        ("outputs/*\n!outputs/record/", []),
    ],
    ids=["all", "nothing", "all but the record"],
)
def test_it_says_when_git_would_lose_the_record_or_take_the_evidence(
    project: Path, capsys: pytest.CaptureFixture[str], ignored: str, noted: list[str]
):
    (project / ".git").rmdir()
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)  # noqa: S607 -- git from PATH
    (project / ".gitignore").write_text(f"{ignored}\n", encoding="utf-8")

    started(project)

    lines = capsys.readouterr().out.splitlines()
    notes = [line.removeprefix("note: ").partition(";")[0] for line in lines if " git " in line]
    assert notes == noted


def test_a_phase_that_exists_is_never_changed(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / PHASE_FILE_NAME).write_text("mine", encoding="utf-8")

    assert cli.run(["init", "--phase"]) == 2

    assert "exists and is left as it is" in capsys.readouterr().err
    assert (project / PHASE_FILE_NAME).read_text(encoding="utf-8") == "mine"


def test_a_hostile_name_is_text_in_the_file(project: Path):
    name = 'shop"\\\n[suites.x]\n{{ 7 * 7 }}'
    with_tests(project, 'tests/integration/"]\n/test_a.py')
    (project / "pyproject.toml").write_text(f"[project]\nname = '''{name}'''\n", encoding="utf-8")

    phase = started(project)

    assert phase.title.en == "Phase of " + name.replace("\n", "?")
    assert phase.id == "shop-suites-x-7-7-phase"
    assert set(phase.suites) == {"unit", "integration"}


@pytest.mark.parametrize("words", [["--phase", "--prometheus", "http://x"], ["--language", "es"]])
def test_options_that_do_not_go_together_are_refused(project: Path, words: list[str]):
    assert cli.run(["init", *words]) == 2

    assert not (project / PHASE_FILE_NAME).exists()


def test_a_broken_configuration_is_named_and_nothing_is_written(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "pyproject.toml").write_text("[tool", encoding="utf-8")

    assert cli.run(["init", "--phase"]) != 0

    assert "pyproject.toml" in capsys.readouterr().err
    assert not (project / PHASE_FILE_NAME).exists()
