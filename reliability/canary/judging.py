"""The canary's verdict as JSON, from a capture, a live window or a file of increments; no kernel, no page.

Says what goes in and out of the judges for the command line. How it is counted and judged belongs to
`reliability.notebook.canary_evidence`, how it is told to `reliability.canary.telling`.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from reliability.canary.asking import chosen_source
from reliability.canary.window_lease import under_lease
from reliability.errors import ForeignHistoryError, ParameterError, SourceError
from reliability.notebook.block import plain
from reliability.notebook.canary import TOPIC, conclude_evidence
from reliability.notebook.canary_evidence import CanaryInputs, Thresholds, bare, fetch_inputs, judge_inputs
from reliability.notebook.run import no_data
from reliability.report.verdict_view import headline
from reliability.settings import Settings
from reliability.settings_file import find_project_folder, read_assignments, read_settings
from reliability.sources.increments_file import inputs_text, read_inputs, write_inputs

SCHEMA: Final = "reliability.verdict/1"
REPORT: Final = "canary_comparison"
_RESTATED: Final = {  # what another judgement of the same counts may change, in percent
    "margin_percent": "margin_fraction",
    "error_margin_points": "error_margin_absolute_fraction",
    "error_margin_percent": "error_margin_relative_fraction",
}
Verdict = dict[str, Any]


def judge(
    *,
    capture: str | None,
    config: Path | None,
    increments: Path | None,
    assignments: Sequence[str],
    keep: Path | None,
    lease: int | None = None,
) -> Verdict:
    """Judge a canary.

    Args:
        capture: Folder or body of a recording; None: the source of the settings.
        config: Settings instead of the project's own; relative names start at its folder.
        increments: What an earlier judgement kept; judged again instead of a source.
        assignments: Texts of `-p`.
        keep: File for what is judged.
        lease: Fencing token of a reserved window; None takes the lease of a live window itself.

    Returns:
        The verdict's JSON; NO_DATA with its error when evidence is missing or broken.

    Raises:
        UsageError: Options contradict each other, or a setting or value is not valid.
        RangeConflictError: Somebody else has taken an overlapping window of the service.
        LockError: The reservation is not held, or the lease was lost.
        BackendError: The store of the leases cannot be reached or used.
        SecretInOutputError: The evidence holds a configured secret; nothing was written.
        WriteError: `keep` cannot be written.
    """
    project = config.resolve().parent if config else find_project_folder(Path.cwd())
    settings = read_settings(project, file=config)
    try:
        if increments is not None:
            inputs = _restated(read_inputs(increments, CanaryInputs), read_assignments("canary", assignments))
        else:
            inputs = _fetched(capture, config, assignments, lease=lease)
        told = conclude_evidence(judge_inputs(inputs))
    except ForeignHistoryError as err:  # the settings name it
        raise ParameterError(f"history_file: {err.args[0]}") from err
    except SourceError as err:
        return _whole(no_data(err))
    verdict = _whole(told)
    if settings.secrets:
        _check_secrets(settings, project, verdict, inputs)
    if keep is not None:
        write_inputs(keep, inputs)
    return verdict


def as_json(verdict: Verdict) -> str:
    """Print a verdict in its one form: sorted keys, ASCII, no instant of making."""
    return json.dumps(verdict, indent=1, sort_keys=True, allow_nan=False)


def _fetched(
    capture: str | None, config: Path | None, assignments: Sequence[str], *, lease: int | None
) -> CanaryInputs:
    """Fetch and count both arms, under the lease of their window where they are live."""
    given = read_assignments("canary", assignments)
    for name in ("window_end", "window_minutes") if lease is not None else ():
        if name in given:
            raise ParameterError(f"--lease {lease} says which window is judged, so -p {name} cannot; drop one.")
    with (
        chosen_source(capture, config, assignments) as (parameters, place),
        under_lease(parameters, place, token=lease) as leased,
    ):
        return bare(fetch_inputs(leased, place=place))


def _restated(inputs: CanaryInputs, given: Mapping[str, object]) -> CanaryInputs:
    """Lay other thresholds over those of a file.

    Raises:
        ParameterError: An option is asked to change what was measured.
    """
    changed: dict[str, Any] = {}
    for name, value in given.items():
        if name == "gate_routes":
            changed[name] = value
        elif name in _RESTATED and isinstance(value, float):
            changed[_RESTATED[name]] = value / 100
        else:
            known = ", ".join((*_RESTATED, "gate_routes"))
            raise ParameterError(f"-p {name}: increments are measured already; what can still be set: {known}.")
    thresholds: Thresholds = replace(inputs.thresholds, **changed)
    return replace(inputs, thresholds=thresholds)


def _whole(told: Mapping[str, Any]) -> Verdict:
    verdict = plain({"schema": SCHEMA, "report": REPORT, "topic": TOPIC, "sample": None, **told})
    return {**verdict, "headline": headline(verdict, language="en")}


def _check_secrets(settings: Settings, project: Path, verdict: Verdict, inputs: CanaryInputs) -> None:
    """Look through what is to be written and printed; see `reliability.report.secret_check`."""
    from reliability.report.secret_check import check_secrets, read_secrets  # noqa: PLC0415 -- loads papermill

    nothing = SimpleNamespace(cells=[], metadata={})
    files = {"of increments": inputs_text(inputs).encode()}
    values = read_secrets(settings, project=project, environ=os.environ)
    check_secrets(values, nothing, verdict, files, name="what the server answered")
