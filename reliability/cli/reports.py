"""The commands `report` and `render`: run notebooks and write their pages, or write those of a stored run anew."""

import re
from pathlib import Path
from typing import Final

import click

from reliability.cli import RUN_ERROR_STATUS, STATUSES
from reliability.cli.printing import print_json
from reliability.clock import SystemClock
from reliability.report.catalogue import choose_notebooks
from reliability.report.parameters import gather_parameters
from reliability.report.pipeline import make_reports
from reliability.report.rerender import render_run, renew_index
from reliability.settings_file import find_project_folder, read_settings

_RUN_ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")


@click.command(
    epilog=f"""\b
Examples:
  reliability report
  reliability report canary -p source=sample:fail -p margin_percent=5
  reliability report analyses/my_report.ipynb --csv

{STATUSES}"""
)
@click.argument("names", nargs=-1)
@click.option("--sample", metavar="NAME", help="Canary sample: pass (default), fail, unsure or nodata.")
@click.option("-p", "assignments", metavar="NAME=VALUE", multiple=True, help="Set a parameter.")
@click.option("-f", "file", type=click.Path(path_type=Path), help="Set parameters from a YAML file.")
@click.option("--out", default="outputs", show_default=True, type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--csv", "keep_increments", is_flag=True, help="Keep a CSV of the increments beside the pages.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def report(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    sample: str | None,
    assignments: tuple[str, ...],
    file: Path | None,
    out: Path,
    keep_increments: bool,
    as_json: bool,
) -> None:
    """Run the notebooks NAMES (all by default) and write their pages.

    A name is a notebook's file name or the beginning of it; with a slash or .ipynb it is a
    path inside the project. The status is 0 when the pages exist, whatever they say; use
    `gate` to judge them.
    """
    project = find_project_folder(Path.cwd())
    settings = read_settings(project)
    batch = make_reports(
        choose_notebooks(names, project),
        gather_parameters(file, assignments, sample),
        project=project,
        outputs=out,
        settings=settings,
        clock=SystemClock(),
        progress=lambda line: click.echo(line, err=True),
        keep_increments=keep_increments,
    )
    if as_json:
        reports_made = {
            made.report: {"verdict": made.verdict.value, "pages": [str(page) for page in made.pages]}
            for made in batch.reports
        }
        print_json({"run_id": batch.run_id, "reports": reports_made, "index": [str(page) for page in batch.index]})
    else:
        for made in batch.reports:
            click.echo(f"{made.report}: {made.verdict.value}: {made.data['headline']}")
        click.echo(str(batch.index[0]))
    for made in batch.reports:
        if made.failed:
            click.echo(f"error: {made.data['error']['message']}", err=True)
    ctx.exit(RUN_ERROR_STATUS if any(made.failed for made in batch.reports) else 0)


@click.command(
    epilog=f"""\b
Examples:
  reliability render
  reliability render 20261126T184000Z-1a2b3c4d canary

{STATUSES}"""
)
@click.argument("words", nargs=-1, metavar="[RUN] [NAMES]...")
@click.option("--out", default="outputs", show_default=True, type=click.Path(path_type=Path), help="Folder of results.")
def render(words: tuple[str, ...], out: Path) -> None:
    """Write the pages of RUN (the newest by default) and the status page anew, from what the run stored.

    No kernel starts and no server is asked: an older run gets the looks of this version, its
    numbers and verdicts stay. NAMES limits it to some reports of the run.
    """
    project = find_project_folder(Path.cwd())
    settings = read_settings(project)
    run_id = words[0] if words and _RUN_ID.fullmatch(words[0]) else None
    names = words if run_id is None else words[1:]
    for page in render_run(out, run_id, names, settings=settings):
        click.echo(str(page))
    click.echo(str(renew_index(out, project=project, settings=settings, clock=SystemClock())[0]))
