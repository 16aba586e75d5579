"""What the runs of a measurement come to: coverage of each suite and of all together, the sources, what is counted.

A figure is None where something that belongs to it did not run; nothing is carried forward.
What a figure is worth is judged elsewhere.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Final

from reliability.errors import ReliabilityError, UsageError
from reliability.judge.module_goals import matching
from reliability.phase.asking import Asked
from reliability.phase.figures import Rules, drop_contexts, join_data, measured_files, read_rules, report_data
from reliability.phase.running import FinishedRun
from reliability.sources.checkout import is_committed
from reliability.sources.coverage_json import CoverageCounts, CoverageReport, read_coverage
from reliability.sources.evidence_manifest import COVERAGE_NAME, Definition, Estimate, Figures, SourceTree, SuiteRun
from reliability.sources.source_tree import (
    digest_files,
    digest_of,
    looks_like_test,
    matching_patterns,
    source_files,
)

_PROBLEM_LETTERS: Final = 2000


class Sums:
    """What the runs of one measurement come to, each computed once; files go into the folder of the evidence."""

    def __init__(self, asked: Asked, runs: Mapping[str, FinishedRun]) -> None:
        """Compute the coverage of each suite.

        Args:
            asked: The phase and its places.
            runs: By name of the suite.

        Raises:
            RunError: The configuration of coverage.py is wrong.
            UsageError: It is none of the project's commit.
        """
        self._asked, self._runs = asked, runs
        self._folder = asked.evidence_folder
        told = [run.facts for run in runs.values() if run.facts]
        configs = [facts["config"] for facts in told if facts.get("config") not in (None, ".coveragerc")]
        self._config: str | None = configs[0] if configs else None
        _check_configuration(asked.project, self._config or os.environ.get("COVERAGE_RCFILE"))
        named = sorted({root for facts in told for root in facts.get("roots", ())})
        self._rules: Rules = read_rules(asked.project, named=named, config=self._config)
        self._problems: dict[str, str] = {}
        ended = {name: run.data for name, run in runs.items() if not run.is_cut}
        with ThreadPoolExecutor() as pool:  # each is a process of its own
            self._alone = dict(zip(ended, pool.map(self._report, ended, ended.values()), strict=True))
        self._required = [name for name, suite in asked.phase.suites.items() if suite.required]
        self._together: CoverageReport | None = None

    def suite(self, name: str) -> SuiteRun:
        """Describe one suite."""
        asked, run, alone = self._asked.phase.suites[name], self._runs.get(name), self._alone.get(name)
        problems = [run.problem, self._problems.get(name)] if run else []
        outputs = [] if run is None else [*([run.junit.name] if run.tests else []), *([run.data.name] if alone else [])]
        return SuiteRun(
            name=name,
            required=asked.required,
            heavy=asked.heavy,
            unit=asked.unit,
            arguments=tuple(asked.arguments),
            exit_code=run.exit_code if run else None,
            began_at=run.began_at if run else None,
            ended_at=run.ended_at if run else None,
            counts=run.counts if run else None,
            coverage=counts_of(alone),
            outputs=digests_of(self._folder, outputs),
            problem="; ".join(filter(None, problems))[:_PROBLEM_LETTERS] or None,
        )

    def figures(self, imports: Sequence[Path]) -> Figures:
        """Compute the coverages; None where a suite that belongs to one did not run."""
        suites = self._asked.phase.suites
        collected = {str(index): path for index, path in enumerate(imports)}
        with ThreadPoolExecutor() as pool:
            alone = pool.submit(self._join, collected, ".joined-imports.json") if imports else None
            self._together = self._joined(self._required, COVERAGE_NAME)
        required = counts_of(self._together)
        whole = required if len(self._required) == len(suites) else counts_of(self._joined(list(suites)))
        unit = next((counts_of(self._alone.get(name)) for name, suite in suites.items() if suite.unit), None)
        return Figures(
            required=required,
            unit=unit,
            all=whole,
            imports_only=counts_of(alone.result()) if alone else None,
            passing_only=self._passing(required),
        )

    def tree(self) -> SourceTree:
        """List the sources, and what does not fit among them."""
        project, rules, source = self._asked.project, self._rules, self._asked.phase.source
        files = source_files(project, rules.roots, omit=rules.omit, include=rules.include)
        held = {path for name in self._alone if self._alone[name] for path in self._held(name)}
        digests = digest_files(project, files)
        tests = [path for path in files if looks_like_test(path)]
        absent = [path for path in files if path not in held] if held else []
        reported = set(self._together.files) if self._together else held
        gone = held - {Path(path).as_posix() for path in reported}
        gone -= matching_patterns(gone, rules.omit, project=project)
        if rules.include:
            gone = gone & matching_patterns(gone, rules.include, project=project)
        return SourceTree(
            files=digests,
            digest=digest_of(digests),
            test_like=_but(tests, source.allow_test_files),
            unmeasured=_but(absent, source.allow_unmeasured),
            vanished=tuple(sorted(gone)),
        )

    def definition(self) -> Definition:
        """Say what is counted."""
        rules, reports = self._rules, [report for report in self._alone.values() if report]
        kind = {
            "branch": reports[0].meta.branch_coverage if reports else rules.branch,
            "roots": rules.roots,
            "omit": rules.omit,
            "include": rules.include,
            "exclude": rules.exclude,
            "coverage_version": reports[0].meta.version if reports else version("coverage"),
        }
        text = json.dumps([kind, dict(rules.others)], sort_keys=True, default=str)
        return Definition.model_validate({**kind, "digest": hashlib.sha256(text.encode()).hexdigest()})

    def _report(self, name: str, data: Path) -> CoverageReport | None:
        """Compute the coverage of one suite, or note why there is none."""
        if not data.exists():
            self._problems[name] = "no coverage was written: the run was killed, or measured nothing"
            return None
        return self._tried(name, lambda: self._computed(data, f".joined-{name}.json"))

    def _computed(self, data: Path, target: str) -> CoverageReport:
        if data.suffix == ".json":  # of the user's own CI
            return read_coverage(data)
        return report_data(data, self._folder / target, project=self._asked.project, config=self._config)

    def _tried(self, what: str, compute: Callable[[], CoverageReport]) -> CoverageReport | None:
        try:
            return compute()
        except ReliabilityError as err:
            self._problems[what] = str(err).replace(f"{self._folder}/", "")
            return None

    def _joined(self, names: Sequence[str], target: str = ".joined-all.json") -> CoverageReport | None:
        """Join suites; None unless every one of them measured something and ran a test."""
        if not names or not all(self._alone.get(name) and _ran(self._runs[name]) for name in names):
            return None
        return self._join({name: self._runs[name].data for name in names}, target)

    def _join(self, parts: Mapping[str, Path], target: str) -> CoverageReport | None:
        paths = list(parts.values())
        if len(paths) == 1 and (told := self._tried(target, lambda: self._computed(paths[0], target))):
            if paths[0].suffix == ".json":
                (self._folder / target).write_bytes(paths[0].read_bytes())
            return told
        if not all(path.exists() and path.suffix == ".sqlite" for path in paths):  # totals alone do not add up
            return None
        joined = self._folder / f".joined-{target}.sqlite"
        joined.unlink(missing_ok=True)

        def compute() -> CoverageReport:
            join_data(parts, joined)
            return self._computed(joined, target)

        return self._tried(target, compute)

    def _passing(self, required: CoverageCounts | None) -> Estimate | None:
        """Leave out what only failed tests ran: nothing when none failed, else by contexts, if there are any."""
        runs = {name: self._runs[name] for name in self._required if name in self._runs}
        broken = [test for run in runs.values() if run.tests for test in run.tests.broken]
        if required is None:
            return None
        if not broken:
            return Estimate(coverage=required, is_estimate=False)
        parts = {name: self._folder / f".joined-{name}.sqlite" for name in runs}
        could = [drop_contexts(run.data, parts[name], failed=run.failed_ids) for name, run in runs.items()]
        if not all(could) or any(test.node_id is None for test in broken):
            return None
        without = counts_of(self._join(parts, ".joined-passing.json"))
        return None if without is None else Estimate(coverage=without, is_estimate=True)

    def _held(self, name: str) -> frozenset[str]:
        """List the files that the coverage of a suite holds."""
        data, alone = self._runs[name].data, self._alone[name]
        if data.suffix == ".json":
            return frozenset(alone.files) if alone else frozenset()
        return measured_files(data, project=self._asked.project)


def _check_configuration(project: Path, named: str | None) -> None:
    """Refuse a configuration of coverage.py that no commit of the project holds: others would count differently."""
    if named is not None and not is_committed(project, project / named):
        raise UsageError(
            f"coverage.py is told to read {named} (COVERAGE_RCFILE or --cov-config), which is no file of the project's "
            f"commit. Commit it, or unset that and measure again."
        )


def counts_of(report: CoverageReport | None) -> CoverageCounts | None:
    """Return the totals as plain counts."""
    if report is None:
        return None
    return CoverageCounts(**{name: getattr(report.totals, name) for name in CoverageCounts.model_fields})


def digests_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the digests of the files that are there."""
    return digest_files(folder, names)


def _ran(run: FinishedRun) -> bool:
    """Tell whether any test of a suite ran: skipped ones did not."""
    counts = run.counts
    return counts is not None and counts.passed + counts.failed + counts.error + counts.xfailed > 0


def _but(paths: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    gone = {path for glob in allowed for path in matching(glob, paths)}
    return tuple(sorted(set(paths) - gone))
