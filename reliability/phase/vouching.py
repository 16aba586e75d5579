"""Makes the manifest of a measurement: what the suites left, what it comes to, which files vouch for it.

The runs may be ours or those of the user's own CI. Nothing is believed or judged here: what
speaks against the evidence is written down, and judged elsewhere.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import click

from reliability.atomic import write_text_whole
from reliability.clock import Clock, format_instant
from reliability.phase.asking import Asked
from reliability.phase.risks import check_risks
from reliability.phase.running import FinishedRun
from reliability.phase.sums import Sums, digests_of
from reliability.report.words import printable
from reliability.sources.checkout import Checkout, read_checkout, read_commit_time, unseen_changes
from reliability.sources.evidence_manifest import COVERAGE_NAME, MANIFEST_NAME, EvidenceManifest, Thresholds

# What earlier runs, ours or older ones, may have left in the folder.
_OUTPUTS: Final = (
    MANIFEST_NAME, COVERAGE_NAME, "junit.xml", "junit-*.xml", "coverage-*.sqlite*", "coverage-*.json", ".coverage",
    ".coverage.*", ".facts-*", ".joined-*",
)  # fmt: skip
_COMMIT_LETTERS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How things stood before the first suite.

    Attributes:
        began_at: The instant.
        checkout: State of the project's checkout.
        commit_time: When HEAD was committed.
        thresholds: In force.
    """

    began_at: datetime
    checkout: Checkout
    commit_time: datetime | None
    thresholds: Thresholds


def clear_outputs(folder: Path) -> None:
    """Remove what earlier runs left, the manifest first; files that are none of ours stay."""
    for pattern in _OUTPUTS:
        for path in folder.glob(pattern):
            if path.is_file() or path.is_symlink():
                path.unlink(missing_ok=True)


def begin(asked: Asked, *, thresholds: Thresholds, clock: Clock) -> Beginning:
    """Note how things stand, and name the tests that no commit holds."""
    for path in _unseen(asked):
        click.echo(printable(f"no commit holds what is measured: git does not look at {path}"), err=True)
    return Beginning(
        began_at=clock.now(),
        checkout=_checkout(asked),
        commit_time=read_commit_time(asked.project),
        thresholds=thresholds,
    )


def vouch(
    asked: Asked,
    beginning: Beginning,
    runs: Mapping[str, FinishedRun],
    *,
    origin: Literal["runner", "taken"],
    imports: Callable[[], Sequence[Path]] = tuple,
    clock: Clock,
) -> EvidenceManifest:
    """Compute what the runs come to and write the manifest, which is the last file.

    Args:
        asked: The phase and its places.
        beginning: How things stood before.
        runs: By name of the suite; suites without a run did not run.
        origin: Whose runs these are.
        imports: Gives the data of collecting the required suites alone, one file for each, when it is there.
        clock: Tells the end.

    Returns:
        The manifest.

    Raises:
        RunError: The configuration of coverage.py is wrong.
        WriteError: The manifest could not be written.
    """
    sums = Sums(asked, runs)
    suites = tuple(sums.suite(name) for name in asked.phase.suites)
    figures = sums.figures(imports())
    tree = sums.tree()
    now = _checkout(asked)
    manifest = EvidenceManifest(
        schema="reliability.evidence/1",
        origin=origin,
        run_id=_run_id(beginning),
        phase_id=asked.phase.id,
        commit=beginning.checkout.commit,
        commit_time=beginning.commit_time,
        is_dirty=_is_dirty(beginning.checkout, now),
        began_at=beginning.began_at,
        ended_at=clock.now(),
        versions={"python": platform.python_version()} | {name: version(name) for name in _tools()},
        definition=sums.definition(),
        sources=tree,
        suites=suites,
        figures=figures,
        thresholds=beginning.thresholds,
        risks=check_risks(asked.phase, project=asked.project, suites=suites, tree=tree),
        outputs=digests_of(asked.evidence_folder, [COVERAGE_NAME] if figures.required else []),
    )
    _sweep(asked.evidence_folder, manifest)
    write_text_whole(asked.evidence_folder / MANIFEST_NAME, manifest.model_dump_json(by_alias=True, indent=1) + "\n")
    return manifest


def _tools() -> tuple[str, ...]:
    return tuple(name for name in ("coverage", "pytest") if find_spec(name))


def _checkout(asked: Asked) -> Checkout:
    apart, project = (asked.evidence_folder, asked.record_folder), asked.project.resolve()  # written by the program
    found = read_checkout(project, apart=[path.resolve() for path in apart])
    return replace(found, dirty=True) if found.commit and _unseen(asked) else found


def _unseen(asked: Asked) -> tuple[str, ...]:
    return unseen_changes(asked.project.resolve(), asked.phase.source.test_folders)


def _is_dirty(before: Checkout, after: Checkout) -> bool | None:
    """Tell whether what was measured differs from its commit, also when that happened during the run."""
    if before.dirty is None or after.dirty is None:
        return None
    return before.dirty or after.dirty or before.commit != after.commit


def _run_id(beginning: Beginning) -> str:
    instant = format_instant(beginning.began_at).replace(":", "").replace("-", "")
    return f"{instant}-{(beginning.checkout.commit or 'no-commit')[:_COMMIT_LETTERS]}"


def _sweep(folder: Path, manifest: EvidenceManifest) -> None:
    """Remove what nothing vouches for, such as data of processes that were killed."""
    known = {*manifest.outputs, *(name for run in manifest.suites for name in run.outputs)}
    for pattern in _OUTPUTS:
        for path in folder.glob(pattern):
            if path.name not in known and path.is_file():
                path.unlink(missing_ok=True)
