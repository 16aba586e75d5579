"""Write the settings of a project that has none, from what its Prometheus has.

Looking belongs to `reliability.workbench.survey`, choosing to `reliability.workbench.proposal`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reliability.atomic import write_text_whole
from reliability.clock import Clock, format_instant
from reliability.errors import SettingsError
from reliability.settings import FILE_NAME, PrometheusSettings, Settings
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.connection import CONFIGURED, connect
from reliability.sources.live_transport import LiveTransport
from reliability.workbench.proposal import Proposal, propose
from reliability.workbench.server import Server
from reliability.workbench.settings_text import settings_text
from reliability.workbench.survey import Survey, survey_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was written.

    Attributes:
        path: The settings.
        proposal: What stands in them.
        survey: What it was taken from.
    """

    path: Path
    proposal: Proposal
    survey: Survey


def open_server(settings: Settings, *, project: Path, environ: Mapping[str, str], clock: Clock) -> Server:
    """Open the configured server.

    Args:
        settings: The project's settings.
        project: Its folder.
        environ: Environment variables that may hold secrets.
        clock: The clock of this machine.

    Returns:
        The server; it is not asked yet.

    Raises:
        SettingsError: No address is set, or a secret or certificate cannot be read.
    """
    connection = connect(settings.prometheus, CONFIGURED, project=project, environ=environ)
    return Server(transport=LiveTransport(connection), clock=clock)


def write_settings(
    folder: Path, given: Mapping[str, str], *, preset: str | None, environ: Mapping[str, str], clock: Clock
) -> Started:
    """Look at a server and write `reliability.toml` for it.

    Args:
        folder: Folder that gets the file.
        given: Options of `[prometheus]` from the command line.
        preset: Name of a preset, or None to find one.
        environ: Environment variables; settings in them hold as always.
        clock: The clock of this machine.

    Returns:
        What was written.

    Raises:
        UsageError: The file exists, a value is impossible, or there is no such preset.
        SourceError: The server cannot be asked; nothing was written.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise SettingsError(f"{path} exists and is left as it is; change it there, or remove it and run init again.")
    settings = read_settings(folder, environ)
    resolved = resolve_parameters(settings, "prometheus", given, report="reliability init")
    prometheus = PrometheusSettings.model_validate(resolved)
    settings = settings.model_copy(update={"prometheus": prometheus})
    server = open_server(settings, project=folder, environ=environ, clock=clock)
    survey = survey_server(server, preset=preset)
    proposal = propose(survey)
    text = settings_text(
        _heading(survey, clock),
        prometheus={name: getattr(prometheus, name) for name in given},
        canary=proposal.values,
        remarks=proposal.remarks,
    )
    Settings.model_validate(tomllib.loads(text))
    write_text_whole(path, text)
    return Started(path=path, proposal=proposal, survey=survey)


def _heading(survey: Survey, clock: Clock) -> str:
    product, version = survey.product
    written = f"Written by 'reliability init' at {format_instant(clock.now().replace(microsecond=0))}"
    return (
        f"{written} from what a server ({product} {version}) had. Check it with 'reliability doctor', "
        f"then run 'reliability report canary'. An option behind # has its default."
    )
