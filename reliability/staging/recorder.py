"""Records an experiment: runs it, has it described, writes the capture.

The processes are the business of `experiment`, the manifest and its truth of `description`.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from reliability.atomic import check_writable, write_text_whole
from reliability.clock import Clock, SystemClock
from reliability.errors import UsageError, WriteError
from reliability.sources.captures import write_capture
from reliability.sources.manifest import Manifest, manifest_text
from reliability.staging.description import describe
from reliability.staging.experiment import Progress, run_experiment
from reliability.staging.plans import ExperimentPlan
from reliability.staging.request_log import read_requests
from reliability.staging.storage import SQLITE_FILES, StorageChoice


def record_experiment(
    plan: ExperimentPlan,
    folder: Path,
    *,
    progress: Progress,
    storage: StorageChoice = SQLITE_FILES,
    clock: Clock | None = None,
    sealed: Path | None = None,
) -> Path:
    """Run an experiment and write its capture.

    Args:
        plan: What to run.
        folder: The capture becomes the folder `plan.name` in here.
        progress: Takes one line of news at a time.
        storage: Where both arms keep their reservations and sessions.
        clock: Tells the time; the machine's by default.
        sealed: File that gets what was injected and what happened, for a recording that is to be
            judged blind: its own manifest then holds only the checksum of this file.

    Returns:
        The capture's folder.

    Raises:
        UsageError: The capture exists already, or the variables do not fit.
        SettingsError: An address of a server cannot be understood.
        StagingError: A program is missing or ended, or the capture does not agree with the
            client's log; nothing is written then.
        BackendError: The storage cannot be reached or used.
        WriteError: The capture could not be written.
    """
    target = folder / plan.name
    if target.exists():
        raise UsageError(f"{target} exists; remove it or choose another folder with --out.")
    _check_writable(folder)
    storage.check(os.environ)
    homes = storage.find_homes()
    with tempfile.TemporaryDirectory(prefix="reliability-staging-") as name:
        findings = run_experiment(
            plan,
            folder=Path(name),
            storage=storage,
            cores=os.cpu_count() or 1,
            clock=clock or SystemClock(),
            progress=progress,
        )
        requests = list(read_requests(findings.log_path))
    manifest = describe(plan, findings, requests, storage=storage, homes=homes)
    write_capture(target, findings.body, manifest if sealed is None else _blinded(manifest, sealed))
    return target


def _check_writable(folder: Path) -> None:
    """Notice before half an hour of load that nothing could be written behind it."""
    try:
        check_writable(folder)
    except OSError as err:
        raise WriteError(f"{folder} cannot be written ({err.strerror}); choose another folder with --out.") from err


def _blinded(manifest: Manifest, sealed: Path) -> Manifest:
    """Put the whole manifest into the sealed file and return one that tells nothing of it."""
    text = manifest_text(manifest)
    write_text_whole(sealed, text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return manifest.model_copy(update={"experiment": {"sealed_sha256": digest}, "truth": {}})
