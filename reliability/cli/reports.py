"""The command `report`: run notebooks, write their pages."""

from pathlib import Path

import click

from reliability.cli import RUN_ERROR_STATUS, STATUSES
from reliability.cli.printing import print_json
from reliability.clock import SystemClock
from reliability.report.catalogue import choose_reports, find_reports
from reliability.report.parameters import gather_parameters
from reliability.report.pipeline import make_reports
from reliability.settings_file import find_project_folder, read_settings


@click.command(
    epilog=f"""\b
Examples:
  reliability report
  reliability report canary -p source=sample:fail -p margin_percent=5

{STATUSES}"""
)
@click.argument("names", nargs=-1)
@click.option("--sample", metavar="NAME", help="Canary sample: pass (default), fail, unsure or nodata.")
@click.option("-p", "assignments", metavar="NAME=VALUE", multiple=True, help="Set a parameter.")
@click.option("-f", "file", type=click.Path(path_type=Path), help="Set parameters from a YAML file.")
@click.option("--out", default="outputs", show_default=True, type=click.Path(path_type=Path), help="Folder of results.")
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
    as_json: bool,
) -> None:
    """Run the notebooks NAMES (all by default) and write their pages.

    A name is a notebook's file name or the beginning of it. The status is 0 when the
    pages exist, whatever they say; use `gate` to judge them.
    """
    project = find_project_folder(Path.cwd())
    settings = read_settings(project)
    reports = choose_reports(names, find_reports(project))
    batch = make_reports(
        reports,
        gather_parameters(file, assignments, sample),
        outputs=out,
        settings=settings,
        clock=SystemClock(),
        progress=lambda line: click.echo(line, err=True),
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
