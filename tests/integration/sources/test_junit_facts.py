"""What pytest really writes for tests that end in unusual ways, in one process and under xdist."""

import os
import subprocess
import sys

import pytest

from reliability.sources.junit import Outcome, count_outcomes, read_junit

pytestmark = pytest.mark.integration

TESTS = """
import pytest

@pytest.fixture
def falls_down():
    yield
    raise RuntimeError("the server did not stop")

@pytest.mark.requirement("RES-1")
def test_fails_twice(falls_down):
    assert 1 == 2

@pytest.mark.requirement("RES-2", "RES-1")
def test_falls_down_after_passing(falls_down):
    pass

@pytest.mark.requirement("RES-3")
@pytest.mark.parametrize("text", ["a|b", "<b>&", "[::]", "\\x00"])
def test_takes(text):
    pass

def test_of_parts(subtests):
    for n in range(3):
        with subtests.test(n=n):
            assert n == 1

@pytest.mark.xfail(reason="known")
def test_known():
    raise AssertionError

@pytest.mark.xfail(reason="known")
def test_unknown_success():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_strict_success():
    pass

@pytest.mark.skip(reason="needs Postgres")
def test_skipped():
    pass

@pytest.mark.requirement("RES-4")
class TestGroup:
    def test_inside(self):
        pass
"""
FILES = {
    "tests/test_ends.py": TESTS,
    "tests/test_library.py": "import pytest\npytest.importorskip('no_such_library')\n",
    "tests/test_absent.py": "import no_such_library\n",
}
P, X, S, F, E = Outcome.PASSED, Outcome.XFAILED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERROR
ENDS = {
    "test_fails_twice": (E, ("RES-1",), "RuntimeError: the server did not stop"),
    "test_falls_down_after_passing": (E, ("RES-2", "RES-1"), "RuntimeError: the server did not stop"),
    "test_takes[a|b]": (P, ("RES-3",), ""),
    "test_takes[<b>&]": (P, ("RES-3",), ""),
    "test_takes[[::]]": (P, ("RES-3",), ""),
    "test_takes[\\x00]": (P, ("RES-3",), ""),
    "test_of_parts": (F, (), "assert 0 == 1"),
    "test_known": (X, (), "known"),
    "test_unknown_success": (P, (), ""),
    "test_strict_success": (F, (), "[XPASS(strict)] known"),
    "test_skipped": (S, (), "needs Postgres"),
    "test_inside": (P, ("RES-4",), ""),
    "tests.test_library": (
        S,
        (),
        "could not import 'no_such_library': No module named 'no_such_library'",
    ),
    "tests.test_absent": (E, (), "ModuleNotFoundError: No module named 'no_such_library'"),
}


@pytest.fixture(scope="module", params=[[], ["-p", "xdist.plugin", "-n1"]], ids=["one process", "xdist"])
def junit(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ends")
    (folder / "tests").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # only ours
    words = ["-m", "pytest", "-p", "reliability.phase.pytest_plugin", "--junitxml=junit.xml"]
    words += ["--continue-on-collection-errors"]
    ended = subprocess.run(
        [sys.executable, *words, *request.param], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 1, ended.stdout.decode()
    return read_junit(folder / "junit.xml")


def test_every_test_stands_once_by_its_worst_outcome_with_its_requirements_and_its_reason(junit):
    assert {test.name: (test.outcome, test.requirement_ids, test.reason) for test in junit.tests} == ENDS
    assert count_outcomes(junit.tests)["total_count"] == len(ENDS)


def test_every_test_that_ran_has_its_node_id(junit):
    node_ids = {test.name: test.node_id for test in junit.tests if test.classname}

    assert node_ids.pop("test_inside") == "tests/test_ends.py::TestGroup::test_inside"
    assert node_ids == {name: f"tests/test_ends.py::{name}" for name in node_ids}
