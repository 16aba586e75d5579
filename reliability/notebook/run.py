"""One run of one notebook: parameters resolved, evidence loaded, verdict concluded.

`start` opens a run and `finish` closes it; the cells between show parts of it. Evidence
that is missing or broken becomes the verdict NO_DATA, never an exception; an exception
means "no report". What each report reads and judges belongs to its topic module.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Protocol

from reliability import __version__
from reliability.clock import Clock, SystemClock, format_instant
from reliability.errors import SourceError
from reliability.notebook.block import Block
from reliability.report.verdict_view import headline
from reliability.settings import find_project_folder, read_settings, resolve_parameters
from reliability.sources.checkout import read_checkout
from reliability.verdicts import Verdict

SCHEMA: Final = "reliability.report/1"
_LIBRARIES: Final = ("papermill", "nbconvert", "prometheus-api-client", "coverage", "numpy", "scipy")


class Topic(Protocol):
    """What the module of a report offers."""

    TOPIC: str

    def load(self, parameters: Mapping[str, object], *, project: Path, now: datetime) -> object:
        """Read the evidence; raises `SourceError` when there is none."""
        ...

    def conclude(self, evidence: object) -> dict[str, object]:
        """Judge the evidence: the report's own part of its JSON."""
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
        evidence: What the topic loaded; None when it could not.
        error: Why there is no evidence.
    """

    report: str
    topic: Topic
    parameters: Mapping[str, object]
    language: str
    project: Path
    started_at: datetime
    evidence: object = field(repr=False)
    error: SourceError | None

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
        The open run; evidence that cannot be had is kept as `error`.

    Raises:
        SettingsError: `reliability.toml` is wrong.
        ParameterError: A parameter has an impossible value.
    """
    project = find_project_folder(folder)
    settings = read_settings(project)
    resolved = resolve_parameters(settings, report, parameters)
    now = (clock or SystemClock()).now()
    evidence, error = None, None
    try:
        evidence = topic.load(resolved, project=project, now=now)
    except SourceError as err:
        error = err
    return Run(
        report=report, topic=topic, parameters=resolved, language=settings.language, project=project,
        started_at=now, evidence=evidence, error=error,
    )  # fmt: skip


def show(run: Run, kind: str, build: Callable[[object], Mapping[str, object]]) -> Block:
    """Make the block of one cell, or say that its evidence is missing.

    Args:
        run: The open run.
        kind: Kind of the block.
        build: Makes the block's data from the evidence.

    Returns:
        The block; of kind `missing` when the run has no evidence.
    """
    if run.error is not None:
        return Block(kind="missing", data=_error_data(run.error), language=run.language)
    return Block(kind=kind, data=build(run.evidence), language=run.language)


def close_run(run: Run) -> Block:
    """Judge the run: its verdict, the sentence and everything the page and the gate need.

    Args:
        run: The open run.

    Returns:
        Block of kind `report`; its data is the report's JSON but for the run id, which the
        runner knows.
    """
    concluded = run.topic.conclude(run.evidence) if run.error is None else _no_data(run.error)
    provenance = {**_provenance(run), **_mapping(concluded.pop("provenance", {}))}
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
        "provenance": provenance,
    }
    data["headline"] = headline(data, language=run.language)
    return Block(kind="report", data=data, language=run.language)


def _no_data(error: SourceError) -> dict[str, object]:
    return {
        "verdict": Verdict.NO_DATA.value, "reason": error.slug, "cautions": [], "figures": [], "checks": [],
        "error": _error_data(error),
    }  # fmt: skip


def _error_data(error: SourceError) -> dict[str, object]:
    return {"slug": error.slug, "message": str(error)}


def _provenance(run: Run) -> dict[str, object]:
    checkout = read_checkout(run.project)
    return {
        "commit": checkout.commit, "dirty": checkout.dirty, "window": None, "source": None, "queries": [],
        "versions": {"reliability": __version__, "python": platform.python_version(), **_versions()},
    }  # fmt: skip


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
