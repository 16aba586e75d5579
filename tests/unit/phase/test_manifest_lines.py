from reliability.phase.manifest_lines import describe_manifest, unknown_requirements
from reliability.sources.evidence_manifest import Figures
from reliability.sources.junit import Outcome, TestEvidence, TestResult
from tests.unit.phase.measured import absent, counts, manifest, phase, suite


def test_a_measurement_is_told_suite_by_suite_and_rounded_down():
    measured = manifest(
        suites=(suite("unit", tests={"failed": 2, "passed": 46}, exit_code=1), absent("servers")),
        figures=Figures(required=counts("34.999"), unit=None, all=None, imports_only=counts(10)),
        sources={"test_like": ["demo/test_a.py"], "unmeasured": ["demo/b.py"], "vanished": ["demo/c.py"]},
        is_dirty=True,
    )

    assert describe_manifest(measured) == [
        "unit: exit 1; 46 passed, 2 failed, 1 skipped, 1 xfailed; 20.00 % covered",
        "servers: did not run",
        "required suites: 34.99 % covered",
        "all suites: not measured",
        "imports alone: 10.00 % covered",
        "looks like a test or a mock under the measured roots: demo/test_a.py",
        "not measured: demo/b.py",
        "vanished from the data: demo/c.py",
        "note: measured with local changes or outside of git; no raise and no entry follows from it",
    ]


def test_a_suite_without_tests_says_why():
    cut = suite("unit", exit_code=None, counts=None, coverage=None, problem="no JUnit file was given")
    cut_and_known = cut.model_copy(update={"exit_code": -9})

    lines = describe_manifest(manifest(suites=(cut, cut_and_known)))

    assert lines[:2] == ["unit: did not run", "unit: exit -9; no tests; not measured; no JUnit file was given"]


def test_a_requirement_that_the_phase_does_not_have_is_named_with_its_test():
    known = {"RES-1": {"text": {"en": "text", "es": "texto"}}}
    tests = [
        TestResult(
            classname="t", name="a", outcome=Outcome.PASSED, node_id="t.py::a", requirement_ids=("RES-1", "RES-2")
        ),
        TestResult(classname="t", name="b", outcome=Outcome.PASSED, requirement_ids=("RES-3",)),
    ]

    found = unknown_requirements(phase(requirements=known), {"unit": TestEvidence(tests=tuple(tests), began_at=None)})

    assert list(found) == ["unknown requirement RES-2 in t.py::a", "unknown requirement RES-3 in t.b"]
