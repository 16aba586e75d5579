"""The command `gate`: judge a run and say so by the exit status."""

from pathlib import Path

import click

from reliability.cli import STATUSES
from reliability.cli.printing import print_json
from reliability.clock import SystemClock
from reliability.report.gate import judge_gate
from reliability.settings import SECTION_OF_REPORT
from reliability.settings_file import find_project_folder
from reliability.sources.checkout import read_checkout


@click.command(
    epilog=f"""\b
Examples:
  reliability gate
  reliability gate canary --json

{STATUSES}"""
)
@click.argument("names", nargs=-1)
@click.option("--run", "run_id", metavar="ID", help="Judge this run, even if it is of another commit.")
@click.option("--out", default="outputs", show_default=True, type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def gate(ctx: click.Context, names: tuple[str, ...], run_id: str | None, out: Path, as_json: bool) -> None:
    """Judge the newest run and say so by the exit status.

    NAMES limits the judgement to some reports; by default a release needs all three.
    """
    checkout = read_checkout(find_project_folder(Path.cwd()))
    decided = judge_gate(
        out, names, run_id=run_id, checkout=checkout, required=tuple(SECTION_OF_REPORT), now=SystemClock().now()
    )
    if as_json:
        print_json(
            {"run_id": decided.run_id, "verdict": decided.verdict.value, "status": decided.status,
             "reports": {name: {key: data[key] for key in ("verdict", "reason", "headline", "cautions")}
                         for name, data in decided.reports.items()}}
        )  # fmt: skip
    else:
        for name, data in decided.reports.items():
            sample = f" (sample {data['sample']})" if data.get("sample") else ""
            click.echo(f"{name}{sample}: {data['verdict']}: {data['headline']}")
        click.echo(f"{decided.verdict.value}: run {decided.run_id}")
    ctx.exit(decided.status)
