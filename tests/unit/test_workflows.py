"""Hosted CI cannot run here: its files are valid and free of known traps, and strict checks hold what they promise.

Each check takes a file's text, so that the last tests can show that it refuses one that is a little wrong.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.cli import main as check_jsonschema
from click.testing import CliRunner

from reliability.settings_file import read_settings

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # files are read a hundred times: in C where PyYAML has it
FILES = {
    "github": ROOT / ".github" / "workflows" / "reports.yml",
    "gitlab": ROOT / ".ci" / "gitlab-ci.yml",
    "jenkins": ROOT / ".ci" / "Jenkinsfile",
}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
VARIABLES = dict(re.findall(r"^([A-Z]+) [?:]?= ?(.*)$", MAKEFILE, re.MULTILINE))
EVIDENCE, PUBLIC, RUNS = f"{VARIABLES['EVIDENCE']}/", f"{VARIABLES['PUBLIC']}/", f"{VARIABLES['OUT']}/runs/"
GATE_FILE = f"{VARIABLES['OUT']}/gate.xml"
NAMED = {"RELIABILITY_PHASE_EVIDENCE_FOLDER": VARIABLES["EVIDENCE"]}
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
ON_MAIN = "github.ref == 'refs/heads/main'"
GOES_ON = "${{ !cancelled() }}"
MADE = "${{ !cancelled() && steps.publish.outcome == 'success' }}"
MADE_ON_MAIN = f"${{{{ !cancelled() && steps.publish.outcome == 'success' && {ON_MAIN} }}}}"
GATE_STEP = 'make gate FORMAT=markdown | tee -a "$GITHUB_STEP_SUMMARY"'


def read_yaml(text: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.load(text, Loader=SAFE)  # noqa: S506 -- both are safe loaders
    return loaded


def outline(step: dict[str, Any]) -> tuple[str, str | None]:
    """Return what a step does, an action by its name without the hash, and its condition."""
    return step.get("run") or step["uses"].removeprefix("actions/").split("@")[0], step.get("if")


def check_github(text: str) -> None:
    """Hold the workflow to what it promises."""
    workflow = read_yaml(text)
    jobs = workflow["jobs"]
    # YAML 1.1 reads the key `on` as True.
    assert workflow[True] == {"push": {"branches": ["main"]}, "pull_request": None, "workflow_dispatch": None}
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["cancel-in-progress"] == "${{ github.ref != 'refs/heads/main' }}"
    assert workflow["defaults"] == {"run": {"shell": "bash"}}  # with pipefail, so that a pipe keeps the status
    assert list(jobs) == ["test", "record", "lowest", "wheel", "report", "pages"]
    for name, job in jobs.items():
        assert 0 < job["timeout-minutes"] <= 30
        writes = {"pages": "write", "id-token": "write"}
        assert job["permissions"] == (writes if name == "pages" else {"contents": "read"})
        assert "continue-on-error" not in job
        if name != "pages":
            checkout, python = job["steps"][:2]
            assert outline(checkout) == ("checkout", None)
            assert checkout["with"] == {
                "persist-credentials": False,
                **({"fetch-depth": 2} if name == "record" else {}),
            }
            assert outline(python) == ("setup-python", None)
            assert python["with"] == {"python-version": "${{ matrix.python }}" if name == "test" else "3.11"}
    check_github_tests(jobs)
    check_github_report(jobs["report"])
    check_github_pages(jobs["pages"])


def check_github_tests(jobs: dict[str, Any]) -> None:
    assert jobs["test"]["strategy"] == {"fail-fast": False, "matrix": {"python": PYTHONS}}
    assert [outline(step) for step in jobs["test"]["steps"][2:]] == [
        ("make test", None),
        ("upload-artifact", "${{ !cancelled() && matrix.python == '3.11' }}"),
    ]
    assert jobs["test"]["steps"][-1]["with"] == {"name": "evidence", "path": EVIDENCE}
    assert jobs["record"]["if"] == "${{ github.event_name == 'pull_request' }}"
    assert [outline(step) for step in jobs["record"]["steps"][2:]] == [("make record-verify BASE=HEAD^1", None)]
    assert [outline(step) for step in jobs["lowest"]["steps"][2:]] == [("make test-lowest", None)]
    assert [outline(step) for step in jobs["wheel"]["steps"][2:]] == [("make test-wheel", None)]


def check_github_report(report: dict[str, Any]) -> None:
    """Hold the order of the steps, what each does after a failure, and where it reads and writes."""
    assert (report.get("needs"), report.get("if")) == ("test", GOES_ON)
    assert report["outputs"] == {"published": "${{ steps.publish.outcome }}"}
    steps = report["steps"][2:]
    assert [outline(step) for step in steps] == [
        ("download-artifact", None),
        ("cache/restore", GOES_ON),
        ("make report", GOES_ON),
        ("cache/save", f"${{{{ !cancelled() && {ON_MAIN} }}}}"),
        ("make publish", GOES_ON),
        ("upload-artifact", MADE),
        ("upload-pages-artifact", MADE_ON_MAIN),
        (GATE_STEP, GOES_ON),
    ]
    download, restore, make, save, publish, upload, upload_pages, gate = steps
    assert [step.get("continue-on-error") for step in steps] == [True, *[None] * 7]
    assert download["with"] == {"name": "evidence", "path": EVIDENCE}
    assert make["env"] == NAMED
    assert save["with"] == {"path": RUNS, "key": "reports-${{ github.run_id }}-${{ github.run_attempt }}"}
    assert restore["with"] == {**save["with"], "restore-keys": "reports-"}
    assert publish["id"] == "publish"
    assert upload["with"] == {"name": "reports", "path": PUBLIC}
    assert upload_pages["with"] == {"path": PUBLIC}
    assert set(gate["env"]) == {"RESULTS_URL"}
    assert gate["env"]["RESULTS_URL"].startswith(f"${{{{ {ON_MAIN} && format('https://{{0}}.github.io/{{1}}'")


def check_github_pages(pages: dict[str, Any]) -> None:
    assert pages["needs"] == "report"
    assert pages["if"] == f"${{{{ !cancelled() && {ON_MAIN} && needs.report.outputs.published == 'success' }}}}"
    assert [outline(step) for step in pages["steps"]] == [("deploy-pages", None)]
    assert pages["steps"][0]["id"] == "deploy"
    assert pages["environment"] == {"name": "github-pages", "url": "${{ steps.deploy.outputs.page_url }}"}


def check_gitlab(text: str) -> None:
    """Hold every job to its stage, script, conditions and what it collects; times only to being there."""
    found = read_yaml(text)
    assert found.pop("stages", None) == ["test", "report", "gate", "publish"]
    assert found.pop("default", None) == {"image": "python:3.11-bookworm", "interruptible": True}
    assert all(re.fullmatch(r"[1-3]0 minutes|15 minutes", job.pop("timeout", "")) for job in found.values())
    tested = {"job": "test", "parallel": {"matrix": [{"PYTHON_VERSION": "3.11"}]}}
    assert found == {
        "test": {
            "stage": "test",
            "image": "python:${PYTHON_VERSION}-bookworm",
            "parallel": {"matrix": [{"PYTHON_VERSION": PYTHONS}]},
            "script": ["make test"],
            "artifacts": {"when": "always", "paths": [EVIDENCE], "reports": {"junit": f"{EVIDENCE}junit-*.xml"}},
        },
        "record": {
            "stage": "test",
            "rules": [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}],
            "variables": {"GIT_DEPTH": "0"},
            "script": ["make record-verify BASE=$CI_MERGE_REQUEST_DIFF_BASE_SHA"],
        },
        "lowest": {"stage": "test", "script": ["make test-lowest"]},
        "wheel": {"stage": "test", "script": ["make test-wheel"]},
        "report": {
            "stage": "report",
            "when": "always",
            "needs": [tested],
            "variables": NAMED,
            "cache": {"key": "reports", "paths": [RUNS], "when": "always"},
            "script": ["make report"],
            "artifacts": {"when": "always", "access": "developer", "paths": ["outputs/index*.html", RUNS]},
        },
        "gate": {
            "stage": "gate",
            "when": "always",
            "needs": ["report"],
            "script": [f"make gate FORMAT=junit TO={GATE_FILE}"],
            "artifacts": {"when": "always", "paths": [GATE_FILE], "reports": {"junit": GATE_FILE}},
        },
        "pages": {
            "stage": "publish",
            "needs": ["report"],
            "rules": [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "when": "always"}],
            "script": ["make publish"],
            "artifacts": {"paths": [PUBLIC]},
        },
    }


FAILS = "catchError(buildResult: 'FAILURE', stageResult: 'FAILURE')"
KEEPING = f"{RUNS}**"
STAGES: dict[str, list[str]] = {
    "Clean": ["sh 'make clean'"],
    "Test": [FAILS, "sh 'make test'"],
    "Earlier results": [
        f"copyArtifacts(projectName: env.JOB_NAME, selector: lastCompleted(), filter: '{KEEPING}', optional: true)"
    ],
    "Reports": [FAILS, "sh 'make report'"],
    "Pages": [FAILS, "sh 'make publish'"],
    "Gate": [f"sh 'make gate FORMAT=junit TO={GATE_FILE}'"],
}


def statements(text: str) -> list[tuple[int, str]]:
    """Return each line of a Jenkinsfile without comment, block braces and indentation, with its depth in braces."""
    depth, found = 0, []
    for line in text.splitlines():
        code = re.sub(r"(^|\s)//.*", "", line).strip()
        assert code in ("", "}") or re.fullmatch(r"[A-Za-z_]+\b[^{}]*( \{)?", code), line
        assert code.count("'") % 2 == 0, line
        assert code.count("(") == code.count(")"), line
        depth -= code == "}"
        if code not in ("", "}"):
            found.append((depth, code.removesuffix(" {")))
        depth += code.endswith(" {")
        assert depth >= 0, line
    assert depth == 0
    return found


def check_jenkins(text: str) -> None:
    """Hold every statement in its order and depth: no validator of Jenkins is at hand offline."""
    expected = [
        (0, "pipeline"),
        (1, "agent any"),
        (1, "options"),
        (2, "buildDiscarder(logRotator(numToKeepStr: '50'))"),
        (2, "disableConcurrentBuilds()"),
        (2, "timeout(time: 60, unit: 'MINUTES')"),
        (1, "environment"),
        (2, "CI = 'true'"),
        (1, "stages"),
    ]
    for name, body in STAGES.items():
        expected.append((2, f"stage('{name}')"))
        if name == "Reports":
            expected += [(3, "environment"), *((4, f"{key} = '{file}'") for key, file in NAMED.items())]
        expected.append((3, "steps"))
        expected += [(4 + deeper, line) for deeper, line in enumerate(body)]
    junit = f"junit testResults: '{EVIDENCE}junit-*.xml, {GATE_FILE}', allowEmptyResults: true"
    kept = f"archiveArtifacts artifacts: '{PUBLIC}**, {KEEPING}, {GATE_FILE}', allowEmptyArchive: true"
    expected += [(1, "post"), (2, "always"), (3, junit), (3, kept)]
    assert statements(text) == expected


CHECKS: dict[str, Callable[[str], None]] = {"github": check_github, "gitlab": check_gitlab, "jenkins": check_jenkins}


@pytest.mark.parametrize("name", CHECKS)
def test_a_file_of_ci_is_as_promised(name: str) -> None:
    CHECKS[name](FILES[name].read_text(encoding="utf-8"))


WRONG = [
    ("github", "if: ${{ !cancelled() }} # bad", "if: ${{ success() }} # bad"),
    ("github", "continue-on-error: true", "continue-on-error: false"),
    ("github", "- if: ${{ !cancelled() }}\n        run: make report", "- run: make report"),
    ("github", "path: outputs/runs/\n          key:", "path: outputs/\n          key:"),
    ("github", "restore-keys: reports-", "restore-keys: report-results-"),
    ("github", "cancelled() && github.ref == 'refs/heads/main' }}\n        uses: actions/cache/save",
     "cancelled() }}\n        uses: actions/cache/save"),
    ("github", "path: outputs/evidence/\n      - name: Restore", "path: outputs/\n      - name: Restore"),
    ("github", "- id: publish", "- id: public"),
    ("github", "needs.report.outputs.published ==", "needs.report.result =="),
    ("github", "steps.publish.outcome }}", "steps.publish.conclusion }}"),
    ("github", ' | tee -a "$GITHUB_STEP_SUMMARY"', ""),
    ("github", '"$GITHUB_STEP_SUMMARY"', '"$GITHUB_STEP_SUMMARY" || true'),
    ("github", "FORMAT=markdown", "FORMAT=text"),
    ("github", "!cancelled() && matrix.python == '3.11'", "matrix.python == '3.11'"),
    ("github", "shell: bash", "shell: sh"),
    ("github", "fetch-depth: 2", "fetch-depth: 1"),
    ("github", "BASE=HEAD^1", "BASE=HEAD"),
    ("gitlab", "BASE=$CI_MERGE_REQUEST_DIFF_BASE_SHA", "BASE=$CI_COMMIT_SHA"),
    ("github", "name: reports\n          path: public/", "name: reports\n          path: outputs/"),
    ("gitlab", "key: reports", "key: $CI_COMMIT_SHA"),
    ("gitlab", "paths: [outputs/runs/]", "paths: [outputs/]"),
    ("gitlab", "when: always # bad", "when: on_success # bad"),
    ("gitlab", "access: developer", "access: all"),
    ("gitlab", "when: always\n    paths: [outputs/evidence/]", "when: on_failure\n    paths: [outputs/evidence/]"),
    ("gitlab", "junit: outputs/evidence/junit-*.xml", "junit: outputs/junit.xml"),
    ("gitlab", "junit: outputs/gate.xml", "junit: gate.xml"),
    ("gitlab", "TO=outputs/gate.xml", "TO=gate.xml"),
    ("gitlab", "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "$CI_COMMIT_BRANCH"),
    ("gitlab", "[test, report, gate, publish]", "[test, gate, report, publish]"),
    ("jenkins", "catchError(buildResult: 'FAILURE', stageResult: 'FAILURE') { //", "script { //"),
    ("jenkins", "catchError(buildResult: 'FAILURE'", "catchError(buildResult: 'SUCCESS'"),
    ("jenkins", "filter: 'outputs/runs/**'", "filter: 'outputs/**'"),
    ("jenkins", "optional: true", "optional: false"),
    ("jenkins", "stage('Gate')", "stages('Gate')"),
    ("jenkins", "archiveArtifacts ", "archiveArtifact "),
    ("jenkins", "'public/**, ", "'"),
    ("jenkins", "'outputs/evidence/junit-*.xml, ", "'"),
    ("jenkins", "always {", "success {"),
    ("jenkins", "sh 'make report'", "sh 'make report || true'"),
    ("jenkins", "CI = 'true'", "CI = 'true"),
    ("jenkins", "  post {", "  }\n  post {"),
]  # fmt: skip
FREE = re.compile(r"\s*(#|//|$)|name: |\s+- name: |\s+name: [A-Z]|\s+group: |\s+runs-on: ")


@pytest.mark.parametrize(("name", "right", "wrong"), WRONG)
def test_a_file_of_ci_that_is_a_little_wrong_is_refused(name: str, right: str, wrong: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    assert right in text

    with pytest.raises(AssertionError):
        CHECKS[name](text.replace(right, wrong, 1))


@pytest.mark.parametrize("name", CHECKS)
def test_a_file_of_ci_misses_no_line(name: str) -> None:
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    survived = []
    for number, line in enumerate(lines):
        with suppress(AssertionError, LookupError, TypeError, AttributeError, yaml.YAMLError):
            CHECKS[name]("\n".join([*lines[:number], *lines[number + 1 :]]))
            survived.append(line)

    assert [line for line in survived if not FREE.match(line)] == []


@pytest.mark.parametrize("name", CHECKS)
def test_every_call_of_make_is_one_target_that_exists(name: str) -> None:
    called = re.findall(r"\bmake ([a-z-]+)(?=$|'| \||(?: [A-Z]+=\S+)+)", FILES[name].read_text("utf-8"), re.MULTILINE)

    assert {"test", "report", "publish", "gate"} <= set(called) <= TARGETS


@pytest.mark.parametrize(("schema", "name"), [("github-workflows", "github"), ("gitlab-ci", "gitlab")])
def test_a_file_of_ci_is_valid(schema: str, name: str) -> None:
    done = CliRunner().invoke(check_jsonschema, ["--builtin-schema", f"vendor.{schema}", str(FILES[name])])

    assert done.exit_code == 0, done.output


def test_a_workflow_has_no_known_trap() -> None:
    zizmor = [str(TOOLS / "zizmor"), "--offline", str(FILES["github"].parent)]

    done = subprocess.run(zizmor, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_folder_that_ci_names_is_a_setting_of_the_phase(tmp_path: Path) -> None:
    assert read_settings(tmp_path, environ=NAMED).phase.evidence_folder == VARIABLES["EVIDENCE"]


def test_every_action_is_pinned_by_its_full_hash_with_its_version() -> None:
    lines = [line for line in FILES["github"].read_text(encoding="utf-8").splitlines() if "uses:" in line]

    assert lines
    for line in lines:
        assert re.search(r"uses: actions/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_the_script_of_ci_runs_the_two_commands_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").split("\n")[-3:] == ["make test", "make report", ""]


def test_every_program_that_tests_start_is_installed_by_its_name() -> None:
    assert VARIABLES["SYSTEM"].split() == ["prometheus", "victoria-metrics", "chromium", "redis-server"]


def test_clean_takes_every_old_result_that_ci_collects_and_no_foreign_folder(tmp_path: Path) -> None:
    outputs, public, foreign = tmp_path / "outputs", tmp_path / "public", tmp_path / "foreign"
    old = [outputs / "runs" / "1" / "page.html", outputs / "index.html", outputs / "gate.xml", public / "index.html"]
    kept = [outputs / "record" / "entry.json", foreign / "site.txt"]
    for path in (*old, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    for folder in (public, foreign):
        clean = ["make", "-f", str(ROOT / "Makefile"), "clean", f"OUT={outputs}", f"PUBLIC={folder}"]
        subprocess.run(clean, cwd=tmp_path, check=True, capture_output=True)

    assert [path for path in (*old, *kept) if path.exists()] == kept
