"""Reads a runbook: Markdown that people follow at night, with steps that a program can time.

Front matter names budget and people; a fenced block whose info string names a step is one.
Running steps does not belong here, and neither does the question whether a drill was good.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BeforeValidator, Field, model_validator

from reliability.errors import BrokenEvidenceError
from reliability.sources.validation import Strict, read_evidence, refusing

_FRONT_MATTER: Final = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})(s|m|h)")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def _seconds(text: object) -> int:
    found = _DURATION.fullmatch(str(text))
    if found is None:
        raise ValueError("no duration; write it as 60s, 15m or 1h")
    return int(found[1]) * _UNIT_SECONDS[found[2]]


Line = Annotated[str, Field(min_length=1, max_length=500)]
Seconds = Annotated[int, BeforeValidator(_seconds)]


class RunbookStep(Strict):
    """One step.

    Attributes:
        id: Unique name; drills are compared by it.
        kind: What it does: decide, check, act, verify or tell somebody.
        budget_seconds: How long it may take.
        title: Heading above it.
        prose: Paragraphs between that heading and the step, as plain text.
        command: Content of the fence.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", alias="step")]
    kind: Literal["decision", "check", "action", "verify", "notify"]
    budget_seconds: Seconds = Field(alias="budget")
    title: str
    prose: tuple[str, ...]
    command: str


class Runbook(Strict):
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

    title: Line
    budget_seconds: Seconds = Field(alias="budget")
    owner: Line
    decider: Line
    deputy: Line
    triggers: Annotated[list[Line], Field(min_length=1)]
    steps: tuple[RunbookStep, ...]
    sha256: str

    @property
    def planned_seconds(self) -> int:
        """Sum of the steps' budgets."""
        return sum(step.budget_seconds for step in self.steps)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.steps:
            raise ValueError("there is no step; write one as a fenced block: ```sh step=NAME kind=check budget=60s")
        name, count = Counter(step.id for step in self.steps).most_common(1)[0]
        if count > 1:
            raise ValueError(f"step {name} twice; each step needs its own name")
        if self.planned_seconds > self.budget_seconds:
            raise ValueError(
                f"the steps may take {self.planned_seconds} s, the whole only {self.budget_seconds} s; "
                f"shorten budgets of steps or drop steps"
            )
        return self


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
    body = read_evidence(path, cure="Name the runbook with runbook_file.")
    front, rest = _front_matter(body, path=path)
    steps = _steps(MarkdownIt("commonmark").parse(rest), path=path)
    with refusing(f"{path} is no runbook", cure="Mend its front matter or its steps."):
        return Runbook.model_validate({**front, "steps": steps, "sha256": hashlib.sha256(body).hexdigest()})


def _front_matter(body: bytes, *, path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = body.decode("utf-8")
        found = _FRONT_MATTER.match(text)
        front = yaml.safe_load(found[1]) if found else None
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        problem = " ".join(str(err).split())
        raise BrokenEvidenceError(f"{path}: the front matter is no YAML in UTF-8 ({problem}); mend it.") from err
    if not (found and isinstance(front, dict)):
        raise BrokenEvidenceError(
            f"{path} has no front matter; begin it with a line '---', then title, budget, owner, decider, "
            f"deputy and triggers, then a line '---'."
        )
    return front, text[found.end() :]


def _steps(tokens: Sequence[Token], *, path: Path) -> tuple[RunbookStep, ...]:
    steps = []
    title, prose = "", list[str]()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            title, prose = _plain(tokens[index + 1]), []
        elif token.type == "inline" and tokens[index - 1].type == "paragraph_open":
            prose.append(_plain(token))
        elif token.type == "fence" and "=" in token.info:
            steps.append(_step(token, title=title, prose=tuple(prose), path=path))
            prose = []
    return tuple(steps)


def _step(fence: Token, *, title: str, prose: tuple[str, ...], path: Path) -> RunbookStep:
    info = dict(word.split("=", 1) for word in fence.info.split() if "=" in word)
    with refusing(f"{path}, step under '{title}'", cure="Write each once: step=NAME kind=KIND budget=60s."):
        return RunbookStep.model_validate(
            {**info, "title": title, "prose": prose, "command": fence.content.rstrip("\n")}
        )


def _plain(inline: Token) -> str:
    """Text of an inline token without its marks; nothing of it is ever HTML."""
    children = inline.children or []
    return "".join(" " if c.type in {"softbreak", "hardbreak"} else c.content for c in children)
