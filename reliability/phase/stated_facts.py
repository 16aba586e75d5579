"""Reads what the lines of a phase document state: goals, coverages, dates, tasks and their states.

The document is believed as it stands and verified nowhere. What cannot be told apart by the words of the
line is left unplaced and reported, not guessed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from reliability.phase.stated_lines import StatedLine, fold

_PERCENT: Final = r"(?P<about>~|≈|aprox\w*\.?\s|about\s|around\s)?\s*(?P<percent>\d{1,3}(?:[.,]\d+)?)\s?%"
_DONE: Final = r"(completad|hech|terminad)[oa]s?|completed?|done|finished"
_IS_DONE: Final = re.compile(rf"(?P<what>.+?)\s*:\s*({_DONE})\.?", re.IGNORECASE)
_DONE_MARK: Final = re.compile(rf"\s*\(({_DONE})\)\.?\s*|^\[x\]\s+", re.IGNORECASE)
_OPEN_MARK: Final = re.compile(r"^\[ \]\s+")
_NEXT: Final = re.compile(
    r"((pr[oó]ximo|siguiente) (objetivo|paso)|next (goal|objective|target|step))\s*:\s*", re.IGNORECASE
)
_PURPOSE: Final = re.compile(
    r"(objetivo( general)?|prop[oó]sito|(general |overall )?goal|purpose|aim)\s*:\s*", re.IGNORECASE
)
_RISK: Final = re.compile(r"^(riesgo|risk)\s*:\s*", re.IGNORECASE)
_MITIGATION: Final = re.compile(r"\s*(?:→|->|=>)\s*(?:mitigaci[oó]n|mitigation)?\s*:?\s*", re.IGNORECASE)
_COVERAGE: Final = re.compile(r"cobertura|coverage")
_WHOLE: Final = re.compile(
    r"(full|whole|entire) (test )?suite|suite (completa|entera)|toda la suite|all (the )?tests|todas las pruebas|"
    r"cobertura (total|global)|(total|overall) coverage"
)
_NOT_GREEN: Final = re.compile(r"\b(fall|fail|parcial|partial|broken|rot[oa])")
_FILE: Final = re.compile(r"[\w/-]+\.py\b")
_DAY: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_GROUP: Final = re.compile(r"^(tests?|pruebas?)\s", re.IGNORECASE)
_FILLERS: Final = re.compile(
    r"crear|anadir|escribir|agregar|hacer|de|del|el|la|los|las|un|una|y|e|para|por|con|en|"
    r"create|add|write|make|do|the|an?|and|of|for|with|to|in"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedFigure:
    """A coverage that the document states; None: it gives only words."""

    label: str
    percent: Decimal | None
    approximate: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEntry:
    """A line of the document's record.

    Attributes:
        day: Day that it names, else the last one named above it; None: none was.
        has_day: It names its day itself.
        text: Its words.
        percent: Coverage of the whole suite, when the line states it.
    """

    day: date | None
    has_day: bool
    text: str
    percent: Decimal | None


@dataclass(slots=True, kw_only=True)
class StatedFacts:
    """What a document states; filled line by line.

    Attributes:
        title: Title; empty without a heading.
        purpose: What the phase is for.
        begun: First day that the record names.
        goals_percent: Goals of coverage, rising.
        targets: Goals in words.
        scope: What the phase covers.
        risks: Risks with mitigations.
        whole_suite: Coverage of the whole suite.
        is_green: That suite was green.
        figures: Coverages of single files.
        tasks: Text and whether it is done.
        next_steps: Open steps, the next objective first.
        entries: Lines of the record.
        notes: What was concluded from more than one line, with line numbers.
        unplaced: Lines that went nowhere.
    """

    title: str = ""
    purpose: str = ""
    begun: date | None = None
    goals_percent: list[Decimal] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    scope: list[str] = field(default_factory=list)
    risks: list[tuple[str, str]] = field(default_factory=list)
    whole_suite: StatedFigure | None = None
    is_green: bool = False
    figures: list[StatedFigure] = field(default_factory=list)
    tasks: list[tuple[str, bool]] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    entries: list[StatedEntry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unplaced: list[StatedLine] = field(default_factory=list)


def read_facts(lines: Iterable[StatedLine]) -> StatedFacts:
    """Read what the lines of a document state.

    Args:
        lines: In order.

    Returns:
        The facts, with the lines that could not be placed.
    """
    facts = StatedFacts()
    steps: list[StatedLine] = []
    for line in lines:
        if line.section == "steps" and line.is_item:
            steps.append(line)
        elif not _place(facts, line):
            facts.unplaced.append(line)
    _take_steps(facts, steps)
    return facts


def percents_in(text: str) -> list[tuple[Decimal, bool]]:
    """Return the percentages of a text, each with whether it is approximate."""
    found = re.finditer(_PERCENT, text, re.IGNORECASE)
    return [(Decimal(one["percent"].replace(",", ".")), bool(one["about"])) for one in found]


def _place(facts: StatedFacts, line: StatedLine) -> bool:
    """Put a line where it belongs; False: nowhere."""
    match line.section:
        case "title":
            facts.title = line.text
        case "opening" if not facts.purpose and not line.is_item:
            facts.purpose = _behind(_PURPOSE, line.text)
        case "goals" if line.is_item:
            facts.targets.append(line.text)
            if not facts.goals_percent and _COVERAGE.search(line.folded):
                facts.goals_percent = sorted({percent for percent, _ in percents_in(line.text)})
        case "scope" if line.is_item:
            facts.scope.append(line.text)
        case "risks" if line.is_item:
            return _take_risk(facts, line)
        case "record" if line.is_item:
            _take_record(facts, line)
        case _:
            return False
    return True


def _behind(label: re.Pattern[str], text: str) -> str:
    return _capital(label.sub("", text, count=1) if label.match(text) else text)


def _take_risk(facts: StatedFacts, line: StatedLine) -> bool:
    risk, *mitigation = _MITIGATION.split(line.text, maxsplit=1)
    if not mitigation or not mitigation[0]:
        return False
    facts.risks.append((_capital(_RISK.sub("", risk)), _capital(mitigation[0])))
    return True


def _take_record(facts: StatedFacts, line: StatedLine) -> None:
    named = _day_in(line.text)
    facts.begun = facts.begun or named
    last = facts.entries[-1].day if facts.entries else None
    percent = None
    if _COVERAGE.search(line.folded) and not _NEXT.match(line.text):
        percent = _take_coverage(facts, line)
    facts.entries.append(StatedEntry(day=named or last, has_day=named is not None, text=line.text, percent=percent))
    done, coming = _IS_DONE.fullmatch(line.text), _NEXT.match(line.text)
    if done:
        facts.tasks += [(_capital(task), True) for task in _tasks_in(done["what"])]
    elif coming:
        facts.tasks.append((_behind(_NEXT, line.text), False))
        facts.next_steps.append(_behind(_NEXT, line.text))


def _take_coverage(facts: StatedFacts, line: StatedLine) -> Decimal | None:
    percents = percents_in(line.text)
    if _WHOLE.search(line.folded) and percents:
        percent, about = percents[0]
        facts.whole_suite = StatedFigure(label="", percent=percent, approximate=about, note=line.text)
        facts.is_green = not _NOT_GREEN.search(line.folded)
        return percent
    names = list(_FILE.finditer(line.text))
    cuts = [0, *(name.end() for name in names)]  # "100 % in a.py, 80 % in b.py"
    if names and not percents_in(line.text[: names[0].start()]):
        cuts = [*(name.end() for name in names), len(line.text)]  # "a.py: 100 %, b.py: 80 %"
    for place, name in enumerate(names):
        stated = percents_in(line.text[cuts[place] : cuts[place + 1]])
        figure = StatedFigure(
            label=name[0],
            percent=stated[0][0] if stated else None,
            approximate=bool(stated) and stated[0][1],
            note=line.text,
        )
        facts.figures.append(figure)
    return None


def _take_steps(facts: StatedFacts, steps: list[StatedLine]) -> None:
    """Take the steps last: what the record says is done is done, whatever the step's own line says."""
    recorded = {word for task, is_done in facts.tasks if is_done for word in _words(task)}
    open_tasks = [task for task in facts.tasks if not task[1]]
    facts.tasks = [task for task in facts.tasks if task[1]]
    for step in steps:
        text = _OPEN_MARK.sub("", _DONE_MARK.sub("", step.text))
        if _DONE_MARK.search(step.text):
            facts.tasks.append((text, True))
        elif _words(text) and _words(text) <= recorded:
            facts.notes.append(
                f"line {step.number}: taken as done, because the record says so of all its parts: {text}"
            )
        else:
            open_tasks.append((text, False))
            facts.next_steps.append(text)
    facts.tasks += open_tasks


def _tasks_in(text: str) -> list[str]:
    """Split "tests A, B and C" into its tasks."""
    if "," not in text:
        return [text]
    group = _GROUP.match(text)
    parts = [part.strip() for part in re.split(r",\s*(?:y|and)?\s+|\s(?:y|and)\s", text) if part.strip()]
    return [parts[0], *(f"{group[0] if group else ''}{part}" for part in parts[1:])]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", fold(text)) if not _FILLERS.fullmatch(word)}


def _capital(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:]


def _day_in(text: str) -> date | None:
    for found in _DAY.findall(text):
        try:
            return date.fromisoformat(found)
        except ValueError:  # 2025-13-40
            continue
    return None
