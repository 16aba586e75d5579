"""The command `reliability phase document`: one Markdown file that people and the program write together.

Generated parts follow from the phase's TOML and its record alone, so that `--check` says the same on
every machine; observations are left out of them, else each run would make the document stale. What
stands outside their markers is people's. Nothing is measured or judged here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reliability.atomic import write_bytes_whole
from reliability.errors import DocumentError
from reliability.notebook.shares import rounded_down
from reliability.phase.asking import Asked, open_phase, phase_option, record_option
from reliability.phase.document_parts import parts_in, replace_parts
from reliability.phase.markdown_text import as_code, in_markdown
from reliability.report.words import Words, printable, words_in
from reliability.shipped import shipped_folder
from reliability.sources.phase_document import BilingualText
from reliability.sources.record import Entry, PhaseRecord, ThresholdChange, read_record

DOCUMENT_NAME: Final = "phase.md"
PARTS: Final = ("summary", "goals", "scope", "requirements", "risks", "next-steps", "record")
_STALE_STATUS: Final = 1
_TEMPLATE: Final = "phase_document.md.j2"


@click.command(
    epilog="""\b
Examples:
  reliability phase document
  reliability phase document --check

\b
Exit status:
  0 done, or with --check up to date, 1 with --check stale or missing,
  2 usage, settings or damaged markers, 4 no phase file, 5 run error."""
)
@click.option("--check", is_flag=True, help="Change nothing: only say whether the document is up to date.")
@phase_option
@record_option
@click.pass_context
def document(ctx: click.Context, *, check: bool, phase: Path | None, record: Path | None) -> None:
    """Bring the phase's Markdown document up to date, beside its record.

    Only the parts between its markers are written; text outside of them is never touched, and a
    document whose markers are damaged is not changed at all.
    """
    asked = open_phase(phase, record=record)
    path = asked.record_folder / DOCUMENT_NAME
    known = read_record(asked.record_folder)
    for name, problem in known.unreadable.items():
        click.echo(printable(f"warning: {name} is no entry of the record: {problem}"), err=True)
    old = _read(path)
    new = update_document(old, asked, known, where=str(path))
    if new == old:
        click.echo(printable(f"up to date: {path}"))
        return
    stale = stale_parts(old, new, where=str(path))
    if check:
        click.echo(printable(f"stale: {path} ({', '.join(stale)}); run: reliability phase document"))
        ctx.exit(_STALE_STATUS)
    write_bytes_whole(path.resolve(), new.encode(), mode=path.stat().st_mode & 0o777 if path.exists() else 0o644)
    click.echo(printable(f"{'updated' if old else 'started'}: {path} ({', '.join(stale)})"))


def update_document(old: str | None, asked: Asked, record: PhaseRecord, *, where: str) -> str:
    """Write the document of a phase, or bring one up to date.

    Args:
        old: The document as it is; None or empty: a new one is started.
        asked: The phase.
        record: Its record.
        where: Names the document in messages.

    Returns:
        The document; outside its generated parts it equals `old`.

    Raises:
        DocumentError: The markers of `old` are damaged.
    """
    fresh = _render(asked, record)
    if not old:
        return fresh
    return replace_parts(old, parts_in(fresh, known=frozenset(PARTS), where=_TEMPLATE), where=where)


def stale_parts(old: str | None, new: str, *, where: str) -> list[str]:
    """Name the generated parts that differ; of a document that is not there all."""
    known = frozenset(PARTS)
    before = parts_in(old or "", known=known, where=where)
    after = parts_in(new, known=known, where=where)
    return [name for name in after if before.get(name) != after[name]]


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as err:
        raise DocumentError(f"{path} cannot be read as UTF-8 text ({err}). Mend it; it was not changed.") from err


def _render(asked: Asked, record: PhaseRecord) -> str:
    words = words_in(asked.phase.language)
    environment = Environment(
        loader=FileSystemLoader(shipped_folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value if isinstance(value, Markup) else Markup(in_markdown(value)),  # noqa: S704 -- Markdown, escaped as such
    )
    environment.filters["code"] = lambda value: Markup(as_code(value))  # noqa: S704 -- the same
    environment.globals["t"] = words.plain
    return environment.get_template(_TEMPLATE).render(_view(asked, record, words))


def _view(asked: Asked, record: PhaseRecord, words: Words) -> dict[str, Any]:
    phase = asked.phase

    def said(text: BilingualText) -> str:
        return str(getattr(text, words.language))

    lasting = [entry for entry in record.valid if entry.kind != "observation"]
    measured = [entry for entry in lasting if entry.coverage]
    last = measured[-1].coverage.fraction if measured and measured[-1].coverage else None
    goal = next((goal for goal in phase.goal_fractions if last is None or last < goal), None)
    states = next((entry.state.requirements for entry in reversed(lasting) if entry.state), {})
    return {
        "title": said(phase.title),
        "purpose": said(phase.purpose),
        "origin": said(phase.origin),
        "begun": phase.begun and phase.begun.isoformat(),
        "floor_fraction": float(phase.floor_fraction),
        "goals": [float(goal) for goal in phase.goal_fractions],
        "last": _row(measured[-1], words) if measured else None,
        "next_goal_fraction": None if goal is None else float(goal),
        "missing_points": None if goal is None or last is None else 100 * float(goal - last),
        "targets": [said(text) for text in phase.targets],
        "module_goals": [
            {
                "glob": goal.glob,
                "lines_fraction": float(goal.lines_percent / 100),
                "branches_fraction": None if goal.branches_percent is None else float(goal.branches_percent / 100),
                "each": goal.each,
            }
            for goal in phase.module_goals
        ],
        "scope": [said(text) for text in phase.scope],
        "requirements": [
            {"id": name, "text": said(wanted.text), "state": _state(states.get(name), words)}
            for name, wanted in phase.requirements.items()
        ],
        "risks": [
            {"risk": said(one.risk), "mitigation": said(one.mitigation), "check": one.check} for one in phase.risks
        ],
        "next_steps": [said(text) for text in phase.next_steps],
        "tasks": [{"text": said(task.text), "is_done": task.state == "done"} for task in phase.tasks.values()],
        "tasks_done_count": sum(task.state == "done" for task in phase.tasks.values()),
        "entries": [_row(entry, words) for entry in lasting],
        "unreadable_count": len(record.unreadable),
    }


def _state(state: str | None, words: Words) -> str:
    key = f"phase.requirements.state.{state}"
    return words.plain(key) if words.knows(key) else words.plain("document.not_recorded")


def _row(entry: Entry, words: Words) -> Mapping[str, Any]:
    unit = entry.figures.unit if entry.figures else None
    return {
        "day": entry.commit_time.date().isoformat(),
        "kind": words.plain(f"phase.record.kind.{entry.kind}"),
        "shown_fraction": rounded_down(entry.coverage.fraction) if entry.coverage else None,
        "unit_fraction": rounded_down(unit.fraction) if unit else None,
        "threshold": _change(entry.threshold) if entry.threshold else None,
        "passed_count": sum(suite.passed for suite in entry.suites.values()),
        "said": (entry.stated.text if entry.stated else entry.reason).rstrip("."),
        "commit": (entry.commit or "")[:12],
    }


def _change(change: ThresholdChange) -> dict[str, float | None]:
    before = change.from_percent
    return {
        "from_fraction": None if before is None else float(before / 100),
        "to_fraction": float(change.to_percent / 100),
    }
