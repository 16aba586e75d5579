"""Risk checks: each looks at real files or counts, and says UNKNOWN where there is nothing to look at."""

from datetime import UTC, datetime

import pytest

from reliability.phase.risks import check_risks
from reliability.sources.evidence_manifest import SourceTree, SuiteCounts, SuiteRun
from reliability.sources.phase_document import OwnPhase

DIGEST = "0" * 64
AT = datetime(2026, 11, 27, tzinfo=UTC)
TREE = SourceTree(files={"shop/app.py": DIGEST}, digest=DIGEST)
EMPTY = SourceTree(files={}, digest=DIGEST)
TEXT = {"en": "text", "es": "texto"}


def phase(*checks, tests=None, folders=("tests",)):
    return OwnPhase.model_validate(
        {
            "id": "shop",
            "kind": "own",
            "title": TEXT,
            "purpose": TEXT,
            "origin": TEXT,
            "goals_percent": [40],
            "floor_percent": 35,
            "source": {"test_folders": list(folders)},
            "risks": [{"risk": TEXT, "mitigation": TEXT, "check": check, "tests": tests} for check in checks],
        }
    )


def suite(name="unit", counts=None, *, required=True):
    return SuiteRun(
        name=name,
        required=required,
        heavy=False,
        unit=False,
        arguments=(),
        exit_code=0,
        began_at=AT,
        ended_at=AT,
        counts=counts,
        coverage=None,
        outputs={},
    )


def state(check, project, *, suites=(), tree=TREE, tests=None):
    (found,) = check_risks(phase(check, tests=tests), project=project, suites=suites, tree=tree)
    return found


@pytest.fixture
def write(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return write


def test_risks_without_a_check_have_no_state(tmp_path):
    states = check_risks(phase(None, "flaky-reruns", None), project=tmp_path, suites=(), tree=TREE)

    assert [found.check for found in states] == ["flaky-reruns"]


def test_tests_and_mocks_in_the_source_are_named(tmp_path):
    tree = SourceTree(files={"shop/app.py": DIGEST}, digest=DIGEST, test_like=["shop/test_app.py", "shop/mocks/db.py"])

    found = state("test-files-in-source", tmp_path, tree=tree)

    assert found.state == "FAIL"
    assert [finding.path for finding in found.findings] == ["shop/mocks/db.py", "shop/test_app.py"]


def test_a_source_of_nothing_is_unknown(tmp_path):
    assert state("test-files-in-source", tmp_path).state == "PASS"
    assert state("test-files-in-source", tmp_path, tree=EMPTY).state == "UNKNOWN"


def test_a_sleep_is_named_with_file_line_and_code(tmp_path, write):
    write("tests/unit/test_a.py", "import time\n\n\ndef test_a():\n    time.sleep(1)\n")
    write("tests/unit/test_b.py", "def test_b():\n    pass\n")

    found = state("sleeps-in-tests", tmp_path)

    assert (found.state, found.findings_count) == ("FAIL", 1)
    assert [(f.path, f.line, f.text) for f in found.findings] == [("tests/unit/test_a.py", 5, "time.sleep(1)")]


def test_globs_choose_the_tests_and_one_that_matches_nothing_leaves_nothing_to_look_at(tmp_path, write):
    write("tests/unit/test_a.py", "import time\ntime.sleep(1)\n")
    write("tests/unit/test_b.py", "")

    assert state("sleeps-in-tests", tmp_path, tests=["tests/**/test_b.py"]).state == "PASS"
    assert state("sleeps-in-tests", tmp_path, tests=["tests/test_gone.py"]).state == "UNKNOWN"


@pytest.mark.parametrize("check", ["sleeps-in-tests", "unspecific-exceptions"])
def test_no_tests_are_unknown_and_not_in_order(check, tmp_path):
    assert state(check, tmp_path).state == "UNKNOWN"


@pytest.mark.parametrize("torn", ["def test(:\n", "x = '\0'\n", "(" * 500], ids=["syntax", "null", "deep"])
def test_a_file_that_cannot_be_read_leaves_the_check_unknown_unless_others_show_the_risk(torn, tmp_path, write):
    write("tests/test_torn.py", torn)
    write("tests/test_b.py", "")
    assert state("sleeps-in-tests", tmp_path).state == "UNKNOWN"

    write("tests/test_b.py", "import time\ntime.sleep(1)\n")
    assert state("sleeps-in-tests", tmp_path).state == "FAIL"


def test_a_doubtful_escape_in_a_test_is_not_the_question(tmp_path, write):
    write("tests/test_a.py", "PATTERN = '\\d'\n")

    assert state("sleeps-in-tests", tmp_path).state == "PASS"


def test_unspecific_exceptions_are_sought_in_the_named_tests_only(tmp_path, write):
    write("tests/test_breaker.py", "def test_a():\n    raise Exception('down')\n")
    write("tests/test_other.py", "def test_a():\n    raise RuntimeError('down')\n")

    assert state("unspecific-exceptions", tmp_path, tests=["tests/test_breaker.py"]).state == "FAIL"
    assert state("unspecific-exceptions", tmp_path, tests=["tests/test_other.py"]).state == "PASS"


def test_a_folder_of_tests_outside_the_project_is_not_read(tmp_path, write):
    write("elsewhere/test_a.py", "import time\ntime.sleep(1)\n")
    write("project/tests/test_b.py", "")
    asked = phase("sleeps-in-tests", folders=("tests", "../elsewhere"))

    (found,) = check_risks(asked, project=tmp_path / "project", suites=(), tree=TREE)

    assert found.state == "PASS"


def test_a_test_that_was_run_again_is_flaky(tmp_path):
    suites = [suite(counts=SuiteCounts(collected=9, passed=9, reruns=2))]

    found = state("flaky-reruns", tmp_path, suites=suites)

    assert (found.state, found.findings[0].path, found.findings[0].text) == ("FAIL", "unit", "2")


@pytest.mark.parametrize(
    ("suites", "expected"),
    [
        ([], "UNKNOWN"),
        ([suite(counts=SuiteCounts(collected=9, passed=9))], "PASS"),
        ([suite(counts=SuiteCounts(passed=9))], "UNKNOWN"),
        ([suite(counts=SuiteCounts(collected=9, passed=9)), suite("servers")], "UNKNOWN"),
        ([suite(counts=SuiteCounts(collected=9, passed=9)), suite("models", required=False)], "PASS"),
    ],
    ids=["no suite", "counted", "not counted", "a required one did not run", "an optional one did not run"],
)
def test_reruns_are_known_only_when_every_required_suite_was_counted(suites, expected, tmp_path):
    assert state("flaky-reruns", tmp_path, suites=suites).state == expected


def test_many_findings_are_counted_and_the_first_fifty_shown(tmp_path, write):
    write("tests/test_a.py", "import time\n" + "time.sleep(1)\n" * 60)

    found = state("sleeps-in-tests", tmp_path)

    assert (len(found.findings), found.findings_count) == (50, 60)
