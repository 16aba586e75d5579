"""The same total as `coverage report`, to the last digit: real packages, lines and branches, every format."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reliability.sources.coverage_data import read_coverage_data, write_contexts
from reliability.sources.coverage_file import read_any_coverage

pytestmark = pytest.mark.integration

EXERCISED = Path(__file__).parent / "exercised.py"
MEASURED = [
    ("click", "branch"),
    ("markdown_it", "lines"),
    ("defusedxml", "branch"),
    ("tinycss2", "lines"),
    ("tinycss2", "branch"),
]
FORMATS = {"coverage.json": "json", "coverage.lcov": "lcov", "coverage.xml": "cobertura", ".coverage": "sqlite"}
MAKE = """
import io, sys
import coverage

branch, package, script = sys.argv[1] == "branch", sys.argv[2], sys.argv[3]
made = coverage.Coverage(data_file=".coverage", config_file=False, branch=branch, source_pkgs=[package], messages=False)
made.start()
sys.argv = [script, package]
exec(compile(open(script).read(), script, "exec"), {"__name__": "exercised"})
made.stop()
made.save()
told = made.report(file=io.StringIO())
made.json_report(outfile="coverage.json")
made.lcov_report(outfile="coverage.lcov")
made.xml_report(outfile="coverage.xml")
print(repr(told))
"""


def run_python(words, folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    environment["COVERAGE_CORE"] = "ctrace"
    ended = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


@pytest.fixture(scope="module", params=MEASURED, ids="-".join)
def measured(request, tmp_path_factory):
    package, mode = request.param
    folder = tmp_path_factory.mktemp(f"{package}-{mode}")
    told = run_python(["-c", MAKE, mode, package, str(EXERCISED)], folder)
    return folder, float(told.splitlines()[-1]), mode == "branch"


def test_every_format_has_the_total_of_coverage_report(measured):
    folder, told, branch = measured

    found = {name: read_any_coverage(folder / name) for name in FORMATS}

    assert {name: file.format for name, file in found.items()} == FORMATS
    assert {float(100 * (file.counts.fraction or 0)) for file in found.values()} == {told}
    by_file = [sorted(tuple(dict(counts).values()) for counts in file.files.values()) for file in found.values()]
    assert all(counts == by_file[0] for counts in by_file)
    assert {file.branch for file in found.values()} == {branch}


@pytest.mark.parametrize("format_", [2, None])
def test_json_as_older_versions_wrote_it_has_the_same_total(measured, format_, tmp_path):
    folder, told, branch = measured
    document = json.loads((folder / "coverage.json").read_text())
    document["meta"] |= {"format": format_, "version": "7.5.4" if format_ else "6.5.0"}
    if format_ is None:
        del document["meta"]["format"]
    for file in document["files"].values():
        file.pop("functions", None)
        file.pop("classes", None)
        if format_ is None and not branch:
            file["summary"] = {k: v for k, v in file["summary"].items() if "branch" not in k}
    (tmp_path / "old.json").write_text(json.dumps(document))

    found = read_any_coverage(tmp_path / "old.json")

    assert float(100 * (found.counts.fraction or 0)) == told


@pytest.mark.parametrize("measured", [m for m in MEASURED if m[0] == "tinycss2"], indirect=True, ids="-".join)
def test_all_contexts_together_are_the_whole_and_no_context_is_nothing(measured, tmp_path):
    folder, told, _ = measured
    write_contexts(folder / ".coverage", tmp_path / "all", keep=lambda _: True)
    write_contexts(folder / ".coverage", tmp_path / "none", keep=lambda _: False)

    every, none = (read_coverage_data(tmp_path / name, sources=folder).totals for name in ("all", "none"))

    assert float(100 * (every.fraction or 0)) == told
    assert (none.statements, none.covered) == (every.statements, 0)
