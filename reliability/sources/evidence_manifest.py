"""The manifest of one measurement: what was run, on which sources, how it ended, and which files vouch for it.

`reliability phase measure` writes it last, whole. A file of evidence that it does not name with
its digest is not believed. Whether the evidence allows anything is judged elsewhere.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from reliability.sources.coverage_json import Count, CoverageCounts
from reliability.sources.phase_document import Id
from reliability.sources.validation import Strict

SCHEMA: Final = "reliability.evidence/1"
MANIFEST_NAME: Final = "manifest.json"
COVERAGE_NAME: Final = "coverage.json"  # of the required suites together

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
Text = Annotated[str, Field(max_length=2000)]
Share = Annotated[Decimal, Field(ge=0, le=100)]  # a percentage that JSON writes as text, so that it stays exact


class SuiteCounts(Strict):
    """How the tests of one suite ended, each test once, by its worst outcome.

    Attributes:
        collected: Tests that were to run; None when nobody counted (files of the user's own CI).
        deselected: Tests that a marker or `-k` left out; None likewise.
        passed: Passed.
        failed: Failed, strict xpass among them.
        error: Errored in set-up, teardown or collection.
        skipped: Skipped for whatever reason.
        skipped_outside: Of those, skipped because a service or a library was absent.
        xfailed: Failed as expected.
        reruns: How often a failed test was run again (flaky).
    """

    collected: Count | None = None
    deselected: Count | None = None
    passed: Count = 0
    failed: Count = 0
    error: Count = 0
    skipped: Count = 0
    skipped_outside: Count = 0
    xfailed: Count = 0
    reruns: Count = 0


class SuiteRun(Strict):
    """One suite of the phase: its run, or that it did not run.

    Attributes:
        name: Name in the phase's document.
        required: As in the phase's document.
        heavy: As in the phase's document.
        unit: As in the phase's document.
        arguments: Words behind `pytest`.
        exit_code: Of pytest; negative for a signal; None: it did not run, or its code is not known.
        began_at: Start of the run.
        ended_at: Its end.
        counts: How its tests ended; None without a whole JUnit file.
        coverage: Of this suite alone; None when it was not measured.
        outputs: File name in the folder of the manifest -> SHA-256 (`junit-<name>.xml`, `coverage-<name>.sqlite`).
        problem: Why there are no counts or no coverage; None when there are.
    """

    name: Id
    required: bool
    heavy: bool
    unit: bool
    arguments: Sequence[str]
    exit_code: int | None
    began_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    counts: SuiteCounts | None
    coverage: CoverageCounts | None
    outputs: Mapping[str, Digest]
    problem: Text | None = None


class Estimate(Strict):
    """Coverage derived from the contexts of one mixed run, which errs both ways.

    Attributes:
        coverage: The counts.
        is_estimate: False when it follows exactly (no test failed, so passing tests are all tests).
    """

    coverage: CoverageCounts
    is_estimate: bool


class Figures(Strict):
    """Coverages beside each other; None: not measured, never carried forward.

    Attributes:
        required: All required suites together: the figure that the floor holds.
        unit: The unit suite alone, from its own run.
        all: Every suite together; None when one of them (a heavy one, say) is absent.
        imports_only: Importing and collecting alone, without any test body.
        passing_only: Without the lines that only failed tests ran.
    """

    required: CoverageCounts | None
    unit: CoverageCounts | None
    all: CoverageCounts | None
    imports_only: CoverageCounts | None = None
    passing_only: Estimate | None = None


class Definition(Strict):
    """What is counted, and by what; figures of different definitions do not stand on one line.

    Attributes:
        branch: Branches count too.
        roots: Measured folders, as configured.
        omit: Patterns left out of the measurement, and of the report.
        include: Patterns that alone are reported; none: everything under the roots.
        exclude: Regular expressions of lines left out.
        coverage_version: Full version; patch releases move figures too.
        digest: SHA-256 of all this.
    """

    branch: bool
    roots: Sequence[Text]
    omit: Sequence[Text]
    include: Sequence[Text] = ()
    exclude: Sequence[Text]
    coverage_version: Text
    digest: Digest


class SourceTree(Strict):
    """The measured sources.

    Attributes:
        files: Path from the project's folder -> SHA-256 at the run.
        digest: SHA-256 of all this.
        test_like: Paths under the roots that look like tests or mocks and are not allowed to.
        unmeasured: Python files under the roots that the data does not hold and that are not allowed to be absent.
        vanished: Files of a suite's data that the combined data does not hold.
    """

    files: Mapping[str, Digest]
    digest: Digest
    test_like: Sequence[str] = ()
    unmeasured: Sequence[str] = ()
    vanished: Sequence[str] = ()


class ThresholdPlace(Strict):
    """A threshold in a configuration file.

    Attributes:
        percent: Its value.
        file: Path from the project's folder.
        key: For example `tool.coverage.report.fail_under` or `addopts --cov-fail-under`.
        line: Line number, from 1; None when it cannot be told.
    """

    percent: Share
    file: Text
    key: Text
    line: int | None = None


class Thresholds(Strict):
    """The threshold in force.

    Attributes:
        effective: The one that wins; None: coverage is not held by any.
        shadowed: Thresholds that something else hides or beats.
        warnings: What makes the one in force weaker than it looks, as sentences (precision 0, an empty
            pytest.ini, `--no-cov`).
    """

    effective: ThresholdPlace | None
    shadowed: Sequence[ThresholdPlace] = ()
    warnings: Sequence[Text] = ()


class RiskFinding(Strict):
    """A place that shows a risk."""

    path: Text
    line: int | None = None
    text: Text = ""


class RiskState(Strict):
    """What the check of a risk found.

    Attributes:
        check: Name of the check.
        state: PASS, FAIL or UNKNOWN (nothing to look at).
        findings: Places, the first 50.
        findings_count: How many there are.
    """

    check: Text
    state: Literal["PASS", "FAIL", "UNKNOWN"]
    findings: Sequence[RiskFinding] = ()
    findings_count: Count = 0


class EvidenceManifest(Strict):
    """One measurement.

    Attributes:
        origin: `runner`: our program ran the suites; `taken`: files of the user's own CI.
        run_id: Names the run.
        phase_id: Phase that it was made for.
        commit: Full hash of HEAD at the start.
        commit_time: Its committer time.
        is_dirty: Tracked or untracked files differed from HEAD (record and phase document aside).
        began_at: Start.
        ended_at: End.
        versions: `python`, `coverage`, `pytest` -> version.
        definition: What is counted.
        sources: What was measured.
        suites: All suites of the phase, also those that did not run.
        figures: Coverages.
        thresholds: Threshold in force.
        risks: States of the phase's risk checks.
        outputs: Files of the whole (`coverage.json`) -> SHA-256.
    """

    schema_: Literal["reliability.evidence/1"] = Field(SCHEMA, alias="schema")
    origin: Literal["runner", "taken"]
    run_id: Text
    phase_id: Id
    commit: Commit | None
    commit_time: AwareDatetime | None
    is_dirty: bool | None
    began_at: AwareDatetime
    ended_at: AwareDatetime
    versions: Mapping[str, Text]
    definition: Definition
    sources: SourceTree
    suites: Sequence[SuiteRun]
    figures: Figures
    thresholds: Thresholds
    risks: Sequence[RiskState] = ()
    outputs: Mapping[str, Digest]
