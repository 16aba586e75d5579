"""JUnit XML: one result per test, the worst outcome counts."""

from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.junit import Outcome, TestEvidence, TestResult, count_outcomes, group_tests, read_junit
from tests.evidence_file import read_bytes

CHILD = {
    Outcome.PASSED: "",
    Outcome.XFAILED: '<skipped type="pytest.xfail" message="known"/>',
    Outcome.SKIPPED: '<skipped type="pytest.skip" message="no server"/>',
    Outcome.FAILED: '<failure message="no">trace</failure>',
    Outcome.ERROR: '<error message="no">trace</error>',
}


def decode_junit(body: bytes, *, where: str) -> TestEvidence:
    return read_bytes(read_junit, body, where)


def case(classname: str, name: str, outcome: Outcome = Outcome.PASSED) -> str:
    return f"<testcase classname={quoteattr(classname)} name={quoteattr(name)} time='0.1'>{CHILD[outcome]}</testcase>"


def suite(*cases: str, attributes: str = 'tests="999" failures="0" errors="0"') -> bytes:
    whole = f"<testsuites><testsuite name='pytest' {attributes}>{''.join(cases)}</testsuite></testsuites>"
    return f'<?xml version="1.0" encoding="utf-8"?>{whole}'.encode()


outcomes = st.sampled_from(list(Outcome))


@given(seen=st.lists(st.tuples(st.sampled_from("abc"), outcomes), min_size=1))
def test_of_several_outcomes_of_one_test_the_worst_counts(seen: list[tuple[str, Outcome]]) -> None:
    evidence = decode_junit(suite(*(case("tests.test_x", name, o) for name, o in seen)), where="x")

    assert {t.name: t.outcome for t in evidence.tests} == {
        name: max(o for n, o in seen if n == name) for name, _ in seen
    }
    assert count_outcomes(evidence.tests)["total_count"] == len({name for name, _ in seen})


@given(seen=st.lists(outcomes, min_size=1), data=st.data())
def test_a_file_cut_anywhere_is_refused(seen: list[Outcome], data: st.DataObject) -> None:
    whole = suite(*(case("tests.test_x", f"test_{i}", o) for i, o in enumerate(seen)))

    with pytest.raises(BrokenEvidenceError):
        decode_junit(whole[: data.draw(st.integers(0, len(whole) - 1))], where="x")


def test_a_failure_and_an_error_in_teardown_are_one_broken_test() -> None:
    twice = suite(case("tests.test_x", "test_a", Outcome.FAILED), case("tests.test_x", "test_a", Outcome.ERROR))

    evidence = decode_junit(twice, where="x")

    assert [test.outcome for test in evidence.broken] == [Outcome.ERROR]


def test_the_attributes_of_the_suite_are_not_believed() -> None:
    evidence = decode_junit(suite(case("tests.test_x", "test_a", Outcome.FAILED)), where="x")

    assert count_outcomes(evidence.tests) == {
        "passed_count": 0, "xfailed_count": 0, "skipped_count": 0, "broken_count": 1, "total_count": 1,
    }  # fmt: skip


@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"]), min_size=1))
def test_any_name_of_a_test_is_kept(name: str) -> None:
    evidence = decode_junit(suite(case("tests.test_x", name)), where="x")

    assert evidence.tests[0].name == name


def test_markup_and_quotes_in_a_name_stay_text() -> None:
    name = "test_label[<script>alert(\"1\")</script>-'quoted']"

    assert decode_junit(suite(case("tests.test_x", name)), where="x").tests[0].name == name


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"not xml",
        b"<html><body>502</body></html>",
        b"<testsuites/>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><testsuites>&a;</testsuites>',
        b'<?xml version="1.0" encoding="no-such"?><testsuites/>',
        b"\xff\xfe\x00",
    ],
    ids=["empty", "text", "HTML", "no test", "entities", "unknown encoding", "not XML"],
)
def test_a_foreign_file_is_refused_with_its_name(foreign: bytes) -> None:
    with pytest.raises(BrokenEvidenceError, match=r"/junit\.xml"):
        decode_junit(foreign, where="junit.xml")


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="make test"):
        read_junit(tmp_path / "none.xml")


def test_the_earliest_start_with_a_time_zone_is_kept() -> None:
    later, naive = 'timestamp="2026-11-26T20:00:00+02:00"', 'timestamp="2026-11-26T01:00:00"'

    assert decode_junit(suite(case("a", "b"), attributes=later), where="x").began_at == datetime(
        2026, 11, 26, 18, tzinfo=UTC
    )
    assert decode_junit(suite(case("a", "b"), attributes=naive), where="x").began_at is None


@pytest.mark.parametrize(
    ("classname", "module"),
    [
        ("tests.unit.test_shop", "tests.unit.test_shop"),
        ("tests.unit.test_shop.TestPrice", "tests.unit.test_shop"),
        ("tests.shop_test.Price", "tests.shop_test"),
        ("", ""),
        ("spec.shop", "spec.shop"),
    ],
)
def test_the_module_of_a_test_is_found(classname: str, module: str) -> None:
    assert TestResult(classname=classname, name="test_a", outcome=Outcome.PASSED).module == module


def test_tests_are_grouped_by_component_and_the_rest_by_module() -> None:
    evidence = decode_junit(
        suite(
            case("tests.unit.test_lock_service.TestRange", "test_a"),
            case("tests.unit.test_lock_service", "test_b", Outcome.FAILED),
            case("tests.unit.test_other", "test_c", Outcome.SKIPPED),
        ),
        where="x",
    )

    groups = group_tests(
        evidence.tests, components={"breaker": ["*.test_circuit_breaker"], "locks": ["*.test_lock_service"]}
    )

    assert [(name, len(tests)) for name, tests in groups.items()] == [
        ("breaker", 0), ("locks", 2), ("tests.unit.test_other", 1),
    ]  # fmt: skip
    assert count_outcomes(groups["locks"])["broken_count"] == 1


def told(*elements: str, properties: str = "", time: str = "0.1") -> TestResult:
    """The only test of a file that has these elements, each in a testcase of its own."""
    cases = "".join(
        f'<testcase classname="tests.test_x" name="test_a" time="{time}">{properties}{element}</testcase>'
        for element in elements
    )
    (test,) = decode_junit(suite(cases), where="x").tests
    return test


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("", ""),
        ('<skipped type="pytest.skip" message="no server">x.py:3: no server</skipped>', "no server"),
        ('<skipped type="pytest.xfail" message="known"/>', "known"),
        ('<failure message="assert 1 == 2&#10;  where 1 = a()">E   no</failure>', "assert 1 == 2 where 1 = a()"),
        ('<failure/>', ""),
        (
            '<error message="collection failure">x.py:1: in a\nE   ImportError: b\nE   ModuleNotFoundError: c</error>',
            "ModuleNotFoundError: c",
        ),
        ('<error message="failed on setup">killed</error>', "failed on setup"),
        (
            '<skipped message="collection skipped">(\'/me/x.py\', 2, "Skipped: could not import \'spacy\'")</skipped>',
            "could not import 'spacy'",
        ),
        (
            "<skipped message='collection skipped'>('/home/me/x.py', 2, 'Skipped: no (\"big\") model')</skipped>",
            'no ("big") model',
        ),
    ],
    ids=[
        "passed", "skipped", "xfailed", "failed", "nothing told", "not collected", "crashed", "library absent",
        "whole module skipped",
    ],
)  # fmt: skip
def test_the_reason_is_what_pytest_says_of_why(element: str, reason: str) -> None:
    assert told(element).reason == reason


def test_the_reason_is_that_of_the_worst_outcome() -> None:
    assert told('<failure message="first"/>', '<error message="then"/>', '<skipped message="late"/>').reason == "then"


def test_a_long_reason_is_cut() -> None:
    assert told(f"<failure message='{'x' * 9000}'/>").reason == "x" * 500


def test_node_id_and_requirements_are_those_of_the_plugin_each_once() -> None:
    named = (
        "<properties><property name='reliability.nodeid' value='tests/test_x.py::test_a'/>"
        "<property name='owner' value='RES-CB-09'/>"
        "<property name='reliability.requirement' value='RES-CB-02'/>"
        "<property name='reliability.requirement' value='RES-CB-01'/></properties>"
    )

    test = told("<failure/>", "<error/>", properties=named)

    assert (test.node_id, test.requirement_ids) == ("tests/test_x.py::test_a", ("RES-CB-02", "RES-CB-01"))


def test_without_the_plugin_a_test_has_neither_node_id_nor_requirement() -> None:
    test = told("")

    assert (test.node_id, test.requirement_ids) == (None, ())


def test_tests_of_one_dotted_name_and_several_files_stay_apart() -> None:
    both = (
        f"<testcase classname='tests.a.T' name='test_a'><properties>"
        f"<property name='reliability.nodeid' value='{node_id}'/></properties></testcase>"
        for node_id in ("tests/a.py::T::test_a", "tests/a/T.py::test_a")
    )

    assert count_outcomes(decode_junit(suite(*both), where="x").tests)["passed_count"] == 2


@pytest.mark.parametrize(
    ("time", "seconds"), [("0.25", 0.5), ("", 0), ("soon", 0), ("-1", 0), ("nan", 0), ("inf", 0), ("1e400", 0)]
)
def test_the_duration_is_the_sum_of_what_can_be_a_duration(time: str, seconds: float) -> None:
    assert told("<failure/>", "<error/>", time=time).duration_seconds == seconds
