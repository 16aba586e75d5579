"""A project of one module in git, whose tests really run and cover as many of its 52 statements as they ask for."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reliability.cli import run

STEPS = range(1, 17)
MODULE = "FIRST = 1\nLAST = 16\n\n\ndef step(count):\n    done = 0\n" + "".join(
    f"    if count < {n}:\n        return done\n    done = {n}\n" for n in STEPS
)
TEXT = 'label = {en = "Suite", es = "Suite"}'
PHASE = """
id = "demo"
kind = "own"
title = {en = "Demo", es = "Demo"}
purpose = {en = "Demo", es = "Demo"}
origin = {en = "Demo", es = "Demo"}
floor_percent = 30
goals_percent = [40]
stable_runs = 1
"""
UNIT = f'[suites.unit]\n{TEXT}\nunit = true\narguments = ["tests"]\n'
SERVERS = f'[suites.servers]\n{TEXT}\nheavy = true\narguments = ["servers"]\n'
CONFIGURATION = """[tool.coverage.run]
source = ["shop"]
[tool.coverage.report]
fail_under = 35
precision = 2
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider -p no:hypothesispytest -p no:anyio"
"""
TEST = "from shop.steps import step\n\n\ndef test_steps():\n    assert step({count}) == {count}\n"
HALF = TEST.format(count=9)  # 24 statements: 46 %
FILES = {
    ".gitignore": "outputs/\n__pycache__/\n",
    "pyproject.toml": CONFIGURATION,
    "phase.toml": PHASE + UNIT,
    "shop/__init__.py": "",
    "shop/steps.py": MODULE,
    "tests/test_steps.py": HALF,
}


@dataclass(frozen=True)
class SmallProject:
    """Its folder, and what tests do to it."""

    folder: Path

    @property
    def evidence(self) -> Path:
        return self.folder / "outputs" / "evidence"

    @property
    def manifest(self) -> Any:
        return json.loads((self.evidence / "manifest.json").read_text())

    @property
    def threshold(self) -> str:
        return (self.folder / "pyproject.toml").read_text().split("fail_under = ")[1].split("\n")[0]

    def write(self, files: Mapping[str, str]) -> None:
        """Write files by their path."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, files: Mapping[str, str]) -> None:
        """Write files and commit everything."""
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")

    def git(self, *arguments: str) -> None:
        subprocess.run(
            ["git", *arguments],  # noqa: S607 -- any git
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    def measure(self, *options: str) -> int:
        return run(["phase", "measure", "--no-imports", *options])

    def begin(self) -> None:
        """Make the project in its empty folder."""
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@localhost")
        self.commit(FILES)
