"""The commands `report` and `render`: run notebooks and write their pages, or write those of a stored run anew."""

from pathlib import Path

import click

from reliability.cli import RUN_ERROR_STATUS, STATUSES
from reliability.clock import SystemClock
from reliability.report.catalogue import choose_notebooks, find_strays
from reliability.report.gate import is_failed
from reliability.report.parameters import gather_parameters
from reliability.report.pipeline import make_reports
from reliability.report.rerender import render_run, renew_index
from reliability.settings_file import find_project_folder, read_settings


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
) -> None:
    """Run the notebooks NAMES (all by default) and write their pages.

    A name is a notebook's file name or the beginning of it; with a slash or .ipynb it is a
    path inside the project. The status is 0 whatever the verdicts are, which `gate` judges;
    it is 5 when a notebook failed, whose page then says why.
    """
    project = find_project_folder(Path.cwd())
    settings = read_settings(project)
    for path in find_strays(project) if not names else []:
        click.echo(f"{path} has no cell tagged 'parameters', so it is no report and is left out.", err=True)
    reports = make_reports(
        choose_notebooks(names, project),
        gather_parameters(file, assignments, sample),
        project=project,
        outputs=out,
        settings=settings,
        clock=SystemClock(),
        progress=lambda line: click.echo(line, err=True),
        keep_increments=keep_increments,
    )
    index = renew_index(out, project=project, settings=settings, clock=SystemClock())
    for made in reports:
        click.echo(f"{made['report']}: {made['verdict']}: {made['headline']}")
    click.echo(str(index[0]))
    failed = [made for made in reports if is_failed(made)]
    for made in failed:
        click.echo(f"error: {made['error']['message']}", err=True)
    ctx.exit(RUN_ERROR_STATUS if failed else 0)


@click.command(
    epilog=f"""\b
Examples:
  reliability render
  reliability render canary --run 20261126T184000Z-1a2b3c4d

{STATUSES}"""
)
@click.argument("names", nargs=-1)
@click.option("--run", "run_id", metavar="ID", help="The run; the newest by default.")
@click.option("--out", default="outputs", show_default=True, type=click.Path(path_type=Path), help="Folder of results.")
def render(names: tuple[str, ...], run_id: str | None, out: Path) -> None:
    """Write the pages of a stored run and the status page anew.

    No kernel starts and no server is asked: an older run gets the looks of this version, its
    numbers and verdicts stay. NAMES limits it to some reports of the run.
    """
    project = find_project_folder(Path.cwd())
    settings = read_settings(project)
    for page in render_run(out, run_id, names, settings=settings):
        click.echo(str(page))
    click.echo(str(renew_index(out, project=project, settings=settings, clock=SystemClock())[0]))
