"""The command `reliability phase import`: an earlier phase's Markdown document as data, not verified here.

Writes the phase's TOML and one entry of kind `imported` for each line of its record, and reports every line
that went nowhere. What lines state is read by `reliability.phase.stated_facts`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click
import tomlkit

from reliability.atomic import write_text_whole
from reliability.errors import DocumentError, MissingEvidenceError, UsageError
from reliability.phase.stated_facts import StatedFacts, read_facts
from reliability.phase.stated_lines import fold, language_of, read_lines
from reliability.report.words import LANGUAGES, printable, words_in
from reliability.settings import RECORD_FOLDER
from reliability.settings_file import find_project_folder
from reliability.sources.phase_document import ImportedPhase
from reliability.sources.record import Entry, Stated, append_entry
from reliability.sources.validation import refusing

_LONGEST_ID: Final = 60
_LONGEST_TEXT: Final = 2000
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NEEDED: Final = {
    "title": "a heading that names the phase",
    "purpose": "a paragraph under the title, such as 'General goal: ...'",
    "goals_percent": "a goal of coverage with its percentage, such as '- Coverage: at least 35% (up to 40%)'",
    "whole_suite": "a line of the record such as '- Coverage of the whole suite: 22.2%'",
}


@click.command(
    "import",
    epilog="""\b
Examples:
  reliability phase import docs/phase_3.md
  reliability phase import docs/fase_3.md --id fase3 --language es

\b
Exit status: 0 done, 2 usage or no phase document, 4 no such file, 5 run error.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--id", "phase_id", metavar="NAME", help="Name of the phase in files.  [default: from its title]")
@click.option("--language", type=click.Choice(LANGUAGES), help="Language of its texts.  [default: by its headings]")
@click.option("--out", type=click.Path(path_type=Path), help="TOML file to write.  [default: <id>.toml]")
def import_phase(*, file: Path, phase_id: str | None, language: str | None, out: Path | None) -> None:
    """Read the Markdown document of an earlier phase (goals, scope, risks, next steps, record).

    Its figures are kept as stated, not verified. A file that exists is never changed, and lines
    that could not be placed are reported.
    """
    text = _read(file)
    facts = read_facts(read_lines(text))
    _check_whole(facts, file)
    name = phase_id or slug(facts.title.partition(":")[0])
    if len(name) > _LONGEST_ID or not _ID.fullmatch(name):
        raise UsageError(f"{name!r} names no phase: small letters, digits and single hyphens. Name it with --id.")
    project = find_project_folder(Path.cwd())
    target = out or project / f"{name}.toml"
    with refusing(f"{file} as a phase", cure="Mend the document and import it again."):
        document = phase_toml(facts, phase_id=name, file=file.name, language=language or language_of(text))
        entries = list(_entries(facts, phase_id=name, file=file.name))
    if target.exists() and target.read_bytes() != document.encode():
        raise UsageError(f"{target} exists and says something else; it was not changed. Choose another with --out.")
    folder = project / RECORD_FOLDER / name
    for entry in entries:
        append_entry(folder, entry)
    write_text_whole(target, document)
    for line in _told(facts, file=file, target=target, folder=folder, entries=entries):
        click.echo(printable(line))


def slug(text: str) -> str:
    """Make a name for files and keys out of text; empty when nothing of it can be kept."""
    return re.sub(r"[^a-z0-9]+", "-", fold(text))[:_LONGEST_ID].strip("-")


def phase_toml(facts: StatedFacts, *, phase_id: str, file: str, language: str) -> str:
    """Write what a document states as the TOML of an imported phase.

    Args:
        facts: What it states, whole.
        phase_id: Names the phase.
        file: Name of the document.
        language: Language of its texts, which stand untranslated in both.

    Returns:
        The file; it can be read as an `ImportedPhase`.

    Raises:
        pydantic.ValidationError: A text or a figure does not fit.
    """
    document = _document(facts, phase_id=phase_id, file=file)
    other = next(code for code in LANGUAGES if code != language)
    written = tomlkit.dumps(_for_toml(document))
    ImportedPhase.model_validate(tomllib.loads(written, parse_float=Decimal))
    return (
        f"# Imported from {printable(file)}; nothing in it was verified here. Its texts are in '{language}' and stand "
        f"untranslated\n# in both languages: translate those of '{other}'.\n\n{written}"
    )


def _document(facts: StatedFacts, *, phase_id: str, file: str) -> dict[str, Any]:
    whole = facts.whole_suite
    return {
        "id": phase_id,
        "kind": "imported",
        "begun": facts.begun,
        "goals_percent": facts.goals_percent,
        "title": _both(facts.title),
        "purpose": _both(facts.purpose),
        "origin": {code: words_in(code).plain("document.import.origin", file=file) for code in LANGUAGES},
        "whole_suite": whole
        and {
            "percent": whole.percent,
            "approximate": whole.approximate,
            "green": facts.is_green,
            "note": _both(whole.note),
        },
        "targets": [_both(text) for text in facts.targets],
        "figures": [
            {
                "label": _both(one.label),
                "percent": one.percent,
                "approximate": one.approximate,
                "note": _both(one.note),
            }
            for one in facts.figures
        ],
        "scope": [_both(text) for text in facts.scope],
        "next_steps": [_both(text) for text in facts.next_steps],
        "tasks": dict(_tasks(facts)),
        "risks": [{"risk": _both(risk), "mitigation": _both(mitigation)} for risk, mitigation in facts.risks],
    }


def _tasks(facts: StatedFacts) -> Iterator[tuple[str, dict[str, Any]]]:
    taken: set[str] = set()
    for text, is_done in facts.tasks:
        name = base = slug(text)[: _LONGEST_ID - 4].strip("-") or "task"
        number = 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        yield name, {"state": "done" if is_done else "open", "text": _both(text)}


def _both(text: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, text)


def _for_toml(value: Any) -> Any:
    """Write decimals as numbers and leave out what is absent or empty."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: _for_toml(part) for key, part in value.items() if part not in (None, [], {})}
    return [_for_toml(part) for part in value] if isinstance(value, list) else value


def _entries(facts: StatedFacts, *, phase_id: str, file: str) -> Iterator[Entry]:
    for place, line in enumerate(facts.entries):
        if line.day is None:
            continue
        how = "" if line.has_day else "; it names no day itself, so it stands under the day named before it"
        yield Entry(
            schema="reliability.record/2",
            kind="imported",
            phase=phase_id,
            commit_time=datetime.combine(line.day, time(), tzinfo=UTC) + timedelta(seconds=place),  # keeps the order
            stated=Stated(date=line.day, text=line.text[:_LONGEST_TEXT], percent=line.percent),
            reason=f"stated by {file}{how}"[:_LONGEST_TEXT],
        )


def _told(facts: StatedFacts, *, file: Path, target: Path, folder: Path, entries: list[Entry]) -> Iterator[str]:
    yield f"{target} is written: goals {', '.join(f'{goal.normalize():f} %' for goal in facts.goals_percent)}"
    done = sum(is_done for _, is_done in facts.tasks)
    yield f"  {done} of {len(facts.tasks)} tasks done, {len(facts.scope)} items of scope, {len(facts.risks)} risks"
    yield f"{folder}: {len(entries)} entries of kind imported"
    yield from (f"note: {file}, {note}" for note in facts.notes)
    yield from (f"no day, so no entry: {line.text}" for line in facts.entries if line.day is None)
    yield from (f"not placed: {file}:{line.number}: {line.text}" for line in facts.unplaced)
    yield f'show it with phase_file = "{target.name}" under [phase] of reliability.toml'


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as err:
        raise MissingEvidenceError(f"{path} does not exist. Name the Markdown document of the phase.") from err
    except (OSError, UnicodeDecodeError) as err:
        raise DocumentError(f"{path} cannot be read as UTF-8 text ({err}). Name a Markdown file.") from err


def _check_whole(facts: StatedFacts, file: Path) -> None:
    missing = [wanted for name, wanted in _NEEDED.items() if not getattr(facts, name)]
    if missing:
        raise DocumentError(
            f"{file} is no phase document. It lacks: {'; '.join(missing)}. Add that and import it again."
        )
