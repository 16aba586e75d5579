"""Advice on suites: what is set apart, by which marker, and what is a defect that no marker may hide."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.phase.suite_advice import advise
from reliability.phase.suite_runs import ProbedTest
from reliability.sources.phase_document import Suite

SPACY = "ModuleNotFoundError: No module named 'spacy.tokens'"
REFUSED = "psycopg.OperationalError: connection to server at '127.0.0.1', port 5432 failed: Connection refused"


def ended(outcome="passed", reason="", seconds=0.01):
    return ProbedTest(outcome=outcome, reason=reason, seconds=seconds)


def advice(tests, files=None, *, own=()):
    return advise(tests, files or {}, slow_seconds=0.5, is_own_module=lambda name: name in own)


@pytest.mark.parametrize(
    ("test", "kind", "marker"),
    [
        (ended("failed", SPACY), "missing-module", "needs_spacy"),
        (ended("failed", REFUSED), "refused-connection", "needs_postgres"),
        (ended("failed", "ConnectionRefusedError: [Errno 111]"), "refused-connection", "needs_service"),
        (ended("failed", "No such file or directory: 'pg-ctl'"), "missing-program", "needs_pg_ctl"),
        (ended("skipped", "no prometheus on this machine"), "missing-program", "needs_prometheus"),
        (ended("skipped", "needs Redis"), "absent", "needs_redis"),
        (ended("failed", "Failed: Timeout (>5.0s) from pytest-timeout."), "timeout", "slow"),
        (ended(seconds=0.5), "long", "slow"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_test_is_classed_and_gets_the_marker_of_what_it_needs(test, kind, marker):
    found = advice({"tests/test_a.py::test_it": test})

    assert [(group.kind, group.marker) for group in found.groups] == [(kind, marker)]


@pytest.mark.parametrize(
    "test",
    [ended(seconds=0.499), ended("xfailed", "known"), ended("skipped", "not on Windows")],
    ids=["quick", "expected to fail", "skipped for another reason"],
)
def test_a_test_that_is_in_order_is_left_alone(test):
    found = advice({"tests/test_a.py::test_it": test})

    assert (found.groups, found.defects, found.expression, found.suites) == ((), (), "", "")


def test_a_service_is_named_by_the_place_of_the_test_when_its_message_does_not():
    found = advice({"tests/redis/test_a.py::test_it": ended("failed", "ConnectionRefusedError")})

    assert found.groups[0].marker == "needs_redis"


def test_what_fails_for_another_reason_is_a_defect_and_is_never_marked():
    found = advice({"tests/test_a.py::test_it": ended("failed", "AssertionError: assert 1 == 2")})

    assert (found.defects, found.groups) == (("tests/test_a.py::test_it",), ())


def test_a_missing_module_of_the_project_itself_is_a_defect():
    missing = {"tests/test_a.py": ended("failed", "ModuleNotFoundError: No module named 'shop'")}

    assert advice({}, missing, own=("shop",)).defects == ("tests/test_a.py",)
    assert advice({}, missing).files == ("tests/test_a.py",)


def test_a_line_is_added_to_the_file_to_the_function_or_to_the_parameters():
    tests = {
        "tests/test_file.py::test_a": ended("failed", SPACY),
        "tests/test_file.py::Test::test_b[x-1]": ended("failed", SPACY),
        "tests/test_function.py::test_a[1]": ended("failed", SPACY),
        "tests/test_function.py::test_a[2]": ended("failed", SPACY),
        "tests/test_function.py::test_b": ended(),
        "tests/test_parameter.py::test_a[en]": ended("failed", SPACY),
        "tests/test_parameter.py::test_a[es]": ended(),
    }

    found = advice(tests, {"tests/test_gone.py": ended("failed", SPACY)})

    assert dict(found.lines) == {
        "tests/test_file.py": "pytestmark = pytest.mark.needs_spacy",
        "tests/test_function.py::test_a": "@pytest.mark.needs_spacy",
        "tests/test_gone.py": "pytestmark = pytest.mark.needs_spacy",
        "tests/test_parameter.py::test_a[en]": "pytest.param(..., marks=pytest.mark.needs_spacy)",
    }


def test_the_suites_are_toml_that_a_phase_takes():
    found = advice(
        {"tests/test_a.py::test_db": ended("failed", REFUSED), "tests/test_a.py::test_long": ended(seconds=9)},
        {'tests/odd "name".py': ended("failed", SPACY)},
    )

    tables = tomllib.loads(found.suites)["suites"]

    suites = {name: Suite.model_validate(table) for name, table in tables.items()}
    assert list(suites["unit"].arguments) == [
        "-m",
        "not needs_postgres and not needs_spacy and not slow",
        '--ignore=tests/odd "name".py',
    ]
    assert (suites["unit"].unit, suites["heavy"].heavy, suites["heavy"].required) == (True, True, False)
    assert list(suites["heavy"].arguments) == ["-m", "needs_postgres or needs_spacy"]
    assert list(suites["slow"].arguments) == ["-m", "slow"]


def test_markers_are_registered_with_what_they_mean():
    found = advice({"tests/a.py::a": ended("failed", SPACY), "tests/a.py::b": ended(seconds=9)})

    assert found.markers == ["needs_spacy: needs spacy", "slow: takes long"]


ENDED = st.builds(
    ProbedTest,
    outcome=st.sampled_from(["passed", "failed", "skipped", "xfailed"]),
    reason=st.sampled_from(["", SPACY, REFUSED, "TimeoutError", "needs Redis", "boom", "No module named '...'"]),
    seconds=st.floats(0, 2),
)


@given(tests=st.dictionaries(st.from_regex(r"tests/[ab]\.py::test_[ab](\[[12]\])?", fullmatch=True), ENDED))
def test_every_failure_is_either_set_apart_or_a_defect_and_never_both(tests):
    found = advice(tests)

    failed = {name for name, test in tests.items() if test.outcome == "failed"}
    assert failed <= found.tests | set(found.defects)
    assert not found.tests & set(found.defects)
    assert all(marker.isidentifier() for marker in (group.marker for group in found.groups))
