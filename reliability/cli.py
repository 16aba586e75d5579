"""The command `reliability`: parse, call one function, print, set the exit status.

Results go to stdout, progress and errors to stderr. Imports of the rooms below happen
inside the commands, so that `--help` starts fast.
"""

import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click

from reliability import __version__
from reliability.errors import ReliabilityError, SourceError, UsageError

USAGE_STATUS: Final = 2
NO_DATA_STATUS: Final = 4
RUN_ERROR_STATUS: Final = 5
INTERRUPTED_STATUS: Final = 130
TERMINATED_STATUS: Final = 143
_STATUSES: Final = """\b
Exit status:
  0 pass or done, 1 fail, 2 usage or settings, 3 no decision yet,
  4 no data, 5 run error, 6 busy, 130/143 interrupted."""


class _LazyGroup(click.Group):
    """Loads the staging commands only when they are asked for: they are an extra."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "staging"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name != "staging":
            return super().get_command(ctx, name)
        try:
            from reliability.staging.commands import staging  # noqa: PLC0415 -- an extra, heavy
        except ModuleNotFoundError as err:
            if err.name and err.name.startswith("reliability"):
                raise
            raise UsageError(
                f"the staging service needs the package '{err.name}'; install it with: "
                f"pip install 'reliability[staging]'."
            ) from err
        return staging

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, super(_LazyGroup, self).get_command(ctx, name)) for name in super().list_commands(ctx)]
        listed = [(name, command.get_short_help_str(70)) for name, command in rows if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl([*listed, ("staging", "Run and record experiments on the staging service.")])


@click.group(cls=_LazyGroup, epilog=_STATUSES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reliability")
def cli() -> None:
    """Tell, with evidence, where a phase stands and whether a release may go out."""


@cli.command(
    epilog=f"""\b
Examples:
  reliability report
  reliability report canary -p source=sample:fail -p margin_percent=5

{_STATUSES}"""
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
    from reliability.clock import SystemClock  # noqa: PLC0415 -- heavy rooms load on demand
    from reliability.report.catalogue import choose_reports, find_reports  # noqa: PLC0415
    from reliability.report.parameters import gather_parameters  # noqa: PLC0415
    from reliability.report.pipeline import make_reports  # noqa: PLC0415
    from reliability.settings import find_project_folder, read_settings  # noqa: PLC0415

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
        _print_json({"run_id": batch.run_id, "reports": reports_made, "index": [str(page) for page in batch.index]})
    else:
        for made in batch.reports:
            click.echo(f"{made.report}: {made.verdict.value}: {made.data['headline']}")
        click.echo(str(batch.index[0]))
    for made in batch.reports:
        if made.failed:
            click.echo(f"error: {made.data['error']['message']}", err=True)
    ctx.exit(RUN_ERROR_STATUS if any(made.failed for made in batch.reports) else 0)


@cli.command(
    epilog=f"""\b
Examples:
  reliability gate
  reliability gate canary --json

{_STATUSES}"""
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
    from reliability.clock import SystemClock  # noqa: PLC0415 -- heavy rooms load on demand
    from reliability.report.gate import judge_gate  # noqa: PLC0415
    from reliability.settings import SECTION_OF_REPORT, find_project_folder  # noqa: PLC0415
    from reliability.sources.checkout import read_checkout  # noqa: PLC0415

    checkout = read_checkout(find_project_folder(Path.cwd()))
    decided = judge_gate(
        out, names, run_id=run_id, checkout=checkout, required=tuple(SECTION_OF_REPORT), now=SystemClock().now()
    )
    if as_json:
        _print_json(
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


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line without ending the process.

    Args:
        arguments: Words behind `reliability`.

    Returns:
        The exit status.
    """
    try:
        status = cli.main(args=arguments, prog_name="reliability", standalone_mode=False)
    except Exception as err:  # noqa: BLE001 -- the one place: an unknown fault is a run error, never a pass
        return _failed(err)
    except KeyboardInterrupt:
        return _failed(click.Abort())
    return status if isinstance(status, int) else 0


def _failed(err: Exception) -> int:
    """Say on stderr what went wrong, and return its exit status."""
    message, status = f"{type(err).__name__}: {err}. This is a defect of the program. [internal]", RUN_ERROR_STATUS
    if isinstance(err, click.exceptions.Exit):
        return err.exit_code
    if isinstance(err, click.ClickException):
        err.show()
        return USAGE_STATUS
    if isinstance(err, click.Abort):
        message, status = "interrupted; files that exist are whole", INTERRUPTED_STATUS
    elif isinstance(err, ReliabilityError):
        message, status = str(err), _status_of(err)
    click.echo(f"error: {message}", err=True)
    return status


def _status_of(err: ReliabilityError) -> int:
    if isinstance(err, UsageError):
        return USAGE_STATUS
    return NO_DATA_STATUS if isinstance(err, SourceError) else RUN_ERROR_STATUS


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED_STATUS)


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=1, ensure_ascii=False))
