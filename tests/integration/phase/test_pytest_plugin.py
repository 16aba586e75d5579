"""What the plugin leaves in the JUnit file and in its facts, alone and under xdist."""

import pytest

from reliability.sources.junit import Outcome, read_junit
from tests.integration.phase.small_project import PHASE, UNIT, SmallProject

pytestmark = pytest.mark.integration
ENDS = """import pytest


@pytest.mark.requirement("RES-1", "RES-2")
@pytest.mark.parametrize("way", ["in", "out"])
def test_ways(way):
    pass


@pytest.mark.requirement("RES-2")
class TestShop:
    @pytest.mark.requirement("RES-3", "RES-2")
    @pytest.mark.xfail
    def test_known(self):
        assert False

    @pytest.mark.skip("needs PostgreSQL")
    def test_skipped(self):
        pass


@pytest.fixture
def end():
    yield
    raise OSError("down")


@pytest.mark.requirement("RES-4")
def test_teardown(end):
    pass


@pytest.mark.requirement("RES-5")
def test_subtests(subtests):
    for part in range(3):
        with subtests.test(part=part):
            assert part != 1


@pytest.mark.slow
def test_slow():
    pass
"""
CONFIGURATION = """[tool.coverage.run]
source = ["shop"]
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider -m 'not slow' --strict-markers"
markers = ["slow"]
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_tests_carry_their_requirements_and_are_counted(tmp_path, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    project = SmallProject(tmp_path)
    project.begin()
    project.commit({
        "tests/test_ends.py": ENDS,
        "pyproject.toml": CONFIGURATION,
        "phase.toml": PHASE + UNIT.replace('["tests"]', f'["tests", "{workers}"]'),
    })  # fmt: skip

    assert project.measure() == 1

    ends = {}
    for test in read_junit(project.evidence / "junit-unit.xml").tests:
        ends[(test.node_id or "").removeprefix("tests/test_ends.py::")] = (test.outcome, test.requirement_ids)
    assert ends == {
        "test_ways[in]": (Outcome.PASSED, ("RES-1", "RES-2")),
        "test_ways[out]": (Outcome.PASSED, ("RES-1", "RES-2")),
        "TestShop::test_known": (Outcome.XFAILED, ("RES-3", "RES-2")),
        "TestShop::test_skipped": (Outcome.SKIPPED, ("RES-2",)),
        "test_teardown": (Outcome.ERROR, ("RES-4",)),
        "test_subtests": (Outcome.FAILED, ("RES-5",)),
        "tests/test_steps.py::test_steps": (Outcome.PASSED, ()),
    }
    assert project.manifest["suites"][0]["counts"] == {
        "collected": 7, "deselected": 1, "passed": 3, "failed": 1, "error": 1, "skipped": 1, "skipped_outside": 1,
        "xfailed": 1, "reruns": 0,
    }  # fmt: skip
