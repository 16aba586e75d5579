import json
import os
from datetime import UTC, datetime, timedelta

import coverage
import pytest

from reliability.cli import run
from reliability.errors import BrokenEvidenceError, MissingEvidenceError, UsageError
from reliability.phase.asking import open_phase
from reliability.phase.measuring import status_of, take_phase
from reliability.sources.evidence_folder import read_evidence_folder
from tests.fakes import ManualClock
from tests.unit.phase.projects import begin

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
BEFORE = (NOW - timedelta(days=1)).isoformat()
JUNIT = """<testsuites><testsuite timestamp="{began_at}"><testcase classname="tests.test_a" name="test_a"/>
<testcase classname="tests.test_a" name="test_b"><skipped message="needs PostgreSQL"/></testcase>
</testsuite></testsuites>"""
LCOV = "TN:\nSF:demo/breaker.py\nDA:1,1\nDA:2,0\nDA:3,1\nLF:3\nLH:2\nend_of_record\n"
SOURCE = "x = 1\nif x > 1:\n    y = 2\nz = 3\n"


@pytest.fixture
def asked(tmp_path, monkeypatch):
    project = begin(tmp_path / "project")
    (project.folder / "pyproject.toml").write_text('[tool.coverage.run]\nsource = ["demo"]\n')
    (project.folder / ".gitignore").write_text("outputs/\nfound*\n")
    (project.folder / "demo/breaker.py").write_text(SOURCE)
    (project.folder / "found.info").write_text(LCOV)
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "measured folder")
    monkeypatch.chdir(project.folder)
    (project.folder / "found.xml").write_text(JUNIT.format(began_at=NOW.isoformat()))
    return open_phase(None)


def take(asked, found, *, junit="found.xml", exit_codes=None, suites=("unit", "servers")):
    return take_phase(
        asked,
        coverage=dict.fromkeys(suites, found),
        junit=dict.fromkeys(suites, junit),
        exit_codes=exit_codes or {},
        clock=ManualClock(NOW),
    )


def reported(asked):
    coverage = read_evidence_folder(asked.evidence_folder, project=None).coverage
    assert coverage
    return coverage.totals


def write_data(asked, name, *lines):
    data = coverage.CoverageData(basename=str(asked.project / name))
    data.add_lines({str(asked.project / "demo/breaker.py"): lines})
    data.write()


def test_data_of_several_suites_is_joined_line_by_line(asked):
    write_data(asked, "found.unit", 1, 2)
    write_data(asked, "found.servers", 1, 4)

    taken = take_phase(
        asked,
        coverage={"unit": "found.unit", "servers": "found.servers"},
        junit={"unit": "found.xml", "servers": "found.xml"},
        exit_codes={"unit": "0", "servers": "0"},
        clock=ManualClock(NOW),
    )

    covered = {name: counts.covered for name, counts in taken.figures if name in ("required", "unit", "all")}
    assert covered == {"required": 3, "unit": 2, "all": 3}
    assert reported(asked).statements == 4
    assert status_of(taken.suites) == 0


def test_totals_of_several_suites_cannot_be_joined(asked):
    taken = take(asked, "found.info")

    assert [run.coverage.covered for run in taken.suites] == [2, 2]
    assert (taken.figures.required, taken.figures.all) == (None, None)
    assert taken.outputs == {}


def test_one_required_suite_may_bring_any_format(asked):
    phase = (
        (asked.project / "phase.toml").read_text().replace('["tests/servers"]', '["tests/servers"]\nrequired = false')
    )
    (asked.project / "phase.toml").write_text(phase)

    taken = take(open_phase(None), "found.info", suites=["unit"], exit_codes={"unit": "0"})

    assert taken.figures.required.fraction == taken.figures.unit.fraction
    assert taken.figures.all is None
    assert reported(asked).covered == 2
    assert taken.suites[0].counts.skipped_outside == 1


def test_an_exit_code_that_nobody_tells_is_not_known(asked):
    taken = take(asked, "found.info", exit_codes={"unit": "0"})

    assert [run.exit_code for run in taken.suites] == [0, None]
    assert [run.counts.collected for run in taken.suites] == [None, None]


def test_a_run_that_did_not_end_has_no_coverage(asked):
    taken = take(asked, "found.info", exit_codes={"unit": "2", "servers": "0"})

    assert [run.coverage is None for run in taken.suites] == [True, False]
    assert taken.figures.required is None
    assert status_of(taken.suites) == 5


@pytest.mark.parametrize("old", ["found.info", "found.xml"])
def test_a_file_that_is_older_than_the_commit_is_refused_and_leaves_no_earlier_evidence_in_force(asked, old):
    take(asked, "found.info")
    os.utime(asked.project / old, (1, 1))

    with pytest.raises(BrokenEvidenceError, match=rf"{old} was made at 1970-01-01T00:00:01Z, before the commit"):
        take(asked, "found.info")

    assert not (asked.evidence_folder / "manifest.json").exists()


def test_tests_that_say_that_they_ran_before_the_commit_are_refused(asked):
    (asked.project / "found.xml").write_text(JUNIT.format(began_at=BEFORE))

    with pytest.raises(BrokenEvidenceError, match=r"junit-unit.xml was made at 2026-11-19"):
        take(asked, "found.info")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"coverage": {"unit": "nowhere"}}, MissingEvidenceError, "nowhere could not be read"),
        ({"coverage": {"other": "x"}}, UsageError, "has no suite 'other'; it has: unit, servers"),
        ({"exit_codes": {"unit": "none"}}, UsageError, "'none' is no number"),
    ],
)
def test_what_cannot_be_taken_is_named(asked, changed, error, message):
    with pytest.raises(error, match=message):
        take_phase(asked, **({"coverage": {}, "junit": {}, "exit_codes": {}} | changed))


def test_a_torn_junit_file_leaves_no_tests_and_is_not_vouched_for(asked):
    (asked.project / "found.xml").write_text("<testsuites><testsuite>")

    taken = take(asked, "found.info")

    assert [run.counts for run in taken.suites] == [None, None]
    assert "junit-unit.xml is no whole XML" in taken.suites[0].problem
    assert sorted(taken.suites[0].outputs) == ["coverage-unit.json"]
    assert sorted(path.name for path in asked.evidence_folder.iterdir()) == [
        "coverage-servers.json", "coverage-unit.json", "manifest.json",
    ]  # fmt: skip
    assert json.loads((asked.evidence_folder / "manifest.json").read_text())["origin"] == "taken"


def test_a_module_goal_that_matches_nothing_is_a_mistake_of_the_phase_and_the_evidence_stays(asked, capsys):
    with asked.phase_path.open("a") as file:
        file.write('[[module_goals]]\nglob = "demo/braker.py"\nlines_percent = 100\n')
    text = asked.phase_path.read_text()
    asked.phase_path.write_text(text.replace('["tests/servers"]', '["tests/servers"]\nrequired = false'))

    assert run(["phase", "measure", "--coverage", "unit", "found.info", "--junit", "unit", "found.xml"]) == 2

    assert "'demo/braker.py' matches no measured file" in capsys.readouterr().err
    assert (asked.evidence_folder / "manifest.json").exists()
