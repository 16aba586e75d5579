"""One run of one notebook: parameters resolved, evidence loaded, verdict concluded.

`start` opens a run and `finish` closes it; the cells between show parts of it. Evidence
that is missing or broken becomes the verdict NO_DATA, never an exception; an exception
means "no report". What each report reads and judges belongs to its topic module.
"""

import difflib
import math
import os
import platform
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from reliability import __version__
from reliability.clock import Clock, SystemClock
from reliability.credentials import looks_secret
from reliability.errors import ParameterError, SourceError
from reliability.judge.check import Check, reason_of
from reliability.notebook.block import Block, plain
from reliability.notebook.parts import present, read_part
from reliability.report.results import PLAIN_NAME, SCHEMA
from reliability.report.verdict_view import headline
from reliability.settings import Settings
from reliability.settings_file import RUN_CSV, RUN_FILES, find_project_folder, read_settings, resolve_parameters
from reliability.sources.answer import Answer
from reliability.sources.checkout import read_checkout
from reliability.verdicts import Verdict, worst

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
        increments: File for a table of the increments, when it is to be kept.
        inputs: File for what was judged, whole; None outside of a report's run.
    """

    project: Path
    settings: Settings
    now: datetime
    answers: Path
    increments: Path | None
    inputs: Path | None = None


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
        place: Where and when it is made.
        evidence: What the topic loaded, or why there is none.
        asked: Answers to the analyst's queries, by text and step; a cell that runs again replaces its own.
        checks: Checks of the analyst's, by name, or by query where an answer is missing or doubtful.
    """

    report: str
    topic: Topic
    parameters: Mapping[str, object]
    place: Place
    evidence: Any = field(repr=False)
    asked: dict[tuple[str, float | None], Answer] = field(default_factory=dict, repr=False)
    checks: dict[Hashable, Check] = field(default_factory=dict, repr=False)

    def block(self, kind: str, data: Mapping[str, Any]) -> Block:
        """Make a result of this run."""
        return Block(kind=kind, data=plain(data), language=self.place.settings.language)

    def missing(self, error: SourceError) -> Block:
        """Make the block that stands where a result would be."""
        return self.block("missing", _problem(error))

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return self.block("run", {"report": self.report})._repr_mimebundle_()


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
        ParameterError: A parameter has an impossible value, is misspelt, or is named like a secret.
    """
    if not re.fullmatch(PLAIN_NAME, report):
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
    used = resolved if topic.TOPIC == topic.SECTION else given
    files = os.environ.get(RUN_FILES)
    place = Place(
        project=project,
        settings=settings,
        now=(clock or SystemClock()).now(),
        answers=Path(files) / "answers" if files else project / "outputs" / "answers" / report,
        increments=Path(files) / "increments.csv" if files and os.environ.get(RUN_CSV) == "1" else None,
        inputs=Path(files) / "increments.json.gz" if files else None,
    )
    return Run(
        report=report,
        topic=topic,
        parameters={name: resolved[name] for name in used} | extra,
        place=place,
        evidence=read_part(lambda: topic.load(resolved, place=place)),
    )


def _check_extra(report: str, extra: Mapping[str, object], known: Iterable[str]) -> None:
    """Refuse a parameter of the notebook's own: a misspelt setting, a secret, or what no JSON can hold.

    Raises:
        ParameterError: There is one.
    """
    for name, value in extra.items():
        if looks_secret(name):
            raise ParameterError(
                f"nb.start of {report}: parameters are stored with the report, so '{name}' may hold no secret; "
                "name the secret's file or variable in [prometheus] of reliability.toml, or rename the parameter "
                "if it holds none."
            )
        close = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
        if close:
            raise ParameterError(f"nb.start of {report}: there is no setting '{name}'; did you mean '{close[0]}'?")
        is_plain = math.isfinite(value) if isinstance(value, float) else isinstance(value, str | int | None)
        if not is_plain:
            raise ParameterError(
                f"nb.start of {report}: {name} is a {type(value).__name__} that no report can keep; "
                f"parameters are texts, finite numbers, true or false."
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
        return run.block(kind, build(present(run.evidence)))
    except SourceError as err:
        return run.missing(err)


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
    checks = list(run.checks.values())
    of_topic = Verdict(concluded["verdict"])
    verdict = worst([of_topic, *(check.verdict for check in checks)])
    told = concluded.get("provenance", {})
    report = run.block(
        "report",
        {
            "schema": SCHEMA,
            "report": run.report,
            "topic": run.topic.TOPIC,
            "run_id": None,
            "language": run.place.settings.language,
            "sample": None,
            "as_of": run.place.now,
            **concluded,
            "verdict": verdict,
            "reason": concluded["reason"] if verdict is of_topic else reason_of(checks, verdict),
            "checks": [*concluded["checks"], *checks],
            "made_at": run.place.now,
            "parameters": run.parameters,
            "provenance": {
                "window": None,
                "source": None,
                **asdict(read_checkout(run.place.project)),
                **told,
                "queries": [*told.get("queries", ()), *(query for query, _ in run.asked)],
                "versions": {
                    "reliability": __version__,
                    "python": platform.python_version(),
                    **{name: version(name) for name in _LIBRARIES},
                },
            },
        },
    )
    said = headline(report.data, language=report.language)
    return replace(report, data={**report.data, "headline": said})


def no_data(error: SourceError) -> dict[str, Any]:
    """Return the part of a report's JSON that says why nothing was judged.

    Args:
        error: Why not.

    Returns:
        The verdict NO_DATA with the error as reason and message, without figures and checks.
    """
    return {
        "verdict": Verdict.NO_DATA,
        "reason": error.slug,
        "cautions": [],
        "figures": [],
        "checks": [],
        "error": _problem(error),
    }


def _problem(error: SourceError) -> dict[str, str]:
    return {"slug": error.slug, "message": str(error)}
