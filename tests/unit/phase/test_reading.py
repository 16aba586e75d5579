"""The commands `phase coverage` and `phase evidence`: what they print, and the status of a file that is refused."""

import json

import pytest
from click.testing import CliRunner

from reliability.phase.commands import phase

SUMMARY = {"num_statements": 15, "covered_lines": 8, "num_branches": 6, "covered_branches": 2}
COVERAGE = json.dumps(
    {
        "meta": {"format": 3, "version": "7.17.5", "branch_coverage": True},
        "files": {"shop.py": {"summary": SUMMARY}},
        "totals": SUMMARY | {"percent_covered": 99.0, "percent_covered_display": "99"},
    }
)
JUNIT = """<testsuites><testsuite tests="9">
<testcase classname="tests.test_x" name="test_b[&lt;b&gt;]" time="0.5"><properties>
<property name="reliability.nodeid" value="tests/test_x.py::test_b[&lt;b&gt;]"/>
<property name="reliability.requirement" value="RES-CB-01"/></properties></testcase>
<testcase classname="tests.test_x" name="test_a"><failure message="no&#10;way \x85"/></testcase>
<testcase classname="tests.test_x" name="test_a"><error message="failed on teardown"/></testcase>
</testsuite></testsuites>"""


def invoke(*words):
    return CliRunner().invoke(phase, [*map(str, words)])


@pytest.fixture
def files(tmp_path):
    (tmp_path / "coverage.json").write_text(COVERAGE)
    (tmp_path / "junit.xml").write_text(JUNIT)
    (tmp_path / "torn.json").write_text(COVERAGE[:-9])
    return tmp_path


def test_one_file_is_an_object_with_its_exact_share_and_no_percentage_that_the_file_claims(files):
    answer = invoke("coverage", files / "coverage.json", "--json")

    assert (answer.exit_code, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == {
        "file": str(files / "coverage.json"),
        "format": "json",
        "tool": "coverage.py 7.17.5",
        "branch": True,
        "statements": 15,
        "covered": 8,
        "branches": 6,
        "covered_branches": 2,
        "percent": 100 * 10 / 21,
        "fraction": "10/21",
        "files_count": 1,
    }


def test_a_line_for_people_says_the_same(files):
    answer = invoke("coverage", files / "coverage.json")

    told = f"{100 * 10 / 21!r} % = 10/21 (8 of 15 statements, 2 of 6 branches; coverage.py 7.17.5)"
    assert answer.stdout == f"{files / 'coverage.json'}: {told}\n"


@pytest.mark.parametrize("command", ["coverage", "evidence"])
@pytest.mark.parametrize("name", ["torn.json", "none.json", "."])
def test_a_file_that_is_refused_is_status_4_with_its_reason_in_both_places(files, command, name):
    answer = invoke(command, files / name, "--json")

    found = json.loads(answer.stdout)
    assert answer.exit_code == 4
    assert set(found) == {"file", "refused"}
    assert found["file"] == str(files / name)
    assert answer.stderr == f"refused: {found['refused']}\n"


def test_of_several_files_each_has_its_own_result(files):
    answer = invoke("coverage", files / "torn.json", files / "coverage.json", "--json")

    torn, whole = json.loads(answer.stdout)
    assert answer.exit_code == 4
    assert "refused" in torn
    assert whole["fraction"] == "10/21"


def test_the_outcome_of_each_test_stands_once(files):
    answer = invoke("evidence", files / "junit.xml", "--json")

    found = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert (found["passed_count"], found["broken_count"], found["total_count"]) == (1, 1, 2)
    assert [(test["test"], test["outcome"], test["reason"]) for test in found["tests"]] == [
        ("tests.test_x::test_a", "error", "failed on teardown"),
        ("tests/test_x.py::test_b[<b>]", "passed", ""),
    ]
    assert found["tests"][1]["requirement_ids"] == ["RES-CB-01"]
    assert found["tests"][1]["duration_seconds"] == 0.5


def test_nothing_in_a_name_acts_upon_the_terminal(files):
    name = files / "a\x1b[31m\n.json"
    name.write_text(COVERAGE)
    (files / "junit.xml").write_text(JUNIT.replace("failed on teardown", "\x85\u202e"))

    assert "a\\x1b[31m\\n.json" in invoke("coverage", name).stdout
    assert "\u202e" not in invoke("evidence", files / "junit.xml").stdout


def test_without_a_file_it_is_wrong_usage():
    assert invoke("coverage").exit_code == invoke("evidence").exit_code == 2
