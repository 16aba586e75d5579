"""Hosted CI cannot run here: its files are valid, free of known traps, and name only targets and paths that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.cli import main as check_jsonschema
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
GITHUB = ROOT / ".github" / "workflows" / "reports.yml"
GITLAB = ROOT / ".ci" / "gitlab-ci.yml"
JENKINS = (ROOT / ".ci" / "Jenkinsfile").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
VARIABLES = dict(re.findall(r"^([A-Z]+) [?:]?= ?(.*)$", MAKEFILE, re.MULTILINE))
JUNIT_OF_TESTS = f"{VARIABLES['EVIDENCE']}/junit.xml"
LINE = re.compile(r"make (?P<target>[a-z-]+)(?: FORMAT=(?P<format>[a-z]+))?(?: TO=(?P<to>[a-z./]+))?")
SUMMARY = ' | tee -a "$GITHUB_STEP_SUMMARY"'


def targets_of(lines: list[str]) -> list[str]:
    """Return the target of each line, which must be nothing but a call of one that exists and has help."""
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    targets = [match["target"] for match in found if match]
    assert set(targets) <= TARGETS
    return targets


def read_yaml(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(GITHUB)["jobs"]
    return found


@pytest.fixture(scope="module")
def gitlab() -> dict[str, Any]:
    return {name: job for name, job in read_yaml(GITLAB).items() if name not in ("stages", "default")}


@pytest.mark.parametrize(
    ("schema", "file"), [("github-workflows", GITHUB), ("gitlab-ci", GITLAB)], ids=["github", "gitlab"]
)
def test_a_file_of_ci_is_valid(schema: str, file: Path) -> None:
    done = CliRunner().invoke(check_jsonschema, ["--builtin-schema", f"vendor.{schema}", str(file)])

    assert done.exit_code == 0, done.output


def test_a_workflow_has_no_known_trap() -> None:
    zizmor = [str(TOOLS / "zizmor"), "--offline", str(GITHUB.parent)]

    done = subprocess.run(zizmor, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_of_ci_runs_the_two_commands_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").split("\n")[-3:] == ["make test", "make report", ""]


def test_every_action_is_pinned_by_its_full_hash_with_its_version() -> None:
    lines = [line for line in GITHUB.read_text(encoding="utf-8").splitlines() if "uses:" in line]

    assert lines
    for line in lines:
        assert re.search(r"uses: actions/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_every_job_has_a_time_limit_and_no_right_that_it_does_not_need(jobs: dict[str, Any]) -> None:
    assert read_yaml(GITHUB)["permissions"] == {}
    for name, job in jobs.items():
        assert 0 < job["timeout-minutes"] <= 30
        wanted = {"pages": "write", "id-token": "write"} if name == "pages" else {"contents": "read"}
        assert job["permissions"] == wanted
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_each_job_runs_its_make_targets_and_nothing_else(jobs: dict[str, Any]) -> None:
    run = {
        name: targets_of([step["run"].removesuffix(SUMMARY) for step in job["steps"] if "run" in step])
        for name, job in jobs.items()
    }

    assert run == {
        "test": ["test"], "lowest": ["test-lowest"], "wheel": ["test-wheel"],
        "report": ["report", "publish", "gate"], "pages": [],
    }  # fmt: skip
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]


def test_earlier_results_are_there_before_and_the_gate_decides_after_the_upload(jobs: dict[str, Any]) -> None:
    steps = [step.get("run") or step["uses"] for step in jobs["report"]["steps"]]
    order = [
        "cache/restore",
        "make report",
        "cache/save",
        "make publish",
        "upload-artifact",
        "upload-pages",
        "make gate",
    ]

    places = [next(place for place, step in enumerate(steps) if part in step) for part in order]

    assert places == sorted(places)
    assert places[-1] == len(steps) - 1
    assert "|| true" not in steps[-1]
    assert "continue-on-error" not in jobs["report"]["steps"][-1]
    assert read_yaml(GITHUB)["defaults"]["run"]["shell"] == "bash"  # with pipefail, so that the pipe keeps the status


def test_only_the_main_branch_publishes_and_only_the_public_folder(jobs: dict[str, Any]) -> None:
    upload = next(step for step in jobs["report"]["steps"] if "upload-pages" in step.get("uses", ""))

    for one in (upload, jobs["pages"]):
        assert "github.ref == 'refs/heads/main'" in one["if"]
    for step in jobs["report"]["steps"]:
        if "upload" in step.get("uses", ""):
            assert step["with"]["path"] == f"{VARIABLES['PUBLIC']}/"


def test_gitlab_runs_make_targets_and_collects_what_they_write(gitlab: dict[str, Any]) -> None:
    run = {name: targets_of(job["script"]) for name, job in gitlab.items()}

    assert run == {
        "test": ["test"], "lowest": ["test-lowest"], "wheel": ["test-wheel"], "report": ["report"], "gate": ["gate"],
        "pages": ["publish"],
    }  # fmt: skip
    (line,) = gitlab["gate"]["script"]
    match = LINE.fullmatch(line)
    assert match
    assert match["format"] == "junit"
    assert gitlab["gate"]["artifacts"]["reports"]["junit"] == match["to"]
    assert gitlab["test"]["artifacts"]["reports"]["junit"] == JUNIT_OF_TESTS
    assert gitlab["pages"]["artifacts"]["paths"] == [f"{VARIABLES['PUBLIC']}/"]
    assert gitlab["report"]["cache"]["paths"] == [f"{VARIABLES['OUT']}/runs/"]


def test_gitlab_publishes_bad_news_too_but_from_the_main_branch_only(gitlab: dict[str, Any]) -> None:
    for name in ("report", "gate"):
        assert gitlab[name]["when"] == "always"
        assert gitlab[name]["artifacts"]["when"] == "always"
    assert gitlab["pages"]["needs"] == ["report"]
    assert gitlab["pages"]["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "when": "always"}]
    assert all("timeout" in job for job in gitlab.values())


def test_jenkins_has_its_stages_runs_make_targets_and_always_collects() -> None:
    """No validator of Jenkins is at hand offline, so its structure is held strictly."""
    code = re.sub(r"(?<!:)//.*", "", JENKINS)
    stages, post = code.split("  post {")

    assert [code.count(mark) for mark in "{(["] == [code.count(mark) for mark in "})]"]
    assert code.count("'") % 2 == 0
    assert re.findall(r"stage\('(.+?)'\)", stages) == ["Test", "Earlier results", "Reports", "Pages", "Gate"]
    lines = re.findall(r"\bsh '(.+?)'", stages)
    assert targets_of(lines) == ["test", "report", "publish", "gate"]
    assert len(lines) == len(re.findall(r"\bsh\b", code))
    match = LINE.fullmatch(lines[-1])
    assert match
    assert re.match(r"\s+always \{\s+junit testResults: '(.+?)'", post)
    assert re.findall(r"junit testResults: '(.+?)'", post) == [f"{JUNIT_OF_TESTS}, {match['to']}"]
    assert re.findall(r"archiveArtifacts artifacts: '(.+?)'", post) == [
        f"{VARIABLES['PUBLIC']}/**, {VARIABLES['OUT']}/runs/**, {match['to']}"
    ]
    assert stages.index("copyArtifacts") < stages.index("make report")


def test_every_program_that_tests_start_is_installed_by_its_name() -> None:
    assert VARIABLES["SYSTEM"].split() == ["prometheus", "victoria-metrics", "chromium"]
