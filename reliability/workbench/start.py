"""Write the settings of a project that has none, from what its Prometheus has.

Looking and choosing belong to `reliability.workbench.proposal`.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from reliability.atomic import write_text_whole
from reliability.clock import SystemClock, format_instant
from reliability.errors import SettingsError
from reliability.settings import FILE_NAME, PrometheusSettings, Settings
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.connection import CONFIGURED
from reliability.workbench.proposal import Proposal, propose
from reliability.workbench.server import open_server
from reliability.workbench.settings_text import settings_text
from reliability.workbench.veil import Veil


def write_settings(folder: Path, given: Mapping[str, str | None], *, preset: str | None, veil: Veil) -> Proposal:
    """Look at a server and write `reliability.toml` for it.

    Args:
        folder: Folder that gets the file.
        given: Options of `[prometheus]` from the command line, None where not given.
        preset: Name of a preset, or None to find one.
        veil: Hides secrets in what the server had.

    Returns:
        What was written.

    Raises:
        UsageError: The file exists, a value is impossible, or there is no such preset.
        SourceError: The server cannot be asked; nothing was written.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise SettingsError(f"{path} exists and is left as it is; change it there, or remove it and run init again.")
    resolved = resolve_parameters(read_settings(folder), "prometheus", given, report="reliability init")
    if resolved["url"] is None:
        raise SettingsError(
            "no server is named; give --prometheus http://host:9090, or set RELIABILITY_PROMETHEUS_URL."
        )
    server = open_server(PrometheusSettings.model_validate(resolved), CONFIGURED, project=folder)
    proposal = propose(server, preset=preset).masked(veil.mask)
    now = format_instant(SystemClock().now().replace(microsecond=0))
    heading = (
        f"Written by 'reliability init' at {now} from what a server had ({' '.join(dict.fromkeys(server.product()))}). "
        f"Check it with 'reliability doctor', then run 'reliability report canary'. An option behind # has its default."
    )
    chosen = {name: resolved[name] for name, value in given.items() if value is not None}
    text = settings_text(veil.mask(heading), chosen | proposal.values, proposal.remarks)
    Settings.model_validate(tomllib.loads(text))
    write_text_whole(path, text)
    return proposal
