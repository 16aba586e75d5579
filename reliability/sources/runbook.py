"""Reads a runbook: Markdown that people follow at night, with steps that a program can time.

Front matter names budget and people; a fenced block whose info string names a step is one.
Running steps does not belong here, and neither does the question whether a drill was good.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.validation import first_problem

StepKind = Literal["decision", "check", "action", "verify", "notify"]
KINDS: Final = get_args(StepKind)
_STEP_KEYS: Final = ("step", "kind", "budget")
_FRONT_MATTER: Final = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})(s|m|h)")
_STEP_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStep:
    """One step.

    Attributes:
        id: Unique name; drills are compared by it.
        kind: What it does: decide, check, act, verify or tell somebody.
        budget_seconds: How long it may take.
        title: Heading above it.
        prose: Paragraphs between that heading and the step, as plain text.
        command: Content of the fence.
    """

    id: str
    kind: str
    budget_seconds: int
    title: str
    prose: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A whole runbook.

    Attributes:
        title: What it does.
        budget_seconds: How long the whole may take; the steps' budgets fit in it.
        owner: Who keeps it true.
        decider: Who decides.
        deputy: Who decides when the decider does not answer.
        triggers: What is reason enough.
        steps: At least one.
        sha256: Digest of the file.
    """

    title: str
    budget_seconds: int
    owner: str
    decider: str
    deputy: str
    triggers: tuple[str, ...]
    steps: tuple[RunbookStep, ...]
    sha256: str


Line = Annotated[str, Field(min_length=1, max_length=500)]


class _FrontMatter(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    title: Line
    budget: Line
    owner: Line
    decider: Line
    deputy: Line
    triggers: Annotated[list[Line], Field(min_length=1)]


def read_runbook(path: Path) -> Runbook:
    """Read a runbook.

    Args:
        path: Markdown file with front matter and steps.

    Returns:
        The runbook with its steps and digest.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: Front matter or a step is not what a runbook needs: an unknown
            key, a step named twice, budgets that do not fit in the whole.
    """
    try:
        body = path.read_bytes()
    except OSError as err:
        raise MissingEvidenceError(
            f"{path} could not be read ({err.strerror or err}). Name the runbook with runbook_file."
        ) from err
    return decode_runbook(body, where=str(path))


def decode_runbook(body: bytes, *, where: str) -> Runbook:
    """Decode the bytes of a runbook; see `read_runbook`.

    Args:
        body: The whole file.
        where: Name of the file for messages.

    Returns:
        The runbook.

    Raises:
        BrokenEvidenceError: As for `read_runbook`.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as err:
        raise BrokenEvidenceError(f"{where} is not UTF-8: {err}. Save it as UTF-8.") from err
    front, rest = _front_matter(text, where=where)
    budget_seconds = _seconds(front.budget, where=f"{where}, budget")
    steps = _steps(MarkdownIt("commonmark").parse(rest), where=where)
    _check_steps(steps, budget_seconds, where=where)
    return Runbook(
        title=front.title,
        budget_seconds=budget_seconds,
        owner=front.owner,
        decider=front.decider,
        deputy=front.deputy,
        triggers=tuple(front.triggers),
        steps=steps,
        sha256=hashlib.sha256(body).hexdigest(),
    )


def _front_matter(text: str, *, where: str) -> tuple[_FrontMatter, str]:
    found = _FRONT_MATTER.match(text)
    if found is None:
        raise BrokenEvidenceError(
            f"{where} has no front matter; begin it with a line '---', then title, budget, owner, decider, "
            f"deputy and triggers, then a line '---'."
        )
    try:
        front = _FrontMatter.model_validate(yaml.safe_load(found.group(1)))
    except ValidationError as err:
        raise BrokenEvidenceError(f"{where}, front matter: {first_problem(err)}. Mend that key.") from err
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise BrokenEvidenceError(
            f"{where}: the front matter is no YAML: {' '.join(str(err).split())}."
        ) from err
    return front, text[found.end() :]


def _steps(tokens: Sequence[Token], *, where: str) -> tuple[RunbookStep, ...]:
    steps = []
    title, prose = "", list[str]()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            title, prose = _plain(tokens[index + 1]), []
        elif token.type == "inline" and tokens[index - 1].type == "paragraph_open":
            prose.append(_plain(token))
        elif token.type == "fence" and "=" in token.info:
            steps.append(_step(token, title=title, prose=tuple(prose), where=where))
            prose = []
    return tuple(steps)


def _step(fence: Token, *, title: str, prose: tuple[str, ...], where: str) -> RunbookStep:
    place = f"{where}, step under '{title}'"
    info = _info(fence.info, place=place)
    if not _STEP_ID.fullmatch(info["step"]):
        raise BrokenEvidenceError(f"{place}: step={info['step']} must be lower-case letters, digits and '_'.")
    if info["kind"] not in KINDS:
        raise BrokenEvidenceError(
            f"{place}: kind={info['kind']} is unknown; it is one of {', '.join(KINDS)}."
        )
    return RunbookStep(
        id=info["step"],
        kind=info["kind"],
        budget_seconds=_seconds(info["budget"], where=place),
        title=title,
        prose=prose,
        command=fence.content.rstrip("\n"),
    )


def _info(text: str, *, place: str) -> Mapping[str, str]:
    words = text.split()
    pairs = [word.partition("=") for word in (words[1:] if "=" not in words[0] else words)]
    info = {key: value for key, _, value in pairs}
    unknown = [key for key in info if key not in _STEP_KEYS]
    missing = [key for key in _STEP_KEYS if not info.get(key)]
    if unknown or missing or len(info) != len(pairs):
        raise BrokenEvidenceError(
            f"{place}: '{text}' has unknown keys {unknown} or lacks {missing}. "
            f"Write each once: step=NAME kind=KIND budget=60s."
        )
    return info


def _check_steps(steps: Sequence[RunbookStep], budget_seconds: int, *, where: str) -> None:
    names = [step.id for step in steps]
    twice = sorted({name for name in names if names.count(name) > 1})
    planned = sum(step.budget_seconds for step in steps)
    if not steps:
        raise BrokenEvidenceError(
            f"{where} has no step; write one as a fenced block: ```sh step=NAME kind=check budget=60s."
        )
    if twice:
        raise BrokenEvidenceError(f"{where} names {', '.join(twice)} twice; each step needs its own name.")
    if planned > budget_seconds:
        raise BrokenEvidenceError(
            f"{where}: the steps may take {planned} s, the whole only {budget_seconds} s. "
            f"Shorten budgets of steps or drop steps."
        )


def _seconds(text: str, *, where: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BrokenEvidenceError(f"{where}: '{text}' is no duration; write it as 60s, 15m or 1h.")
    return int(found.group(1)) * _UNIT_SECONDS[found.group(2)]


def _plain(inline: Token) -> str:
    """Text of an inline token without its marks; nothing of it is ever HTML."""
    children = inline.children or []
    return "".join(" " if c.type in {"softbreak", "hardbreak"} else c.content for c in children)
