"""What the commands of `reliability phase` ask first: which project, which phase, which folders; the options for it.

Prints nothing. What a command then does stands in its own module.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from reliability.errors import UsageError
from reliability.settings import EVIDENCE_FOLDER, PHASE_FILE_NAME, RECORD_FOLDER, Settings
from reliability.settings_file import find_project_folder, read_settings
from reliability.sources.phase_document import OwnPhase, read_phase_document

phase_option: Final = click.option(
    "--phase", type=click.Path(path_type=Path), help=f"TOML file of the phase.  [default: {PHASE_FILE_NAME}]"
)
evidence_option: Final = click.option(
    "--evidence", type=click.Path(path_type=Path), help=f"Folder of the evidence.  [default: {EVIDENCE_FOLDER}]"
)
record_option: Final = click.option(
    "--record", type=click.Path(path_type=Path), help=f"Folder of the record.  [default: {RECORD_FOLDER}/<phase>]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A phase and its places.

    Attributes:
        project: Folder of the project.
        phase: Its phase.
        phase_path: File of the phase.
        evidence_folder: Where its evidence lies.
        record_folder: Where its record lies.
        settings: Settings of the project.
    """

    project: Path
    phase: OwnPhase
    phase_path: Path
    evidence_folder: Path
    record_folder: Path
    settings: Settings


def open_phase(phase: Path | None, *, evidence: Path | None = None, record: Path | None = None) -> Asked:
    """Find the phase that a command is about.

    Args:
        phase: File that the user named; None: that of the settings, else `phase.toml` in the project's folder.
        evidence: Folder that the user named; None: that of the settings, else `outputs/evidence`.
        record: Folder that the user named; None: that of the settings, else `outputs/record/<phase id>`.

    Returns:
        The phase and its places. What the user names starts at the working directory, the rest at the
        project's folder.

    Raises:
        UsageError: The project has no phase of its own.
        SettingsError: `reliability.toml` is wrong.
        SourceError: The phase's document is missing or broken.
    """
    project = find_project_folder(Path.cwd())
    settings = read_settings(project)
    chosen = settings.phase
    path = phase.resolve() if phase else project / (chosen.own_phase_file or PHASE_FILE_NAME)
    if phase is None and chosen.own_phase_file is None and not path.exists():
        raise UsageError(
            f"{project} has no {PHASE_FILE_NAME}. Start one with: reliability init --phase, or name one with --phase."
        )
    document = read_phase_document(path, OwnPhase)
    usual = project / (chosen.record_folder or f"{RECORD_FOLDER}/{document.id}")
    return Asked(
        project=project,
        phase=document,
        phase_path=path,
        evidence_folder=evidence.resolve() if evidence else project / (chosen.evidence_folder or EVIDENCE_FOLDER),
        record_folder=record.resolve() if record else usual,
        settings=settings,
    )
