"""The command `reliability phase measure`: run the suites with coverage, or take what one's own CI made; vouch for it.

Parses, runs, prints, sets the status. What the evidence allows is decided by the ratchet and on
the page; a failed test is a measurement too.
"""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import click

from reliability.atomic import folder_lock
from reliability.clock import Clock, SystemClock
from reliability.errors import UsageError, WriteError
from reliability.notebook.phase_facts import unmatched_globs
from reliability.phase.asking import Asked, evidence_option, open_phase, phase_option
from reliability.phase.manifest_lines import describe_manifest, unknown_requirements
from reliability.phase.running import FACTS_OPTION, FinishedRun, run_python, run_suite
from reliability.phase.taking import take_suites
from reliability.phase.vouching import begin, clear_outputs, vouch
from reliability.report.words import printable
from reliability.sources.evidence_folder import read_evidence_folder
from reliability.sources.evidence_manifest import MANIFEST_NAME, EvidenceManifest, SuiteRun
from reliability.sources.thresholds import find_thresholds
from reliability.verdicts import EXIT_STATUS, Verdict

_RUN_ERROR_STATUS: Final = 5
_TESTS_RAN: Final = (0, 1, 5)  # passed, failed, none there: pytest's own numbers
_STATUSES: Final = """\b
Examples:
  reliability phase measure
  reliability phase measure --suite unit --contexts
  reliability phase measure --coverage unit .coverage --junit unit junit.xml --exit-code unit 0

\b
Exit status:
  0 all suites that ran are green, 1 tests failed, 2 usage or settings,
  4 nothing was measured, 5 a run did not get to its end."""


@click.command(epilog=_STATUSES)
@click.option("--suite", "only", multiple=True, metavar="NAME", help="Run this suite alone (may be repeated).")
@click.option("--contexts", is_flag=True, help="Record which test ran what: coverage of passing tests; slower.")
@click.option("--imports/--no-imports", default=True, help="Measure what importing and collecting alone covers.")
@click.option("--coverage", multiple=True, nargs=2, metavar="SUITE FILE", help="Take coverage of your own CI instead.")
@click.option("--junit", multiple=True, nargs=2, metavar="SUITE FILE", help="Take its JUnit file.")
@click.option("--exit-code", multiple=True, nargs=2, metavar="SUITE N", help="Exit code of that pytest, if known.")
@phase_option
@evidence_option
@click.pass_context
def measure(
    ctx: click.Context,
    *,
    only: tuple[str, ...],
    contexts: bool,
    imports: bool,
    coverage: tuple[tuple[str, str], ...],
    junit: tuple[tuple[str, str], ...],
    exit_code: tuple[tuple[str, str], ...],
    phase: Path | None,
    evidence: Path | None,
) -> None:
    """Run the suites of the phase with coverage and write the evidence with its manifest.

    Each suite is a run of pytest of its own, so that its coverage is exact. What an earlier run
    left is deleted first. Files that the manifest does not vouch for are not believed later.
    """
    asked = open_phase(phase, evidence=evidence)
    if not asked.phase.suites:
        raise UsageError(f"{asked.phase_path} names no suite. Add a table [suites.unit] with the arguments of pytest.")
    if coverage or junit or exit_code:
        if only or contexts:
            raise UsageError("--suite and --contexts run suites, --coverage and --junit take what has run; choose one.")
        manifest = take_phase(asked, coverage=dict(coverage), junit=dict(junit), exit_codes=dict(exit_code))
    else:
        manifest = measure_phase(asked, only=only, contexts=contexts, imports=imports)
    evidence_now = read_evidence_folder(asked.evidence_folder, project=None)
    for line in (*describe_manifest(manifest), *unknown_requirements(asked.phase, evidence_now.tests)):
        click.echo(printable(line))
    if unmatched := unmatched_globs(asked.phase, evidence_now):
        raise UsageError(
            f"{asked.phase_path}: the module goal {unmatched[0]!r} matches no measured file. Mend the glob."
        )
    ctx.exit(status_of(manifest.suites))


def measure_phase(
    asked: Asked, *, only: Sequence[str] = (), contexts: bool = False, imports: bool = True, clock: Clock | None = None
) -> EvidenceManifest:
    """Run suites of the phase and write their evidence.

    Args:
        asked: The phase and its places.
        only: Suites to run; none: all.
        contexts: Record which test ran which line.
        imports: Measure also what collecting the required suites covers.
        clock: Tells the instants; None: the machine's.

    Returns:
        The manifest.

    Raises:
        UsageError: There is no such suite, or pytest-cov is missing.
        RunError: Python could not be started, or the configuration of coverage.py is wrong.
        WriteError: The folder cannot be written.
    """
    _check_names(asked, only)
    if importlib.util.find_spec("pytest_cov") is None:
        raise UsageError("'phase measure' runs pytest with coverage; install it with: pip install pytest-cov.")
    time, folder, suites = clock or SystemClock(), _folder(asked), asked.phase.suites
    with folder_lock(folder):
        clear_outputs(folder)
        beginning = begin(asked, thresholds=find_thresholds(asked.project, environment=os.environ), clock=time)
        runs = {}
        for name in (name for name in suites if not only or name in only):
            click.echo(f"suite {name}: pytest {printable(' '.join(suites[name].arguments))}", err=True)
            runs[name] = run_suite(
                name, suites[name].arguments, project=asked.project, folder=folder, clock=time, contexts=contexts
            )
        with ThreadPoolExecutor() as pool:  # beside it, the totals of the suites are computed
            collected = pool.submit(_collect, asked, runs).result if imports else tuple
            return vouch(asked, beginning, runs, origin="runner", imports=collected, clock=time)


def take_phase(
    asked: Asked,
    *,
    coverage: Mapping[str, str],
    junit: Mapping[str, str],
    exit_codes: Mapping[str, str],
    clock: Clock | None = None,
) -> EvidenceManifest:
    """Take the files of runs that somebody else made, for example one's own CI, and write their manifest.

    Args:
        asked: The phase and its places.
        coverage: Suite -> file of its coverage.
        junit: Suite -> its JUnit file.
        exit_codes: Suite -> exit code of its pytest; of other suites it is not known, and not taken for 0.
        clock: Tells the instants; None: the machine's.

    Returns:
        The manifest.

    Raises:
        UsageError: There is no such suite, or an exit code is no number.
        SourceError: A file is missing, broken, or older than the commit that it should belong to.
        WriteError: The folder cannot be written.
    """
    _check_names(asked, [*coverage, *junit, *exit_codes])
    time, folder = clock or SystemClock(), _folder(asked)
    with folder_lock(folder):
        (folder / MANIFEST_NAME).unlink(missing_ok=True)  # what is refused below must not leave older evidence in force
        beginning = begin(asked, thresholds=find_thresholds(asked.project, environment=os.environ), clock=time)
        runs = take_suites(asked, beginning, coverage=coverage, junit=junit, exit_codes=exit_codes)
        return vouch(asked, beginning, runs, origin="taken", clock=time)


def status_of(suites: Sequence[SuiteRun]) -> int:
    """Return the exit status of a measurement: that of the required suites that were run."""
    found = [run for run in suites if run.required and (run.exit_code is not None or run.counts)]
    if any(run.exit_code == 1 or (run.counts and run.counts.failed + run.counts.error) for run in found):
        return EXIT_STATUS[Verdict.FAIL]
    if any(run.exit_code not in (*_TESTS_RAN, None) for run in found):
        return _RUN_ERROR_STATUS
    if not found or not all(run.counts and run.counts.passed and run.coverage for run in found):
        return EXIT_STATUS[Verdict.NO_DATA]
    return EXIT_STATUS[Verdict.PASS]


def _check_names(asked: Asked, names: Sequence[str]) -> None:
    for name in names:
        if name not in asked.phase.suites:
            known = ", ".join(asked.phase.suites)
            raise UsageError(f"{asked.phase_path} has no suite {name!r}; it has: {known}.")


def _folder(asked: Asked) -> Path:
    """Make the folder of the evidence, which must be one of its own: old files of evidence are deleted in it."""
    folder, project = asked.evidence_folder.resolve(), asked.project.resolve()
    if project.is_relative_to(folder):
        raise UsageError(f"--evidence {folder} is the project itself or above it; name a folder for evidence alone.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise WriteError(f"{folder} cannot be made ({err.strerror or err}). Name another with --evidence.") from err
    return folder


def _collect(asked: Asked, runs: Mapping[str, FinishedRun]) -> tuple[Path, ...]:
    """Collect the required suites without running a test; nothing unless all of them ran to their end."""
    required = [name for name, suite in asked.phase.suites.items() if suite.required]
    if not required or any(name not in runs or runs[name].is_cut for name in required):
        return ()
    click.echo("imports alone: pytest --collect-only", err=True)
    data = {name: asked.evidence_folder / f".joined-imports-{name}.sqlite" for name in required}

    def collect(name: str) -> None:
        words = [
            "-m",
            "pytest",
            *asked.phase.suites[name].arguments,
            "--collect-only",
            "-q",
            f"{FACTS_OPTION}={os.devnull}",
        ]
        words += ["--cov-report=", "--cov-fail-under=0"]
        run_python(words, project=asked.project, data=data[name], is_quiet=True)

    with ThreadPoolExecutor(max_workers=len(required)) as pool:
        list(pool.map(collect, required))
    return tuple(data.values())
