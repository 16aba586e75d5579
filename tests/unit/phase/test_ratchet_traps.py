"""Ways to be led into a wrong raise, from evidence to decision: not one of them raises."""

from decimal import Decimal

import pytest

from reliability.judge.ratchet import Action
from reliability.notebook.phase_facts import decide_ratchet
from reliability.sources.coverage_json import CoverageReport
from reliability.sources.evidence_manifest import Figures
from reliability.sources.record import PhaseRecord
from tests.unit.phase.measured import (
    SOURCES,
    absent,
    counts,
    folder,
    phase,
    suite,
    threshold_at,
    thresholds,
)  # fmt: skip
from tests.unit.phase.recorded import entry

HELD = PhaseRecord(
    entries=(entry("observation", 41, "1"), entry("observation", 41.5, "2")),
    unreadable={},
)  # two accepted runs, the one that is judged is the third


def decided(evidence, *, record=HELD, document=None, in_force=None):
    return decide_ratchet(document or phase(), folder=evidence, record=record, thresholds=in_force)


def record_of(*entries):
    return PhaseRecord(entries=entries, unreadable={})


def unit(**changed):
    return {"suites": (suite("unit", **changed), suite("servers"))}


def servers(**changed):
    return {"suites": (suite("unit"), suite("servers", **changed))}


def unmeasured(**changed):
    """Return a suite's run that left no figure for the required suites together."""
    return {**unit(**changed), "figures": Figures(required=None, unit=None, all=None)}


def module(percent):
    return CoverageReport.model_validate(
        {
            "meta": {"version": "7.17.5", "branch_coverage": True, "format": 3},
            "files": {"demo/breaker.py": {"summary": _summary(percent)}},
            "totals": _summary(percent),
        }
    )


def _summary(percent):
    return {"num_statements": 1000, "covered_lines": int(percent * 10), "num_branches": 0, "covered_branches": 0}


def test_three_green_fresh_runs_above_the_next_step_do_raise():
    decision = decided(folder(41))

    assert (decision.action, decision.from_percent, decision.to_percent) == (Action.RAISE, 35, 40)


TRAPS = {
    # 1. the run did not end well
    "a collection error leaves no figure": (unmeasured(exit_code=2, counts=None), "run-incomplete"),
    "a run killed by the kernel has no JUnit file": (unmeasured(exit_code=-9, counts=None), "run-incomplete"),
    "a run ended by SIGTERM through a shell": (unit(exit_code=143), "run-incomplete"),
    "a usage error of pytest": (unit(exit_code=4), "run-incomplete"),
    "nothing collected": (unit(exit_code=5, tests={"collected": 0, "passed": 0, "skipped": 0}), "run-incomplete"),
    "an internal error of pytest": (unit(exit_code=3), "run-incomplete"),
    "a JUnit file that is cut": (unit(counts=None), "run-incomplete"),
    "a worker of xdist crashed and its tests are missing": (unit(tests={"passed": 40}), "run-incomplete"),
    "an exit status that nobody wrote down": ({"origin": "taken", **unit(exit_code=None)}, "run-incomplete"),
    "status 1 although every test passed": ({"origin": "taken", **unit(exit_code=1)}, "run-incomplete"),
    # 2. tests were not green
    "one failed test": (unit(exit_code=1, tests={"passed": 47, "failed": 1}), "tests-failed"),
    "a test that failed and is hidden by '|| true'": (unit(tests={"passed": 47, "failed": 1}), "tests-failed"),
    "an error in a teardown": (unit(exit_code=1, tests={"passed": 47, "error": 1}), "tests-failed"),
    "a failure in the heavy suite alone": (servers(exit_code=1, tests={"passed": 47, "failed": 1}), "tests-failed"),
    # 3. tests did not run
    "a required suite that is absent": ({"suites": (suite("unit"), absent("servers"))}, "suite-not-run"),
    "a required suite that the manifest does not know": ({"suites": (suite("unit"),)}, "suite-not-run"),
    "every test skipped, status 0": (unit(tests={"passed": 0, "skipped": 49}), "suite-not-run"),
    "a test skipped because Postgres is absent": (servers(tests={"skipped_outside": 1}), "suite-not-run"),
    "a suite that was run with other arguments than the phase has now": (
        unit(arguments=("tests/unit", "-k", "easy")),
        "suite-not-run",
    ),
    "tests that -m silently left out": (unit(tests={"collected": 45, "passed": 43, "deselected": 5}), "fewer-tests"),
    "tests that were deleted": (servers(tests={"collected": 49, "passed": 47}), "fewer-tests"),
    # 4. the figure is not what it says
    "a hundred percent of nothing": (
        {"figures": Figures(required=counts(0).model_copy(update={"statements": 0}), unit=None, all=None)},
        "no-data",
    ),
    "no coverage file although all is green": ({"figures": Figures(required=None, unit=None, all=None)}, "no-data"),
    "a source that 'coverage json -i' left out": ({"sources": {"unmeasured": ("demo/lost.py",)}}, "file-set"),
    "a file that vanished when files were combined": ({"sources": {"vanished": ("demo/t.py",)}}, "file-set"),
    "tests among the measured sources": ({"sources": {"test_like": ("demo/test_a.py",)}}, "test-files-in-source"),
    # 5. the evidence is of something else
    "a tree with local changes": ({"is_dirty": True}, "dirty-tree"),
    "a folder without git": ({"is_dirty": None, "commit": None, "commit_time": None}, "dirty-tree"),
    "branches counted from now on": ({"definition": {"digest": "b" * 64}}, "definition-changed"),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_no_raise_on(trap):
    changed, code = TRAPS[trap]

    decision = decided(folder(41, **changed))

    assert code in decision.codes
    assert decision.action is not Action.RAISE
    assert decision.to_percent is None


@pytest.mark.parametrize(
    ("code", "action"),
    [("stale-evidence", Action.HOLD), ("stale-source", Action.REFUSE), ("dirty-tree", Action.REFUSE)],
)
def test_no_raise_on_evidence_that_the_manifest_does_not_vouch_for(code, action):
    decision = decided(folder(41, distrust={code: ["coverage.json"]}))

    assert (decision.codes, decision.action) == ((code,), action)
    assert decision.reasons[0].values == {"paths": ["coverage.json"], "paths_count": 1}


@pytest.mark.parametrize("percent", ["34.6", "34.999"])
def test_no_raise_to_35_on(percent):
    record = record_of(entry("observation", 36, "1"), entry("observation", 36, "2"))

    decision = decided(folder(percent), record=record, in_force=thresholds(34))

    assert decision.codes == ("below-goal",)


def test_no_raise_on_coverage_that_wobbles():
    record = record_of(entry("observation", 36, "1"), entry("observation", "35.9", "2"))

    assert decided(folder(36.1), record=record).codes == ("unstable",)


def test_no_raise_on_the_very_first_run():
    assert decided(folder(41), record=record_of()).codes == ("unstable",)


def test_no_raise_because_one_run_was_recorded_and_judged_again():
    same = entry("observation", 41, SOURCES[0])

    assert decided(folder(41), record=record_of(entry("observation", 41, "1"), same)).codes == ("unstable",)


def test_no_raise_on_runs_before_a_baseline():
    record = record_of(*HELD.entries, entry("baseline", 41, "3"))

    assert decided(folder(41), record=record).codes == ("unstable",)


def test_no_raise_on_runs_of_another_definition():
    other = [entry("observation", 41, digit, definition="b" * 64) for digit in "12"]

    decision = decided(folder(41), record=record_of(*other))

    assert decision.codes == ("definition-changed", "unstable")
    assert decision.action is Action.BASELINE


def test_no_raise_on_a_run_that_a_correction_took_back():
    wrong = entry("observation", 41, "2")
    record = record_of(entry("observation", 41, "1"), wrong, entry("correction", None, "3", supersedes=wrong.key))

    assert decided(folder(41), record=record).codes == ("unstable",)


def test_fewer_tests_are_accepted_by_a_correction_with_a_reason():
    record = record_of(*HELD.entries, entry("correction", None, "3"))
    evidence = folder(41, **unit(tests={"collected": 40, "passed": 38}))

    assert decided(evidence).codes == ("fewer-tests",)
    assert decided(evidence, record=record).action is Action.RAISE


def test_taking_an_entry_back_accepts_no_fewer_tests():
    wrong = entry("observation", 20, "3")
    record = record_of(*HELD.entries, wrong, entry("correction", None, "4", supersedes=wrong.key))

    decision = decided(folder(41, **unit(tests={"collected": 40, "passed": 38})), record=record)

    assert decision.codes == ("fewer-tests",)


def test_a_definition_that_was_recorded_at_the_newest_commit_is_no_change():
    other = entry("observation", 41, "2", definition="b" * 64, source_digest="9" * 64)

    assert decided(folder(41), record=record_of(*HELD.entries, other)).action is Action.RAISE


def test_no_raise_on_a_module_that_lost_its_goal():
    document = phase(module_goals=[{"glob": "demo/breaker.py", "lines_percent": 100}])
    record = record_of(HELD.entries[0], entry("observation", 41.5, "2", met=("demo/breaker.py",)))

    kept = decided(folder(41, coverage=module(100)), record=record, document=document)
    lost = decided(folder(41, coverage=module(99.9)), record=record, document=document)

    assert (kept.action, lost.codes) == (Action.RAISE, ("module-goal",))


def test_no_raise_while_the_record_cannot_be_read():
    record = PhaseRecord(entries=HELD.entries, unreadable={"torn.json": "EOF"})

    assert decided(folder(41), record=record).codes == ("unreadable-record",)


@pytest.mark.parametrize(
    ("in_force", "codes"),
    [
        pytest.param(thresholds(None), ("no-threshold",), id="nothing holds coverage"),
        pytest.param(
            thresholds(None, shadowed=[threshold_at(35)]), ("no-threshold", "threshold-conflict"), id="an empty ini"
        ),
        pytest.param(thresholds(35, shadowed=[threshold_at(90, "tox.ini")]), ("threshold-conflict",), id="a hidden 90"),
        pytest.param(thresholds(40), ("at-goal",), id="the last goal is in force"),
    ],
)  # fmt: skip
def test_no_raise_of_a_threshold_that_is_not_the_one_people_think(in_force, codes):
    assert decided(folder(41), in_force=in_force).codes == codes


def test_a_lower_threshold_that_is_shadowed_does_not_matter():
    assert decided(folder(41), in_force=thresholds(35, shadowed=[threshold_at(20, "tox.ini")])).action is Action.RAISE


def test_no_raise_on_a_suite_that_became_required_after_the_run():
    evidence = folder(41, suites=(suite("unit"), suite("servers", required=False)))

    assert decided(evidence).codes == ("suite-not-run",)


def test_no_raise_without_a_manifest_whatever_files_lie_there():
    assert decided(None).codes == ("no-manifest",)


def test_a_suite_that_is_not_required_may_fail():
    texts = {"en": "a", "es": "a"}
    document = phase(suites={"unit": {"label": texts, "arguments": ["tests/unit"]},
                             "servers": {"label": texts, "required": False}})  # fmt: skip
    evidence = folder(41, suites=(suite("unit"), suite("servers", required=False, exit_code=1, tests={"failed": 3})))

    assert decided(evidence, document=document).action is Action.RAISE


def test_the_threshold_of_the_manifest_counts_where_no_other_is_given():
    assert decided(folder(41, thresholds=thresholds(39))).from_percent == Decimal(39)
