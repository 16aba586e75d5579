"""One run of one notebook: parameters resolved, evidence loaded, verdict concluded.

`start` opens a run and `finish` closes it; the cells between show parts of it. Evidence
that is missing or broken becomes the verdict NO_DATA, never an exception; an exception
means "no report". What each report reads and judges belongs to its topic module.
"""

import difflib
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import FiniteFloat, TypeAdapter, ValidationError

from reliability import __version__
from reliability.clock import Clock, SystemClock, format_instant
from reliability.errors import ParameterError, SourceError
from reliability.judge.check import Check
from reliability.notebook.block import Block
from reliability.notebook.own_checks import Asked, fold_checks
from reliability.notebook.parts import present, read_part
from reliability.report.verdict_view import headline
from reliability.settings import Settings
from reliability.settings_file import RUN_CSV, RUN_FILES, find_project_folder, read_settings, resolve_parameters
from reliability.sources.checkout import read_checkout
from reliability.verdicts import Verdict

SCHEMA: Final = "reliability.report/1"
_PLAIN_VALUE: Final[TypeAdapter[object]] = TypeAdapter(str | bool | int | FiniteFloat | None)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CLOSE: Final = 0.8  # likeness of two names from which one is taken for a misspelling of the other
_LIBRARIES: Final = ("papermill", "nbconvert", "prometheus-api-client", "coverage", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSource:
    """What a frame is made of.

    Attributes:
        columns: Type by name, in their order; empty for text.
        rows: Makes rows or columns from the evidence; raises the error of a part that is missing.
    """

    columns: Mapping[str, str]
    rows: Callable[[Any], Any]


Frames = Mapping[str, FrameSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and when a report is made.

    Attributes:
        project: Folder that relative paths start from.
        settings: The project's settings.
        now: Instant of `start`.
        answers: Folder for the answers of a server.
        increments: File for the increments, when they are to be kept.
    """

    project: Path
    settings: Settings
    now: datetime
    answers: Path
    increments: Path | None


class Topic(Protocol):
    """What the module of a report offers.

    Attributes:
        TOPIC: Its name in the report's JSON, and of its catalogue.
        SECTION: Section of the settings that its parameters belong to.
        FRAMES: What `nb.frame` gives, by name; the first is the default.
    """

    TOPIC: str
    SECTION: str
    FRAMES: Frames

    def load(self, parameters: Mapping[str, Any], *, place: Place) -> object:
        """Read the evidence; raises `SourceError` when there is none."""
        ...

    def conclude(self, run: "Run") -> dict[str, Any]:
        """Judge the evidence: the report's own part of its JSON; raises `SourceError` when a part is missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An open run.

    Attributes:
        report: Name of the report.
        topic: Module that reads and judges it.
        parameters: Resolved values, and those that only the notebook knows.
        language: Main language.
        project: Folder that relative paths start from.
        started_at: Instant of `start`.
        evidence: What the topic loaded, or why there is none.
        asked: Queries of the analyst's, by text and step; a cell that runs again replaces its own.
        checks: Checks of the analyst's by name.
    """

    report: str
    topic: Topic
    parameters: Mapping[str, object]
    language: str
    project: Path
    started_at: datetime
    evidence: Any = field(repr=False)
    asked: dict[tuple[str, float | None], Asked] = field(default_factory=dict, repr=False)
    checks: dict[str, Check] = field(default_factory=dict, repr=False)

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
        ParameterError: A parameter has an impossible value, or is misspelt.
    """
    if not _PLAIN_NAME.fullmatch(report):
        raise ParameterError(
            f"nb.start: {report!r} names no report; take letters, digits, '_' and '-', a letter first."
        )
    project = find_project_folder(folder)
    settings = read_settings(project)
    known = type(getattr(settings, topic.SECTION)).model_fields
    extra = {name: value for name, value in parameters.items() if name not in known}
    _check_extra(report, extra, known)
    given = {name: value for name, value in parameters.items() if name in known}
    resolved = resolve_parameters(settings, topic.SECTION, given, report=report)
    is_judged_by_all = topic.TOPIC == topic.SECTION
    files = os.environ.get(RUN_FILES)
    now = (clock or SystemClock()).now()
    place = Place(
        project=project,
        settings=settings,
        now=now,
        answers=Path(files) / "answers" if files else project / "outputs" / "answers" / report,
        increments=Path(files) / "increments.csv" if files and os.environ.get(RUN_CSV) == "1" else None,
    )
    return Run(
        report=report,
        topic=topic,
        parameters={name: value for name, value in resolved.items() if is_judged_by_all or name in given} | extra,
        language=settings.language,
        project=project,
        started_at=now,
        evidence=read_part(lambda: topic.load(resolved, place=place)),
    )


def _check_extra(report: str, extra: Mapping[str, object], known: Iterable[str]) -> None:
    """Refuse a parameter of the notebook's own that looks like a misspelt setting, or that no JSON can hold.

    Raises:
        ParameterError: There is one.
    """
    for name, value in extra.items():
        close = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
        if close:
            raise ParameterError(f"nb.start of {report}: there is no setting '{name}'; did you mean '{close[0]}'?")
        try:
            _PLAIN_VALUE.validate_python(value, strict=True)
        except ValidationError as err:
            raise ParameterError(
                f"nb.start of {report}: {name} is a {type(value).__name__} that no report can keep; "
                f"parameters are texts, finite numbers, true or false."
            ) from err


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
        return missing(run, err)


def missing(run: Run, error: SourceError) -> Block:
    """Make the block that stands where a result would be."""
    return Block(kind="missing", data=_error_data(error), language=run.language)


def close_run(run: Run) -> Block:
    """Judge the run: its verdict, the sentence and everything the page and the gate need.

    Args:
        run: The open run.

    Returns:
        Block of kind `report`; its data is the report's JSON but for the run id, which the
        runner knows.
    """
    try:
        concluded = run.topic.conclude(run)
    except SourceError as err:
        concluded = no_data(err)
    told: dict[str, Any] = {"window": None, "source": None, "queries": [], **concluded.get("provenance", {})}
    data: dict[str, object] = {
        "schema": SCHEMA,
        "report": run.report,
        "topic": run.topic.TOPIC,
        "run_id": None,
        "language": run.language,
        "sample": None,
        "as_of": format_instant(run.started_at),
        **fold_checks(concluded, [*_query_checks(run), *run.checks.values()]),
        "made_at": format_instant(run.started_at),
        "parameters": dict(run.parameters),
        "provenance": {
            **asdict(read_checkout(run.project)),
            **told,
            "queries": [*told["queries"], *(asked.query for asked in run.asked.values())],
            "versions": _versions(),
        },
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


def _query_checks(run: Run) -> list[Check]:
    return [asked.check for asked in run.asked.values() if asked.check is not None]


def _error_data(error: SourceError) -> dict[str, object]:
    return {"slug": error.slug, "message": str(error)}


def _versions() -> dict[str, str]:
    return {
        "reliability": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }
