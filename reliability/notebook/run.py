"""One run of one notebook: parameters resolved, evidence loaded, verdict concluded.

`start` opens a run and `finish` closes it; the cells between show parts of it. Evidence
that is missing or broken becomes the verdict NO_DATA, never an exception; an exception
means "no report". What each report reads and judges belongs to its topic module.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from reliability import __version__
from reliability.clock import Clock, SystemClock, format_instant
from reliability.errors import SourceError
from reliability.notebook.block import Block
from reliability.notebook.parts import present, read_part
from reliability.report.verdict_view import headline
from reliability.settings import SECTION_OF_REPORT
from reliability.settings_file import find_project_folder, read_settings, resolve_parameters
from reliability.sources.checkout import read_checkout
from reliability.verdicts import Verdict

SCHEMA: Final = "reliability.report/1"
_LIBRARIES: Final = ("papermill", "nbconvert", "prometheus-api-client", "coverage", "numpy", "scipy")


class Topic(Protocol):
    """What the module of a report offers."""

    TOPIC: str

    def load(self, parameters: Mapping[str, Any], *, project: Path, now: datetime) -> object:
        """Read the evidence; raises `SourceError` when there is none."""
        ...

    def conclude(self, evidence: Any) -> dict[str, Any]:
        """Judge the evidence: the report's own part of its JSON; raises `SourceError` when a part is missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An open run.

    Attributes:
        report: Name of the report.
        topic: Module that reads and judges it.
        parameters: Resolved values.
        language: Main language.
        project: Folder that relative paths start from.
        started_at: Instant of `start`.
        evidence: What the topic loaded, or why there is none.
    """

    report: str
    topic: Topic
    parameters: Mapping[str, object]
    language: str
    project: Path
    started_at: datetime
    evidence: object = field(repr=False)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return Block(kind="run", data={"report": self.report}, language=self.language)._repr_mimebundle_()


def open_run(
    report: str, topic: Topic, parameters: Mapping[str, object], *, folder: Path, clock: Clock | None = None
) -> Run:
    """Resolve the parameters and load the evidence.

    Args:
        report: Name of the report.
        topic: Its module.
        parameters: The values of the parameters cell; None means "from the settings".
        folder: Working directory; the project is looked for upwards from here.
        clock: Tells now; the system's clock by default.

    Returns:
        The open run; evidence that cannot be had is kept as its error.

    Raises:
        SettingsError: `reliability.toml` is wrong.
        ParameterError: A parameter has an impossible value.
    """
    project = find_project_folder(folder)
    settings = read_settings(project)
    resolved = resolve_parameters(settings, SECTION_OF_REPORT[report], parameters, report=report)
    now = (clock or SystemClock()).now()
    return Run(
        report=report,
        topic=topic,
        parameters=resolved,
        language=settings.language,
        project=project,
        started_at=now,
        evidence=read_part(lambda: topic.load(resolved, project=project, now=now)),
    )


def show(run: Run, kind: str, build: Callable[[Any], Mapping[str, object]]) -> Block:
    """Make the block of one cell, or say that its evidence is missing.

    Args:
        run: The open run.
        kind: Kind of the block.
        build: Makes the block's data from the evidence; raises the error of a part that is missing.

    Returns:
        The block; of kind `missing` without its evidence.
    """
    try:
        return Block(kind=kind, data=build(present(run.evidence)), language=run.language)
    except SourceError as err:
        return Block(kind="missing", data=_error_data(err), language=run.language)


def close_run(run: Run) -> Block:
    """Judge the run: its verdict, the sentence and everything the page and the gate need.

    Args:
        run: The open run.

    Returns:
        Block of kind `report`; its data is the report's JSON but for the run id, which the
        runner knows.
    """
    try:
        concluded = run.topic.conclude(present(run.evidence))
    except SourceError as err:
        concluded = no_data(err)
    data: dict[str, object] = {
        "schema": SCHEMA,
        "report": run.report,
        "topic": run.topic.TOPIC,
        "run_id": None,
        "language": run.language,
        "sample": None,
        "as_of": format_instant(run.started_at),
        **concluded,
        "made_at": format_instant(run.started_at),
        "parameters": dict(run.parameters),
        "provenance": {**_provenance(run), **concluded.get("provenance", {})},
    }
    data["headline"] = headline(data, language=run.language)
    return Block(kind="report", data=data, language=run.language)


def no_data(error: SourceError) -> dict[str, Any]:
    """Return the part of a report's JSON that says why nothing was judged.

    Args:
        error: Why not.

    Returns:
        The verdict NO_DATA with the error as reason and message, without figures and checks.
    """
    return {
        "verdict": Verdict.NO_DATA.value,
        "reason": error.slug,
        "cautions": [],
        "figures": [],
        "checks": [],
        "error": _error_data(error),
    }


def _error_data(error: SourceError) -> dict[str, object]:
    return {"slug": error.slug, "message": str(error)}


def _provenance(run: Run) -> dict[str, object]:
    return {
        **asdict(read_checkout(run.project)),
        "window": None,
        "source": None,
        "queries": [],
        "versions": {
            "reliability": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
    }
