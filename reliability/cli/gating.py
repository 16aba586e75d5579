"""The command `gate`: judge a run, say so in the form that is asked for, and by the exit status."""

from pathlib import Path

import click

from reliability.atomic import write_text_whole
from reliability.cli import STATUSES
from reliability.cli.gate_formats import as_json, as_junit, as_markdown, as_text
from reliability.clock import SystemClock
from reliability.errors import SourceError
from reliability.report.catalogue import find_reports
from reliability.report.gate import Gate, judge_gate
from reliability.report.words import words_in
from reliability.settings_file import find_project_folder, read_settings
from reliability.sources.checkout import read_checkout


@click.command(
    epilog=f"""\b
Examples:
  reliability gate
  reliability gate canary --format json

{STATUSES}"""
)
@click.argument("names", nargs=-1)
@click.option("--run", "run_id", metavar="ID", help="Judge this run, even if it is of another commit.")
@click.option("--out", default="outputs", show_default=True, type=click.Path(path_type=Path), help="Folder of results.")
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json", "markdown", "junit"]),
    help="Form of the decision; the exit status is the same.",
)
@click.option("--to", type=click.Path(path_type=Path), help="Write it to this file, and the text to the terminal.")
@click.option("--url", default="", metavar="BASE", help="Address of the results for the links of Markdown.")
@click.pass_context
def gate(
    ctx: click.Context, *, names: tuple[str, ...], run_id: str | None, out: Path, form: str, to: Path | None, url: str
) -> None:
    """Judge the newest run and say so by the exit status.

    NAMES limits the judgement to some reports. By default all of the run are judged, and a
    release needs all that `reliability report` makes: the shipped ones and those in notebooks/.
    """
    project = find_project_folder(Path.cwd())
    checkout, words, problem = read_checkout(project), words_in(read_settings(project).language), None
    try:
        decided = judge_gate(
            out, names, run_id=run_id, checkout=checkout, required=find_reports(project), now=SystemClock().now()
        )
    except SourceError as err:
        decided, problem = Gate(run_id="", reports={}), err
    why = str(problem or "")
    text = as_text(decided)
    document = {
        "text": lambda: text,
        "json": lambda: as_json(decided, why),
        "junit": lambda: as_junit(decided, why, words=words),
        "markdown": lambda: as_markdown(
            decided, why, words=words, outputs=out, base=url, is_release=not names
        ),
    }[form]()  # fmt: skip
    if to is not None:
        write_text_whole(to, document + "\n")
    click.echo(document if to is None else text)
    if problem:
        raise problem
    ctx.exit(decided.status)
