"""A small project in git with a phase, a threshold of 35 %, and evidence that its manifest vouches for."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reliability.cli import run
from reliability.sources.checkout import read_checkout, read_commit_time
from reliability.sources.evidence_manifest import Figures, SourceTree
from reliability.sources.record import PhaseRecord, read_record
from reliability.sources.source_tree import digest_file, digest_files, digest_of
from tests.unit.phase.measured import BEGAN, counts, manifest, suite

PHASE = """
id = "demo"
kind = "own"
language = "en"
floor_percent = 30
goals_percent = [35, 40]
title = { en = "Demo", es = "Demo" }
purpose = { en = "Demo", es = "Demo" }
origin = { en = "Demo", es = "Demo" }

[suites.unit]
label = { en = "Unit", es = "Unidad" }
arguments = ["tests/unit"]
unit = true
[suites.servers]
label = { en = "Servers", es = "Servidores" }
arguments = ["tests/servers"]

[requirements.RES-CB-01]
text = { en = "The breaker opens.", es = "El circuito se abre." }

[watched.runbook]
label = { en = "Runbook", es = "Runbook" }
file = "runbook.md"
"""
GREEN: Mapping[str, int] = {"passed": 48, "skipped": 1, "xfailed": 1}
THRESHOLD = "[tool.coverage.report]\nfail_under = 35  # first goal\nprecision = 2\n"


@dataclass(frozen=True)
class Project:
    """Its folder, and what tests do to it."""

    folder: Path
    commits: list[str] = field(default_factory=list)

    @property
    def record(self) -> PhaseRecord:
        return read_record(self.folder / "outputs/record/demo")

    @property
    def threshold_line(self) -> str:
        return (self.folder / "pyproject.toml").read_text().splitlines()[1]

    def git(self, *arguments: str) -> str:
        command, at = ["git", *arguments], f"{BEGAN:%Y-%m-%d} {len(self.commits):02}:00:00 +0000"
        environment = {**os.environ, "GIT_COMMITTER_DATE": at}  # an hour apart
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, text: str = "") -> None:
        """Change the source, so that its digest is another, and commit everything."""
        self.commits.append(text)
        (self.folder / "demo/breaker.py").write_text(f"# {text}\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", text or "begin")

    def measure(
        self, percent: float | str, *, unit: Mapping[str, int] = GREEN, exit_code: int = 0, **changed: Any
    ) -> None:
        """Write evidence of a green run of the present commit; `unit`: how its unit tests ended."""
        evidence = self.folder / "outputs/evidence"
        evidence.mkdir(parents=True, exist_ok=True)
        measured = counts(percent)
        (evidence / "coverage.json").write_text(_coverage(measured.statements, measured.covered))
        runs = []
        for name, ended, code in (("unit", unit, exit_code), ("servers", GREEN, 0)):
            path = evidence / f"junit-{name}.xml"
            path.write_text(_junit(ended))
            tests = {**dict.fromkeys(GREEN, 0), **ended, "collected": sum(ended.values())}
            runs.append(suite(name, exit_code=code, tests=tests, outputs={path.name: digest_file(path)}))
        files = digest_files(self.folder, ["demo/breaker.py"])
        usual = {
            "commit": read_checkout(self.folder).commit,
            "commit_time": read_commit_time(self.folder),
            "sources": SourceTree(files=files, digest=digest_of(files)).model_dump(),
            "suites": tuple(runs),
            "figures": Figures(required=measured, unit=counts(20), all=measured),
            "outputs": {"coverage.json": digest_file(evidence / "coverage.json")},
        }
        written = manifest(percent, **(usual | changed))
        (evidence / "manifest.json").write_text(written.model_dump_json(by_alias=True))

    def accepted(self, *percents: float | str) -> None:
        """Commit, measure and record one run after the other."""
        for number, percent in enumerate(percents):
            self.commit(f"run {number} {percent}")
            self.measure(percent)
            assert run(["phase", "record", "--observe"]) == 0


def begin(folder: Path) -> Project:
    """Make the project and its first commit."""
    project = Project(folder)
    (folder / "demo").mkdir(parents=True)
    files = {
        "phase.toml": PHASE,
        "pyproject.toml": THRESHOLD,
        "runbook.md": "# Roll back\n",
        ".gitignore": "outputs/evidence\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    project.git("init", "-q", "-b", "main", "--template=")
    project.git("config", "user.name", "A")
    project.git("config", "user.email", "a@example.org")
    project.commit()
    return project


def _coverage(statements: int, covered: int) -> str:
    summary = {"num_statements": statements, "covered_lines": covered, "num_branches": 0, "covered_branches": 0}
    meta = {"version": "7.17.5", "branch_coverage": True, "format": 3}
    return json.dumps({"meta": meta, "files": {"demo/breaker.py": {"summary": summary}}, "totals": summary})


def _junit(ended: Mapping[str, int]) -> str:
    inside = {
        "passed": "", "failed": "<failure message='x'/>", "skipped": "<skipped message='x'/>",
        "xfailed": "<skipped type='pytest.xfail' message='x'/>",
    }  # fmt: skip
    named = "<properties><property name='reliability.requirement' value='RES-CB-01'/></properties>"
    cases = "".join(
        f"<testcase classname='tests.test_breaker' name='test_{outcome}_{number}'>"
        f"{named if number == 0 and outcome in ('passed', 'failed') else ''}{inside[outcome]}</testcase>"
        for outcome, count in ended.items()
        for number in range(count)
    )
    return f"<testsuites><testsuite>{cases}</testsuite></testsuites>"
