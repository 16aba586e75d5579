"""Hosted CI cannot run here; its workflows are at least valid and free of known traps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command", [("check-jsonschema", "--builtin-schema", "vendor.github-workflows"), ("zizmor", "--offline")]
)
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid_and_safe(command, workflow):
    program, *options = command

    done = subprocess.run([str(TOOLS / program), *options, str(workflow)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_of_ci_runs_the_two_commands_of_the_readme():
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").split("\n")[-3:] == ["make test", "make report", ""]
