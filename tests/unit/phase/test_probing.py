"""The plugin of `phase suites`: how every test ended and why, and which were left out."""

import json

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import unittest
import pytest


@pytest.fixture
def torn():
    yield
    raise ConnectionRefusedError("gone")


def test_passes():
    pass


def test_fails():
    raise ValueError("first")


def test_fails_and_errors_in_teardown(torn):
    raise ValueError("first")


def test_errors_in_teardown(torn):
    pass


def test_skips():
    pytest.skip("needs Redis")


@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail():
    assert False


@pytest.mark.parametrize("n", [1, 2])
def test_each(n):
    assert n == 1


class TestOld(unittest.TestCase):
    def test_in_parts(self):
        for n in (1, 2):
            with self.subTest(n=n):
                self.assertEqual(n, 1)
"""


@pytest.fixture
def probe(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*words, left_out=()):
        leave, facts = pytester.path / "leave.json", pytester.path / "facts.json"
        leave.write_text(json.dumps(list(left_out)))
        options = [f"--reliability-probe={facts}", f"--reliability-leave-out={leave}"]
        result = pytester.runpytest_inprocess("-p", "reliability.phase.probing", *options, *words)
        return json.loads(facts.read_text()), result

    return run


def outcomes(facts):
    return {name.partition("::")[2]: test["outcome"] for name, test in facts["tests"].items()}


def test_each_test_is_told_once_by_its_worst_outcome(pytester, probe):
    pytester.makepyfile(TESTS)

    facts, _ = probe()

    assert outcomes(facts) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_fails_and_errors_in_teardown": "failed",
        "test_errors_in_teardown": "failed",
        "test_skips": "skipped",
        "test_is_expected_to_fail": "xfailed",
        "test_each[1]": "passed",
        "test_each[2]": "failed",
        "TestOld::test_in_parts": "failed",
    }
    assert all(test["seconds"] > 0 for test in facts["tests"].values())


def test_the_reason_is_that_of_the_first_failure(pytester, probe):
    pytester.makepyfile(TESTS)

    facts, _ = probe()

    reasons = {name.partition("::")[2]: test["reason"] for name, test in facts["tests"].items()}
    assert reasons["test_fails_and_errors_in_teardown"] == "ValueError: first"
    assert reasons["test_errors_in_teardown"] == "ConnectionRefusedError: gone"
    assert reasons["test_skips"] == "Skipped: needs Redis"
    assert reasons["test_passes"] == ""


def test_files_that_cannot_be_collected_or_skip_themselves_are_told_with_their_reason(pytester, probe):
    pytester.makepyfile(
        test_broken="import no_such_module",
        test_skipped="import pytest\npytest.importorskip('no_such_module')",
        test_torn="def test(:",
    )

    facts, _ = probe()

    assert {name: file["outcome"] for name, file in facts["files"].items()} == {
        "test_broken.py": "failed",
        "test_skipped.py": "skipped",
        "test_torn.py": "failed",
    }
    assert facts["files"]["test_broken.py"]["reason"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert "could not import 'no_such_module'" in facts["files"]["test_skipped.py"]["reason"]


def test_a_run_that_stopped_early_says_why(pytester, probe):
    pytester.makepyfile(TESTS)

    facts, _ = probe("--maxfail=1")

    assert facts["stopped"] == "stopping after 1 failures"
    assert len(facts["tests"]) == 2


def test_exactly_the_named_tests_are_left_out(pytester, probe):
    pytester.makepyfile(test_a="def test_x():\n    pass\n\n\ndef test_x_and_more():\n    pass\n")

    facts, result = probe(left_out=["test_a.py::test_x", "test_a.py::test_of_another_time"])

    assert outcomes(facts) == {"test_x_and_more": "passed"}
    result.assert_outcomes(passed=1, deselected=1)


def test_a_long_reason_is_shortened(pytester, probe):
    pytester.makepyfile("def test_long():\n    raise ValueError('x' * 5000)\n")

    facts, _ = probe()

    (test,) = facts["tests"].values()
    assert len(test["reason"]) == 500
