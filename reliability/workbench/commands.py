"""Commands of the workbench: write settings or a phase, check them, record a capture, begin a notebook.

Parses, calls one function, prints, sets the status.
"""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from reliability.settings import FILE_NAME, PHASE_FILE_NAME
from reliability.settings_file import find_project_folder, read_settings
from reliability.workbench.doctor import WORKS_NOW, examine
from reliability.workbench.finding import masked, status_of
from reliability.workbench.new_notebook import new_notebook
from reliability.workbench.phase_start import write_phase
from reliability.workbench.presets import presets
from reliability.workbench.recording import record_capture
from reliability.workbench.start import write_settings
from reliability.workbench.veil import escaped, veil_of

_STATUSES: Final = "Exit status: 0 done, 2 usage or settings, 4 no data, 5 run error."


def _examples(*lines: str) -> str:
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines), "", "\b", _STATUSES))


@click.command(
    epilog=_examples(
        "reliability init --prometheus http://127.0.0.1:9090",
        "reliability init --prometheus https://metrics.example --preset istio --bearer-token-file token",
        "reliability init --phase --language es",
    )
)
@click.option("--prometheus", "url", metavar="URL", help="Address of the server; else RELIABILITY_PROMETHEUS_URL.")
@click.option("--preset", metavar="NAME", help=f"One of {', '.join(presets())}; by default the one that is there.")
@click.option("--bearer-token-file", metavar="FILE", help="File that holds a bearer token; it is named, not copied.")
@click.option("--phase", "is_phase", is_flag=True, help="Look at the project's tests and write ./phase.toml instead.")
@click.option("--language", type=click.Choice(["en", "es"]), help="Language of the phase's document; else the pages'.")
def init(
    *, url: str | None, preset: str | None, bearer_token_file: str | None, is_phase: bool, language: str | None
) -> None:
    """Look at a Prometheus and write ./reliability.toml for it, or at the project's tests and write ./phase.toml.

    Every option gets a comment with what was seen. A file that exists is never changed.
    """
    if is_phase:
        if url or preset or bearer_token_file:
            raise click.UsageError("--phase looks at no server; give it without the other options.")
        _init_phase(language)
        return
    if language:
        raise click.UsageError("--language goes with --phase.")
    given = {"url": url, "bearer_token_file": bearer_token_file}
    veil = veil_of(Path.cwd(), given)
    with veil.over_errors():
        proposal = write_settings(Path.cwd(), given, preset=preset, veil=veil)
    veil.echo(f"{FILE_NAME} is written:")
    for name, value in proposal.values.items():
        veil.echo(f"  {name} = {value}")
    for text in proposal.notes:
        veil.echo(f"note: {text}")
    for name, why in proposal.to_fill.items():
        veil.echo(f"fill in {name}: {why}")
    veil.echo("check it with: reliability doctor")


def _init_phase(language: str | None) -> None:
    project = find_project_folder(Path.cwd())
    written = write_phase(project, language=language or read_settings(project).language)
    click.echo(f"{PHASE_FILE_NAME} is written:")
    for suite in written.suites:
        click.echo(f"  suite {suite.id}: pytest {escaped(shlex.join(suite.arguments))}")
    click.echo(f"  floor {written.floor_percent:g} % ({escaped(written.floor_origin)})")
    for text in written.notes:
        click.echo(f"note: {escaped(text)}")
    click.echo("read it through, then measure with: reliability phase measure")


@click.command(epilog=_examples("reliability doctor", "reliability doctor --offline --json"))
@click.option("--offline", is_flag=True, help="Ask no server.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, *, offline: bool, as_json: bool) -> None:
    """Check machine, settings, server and both arms, with a cure for each fault.

    The status is 0 without a fault, 2 for wrong settings, 4 when data cannot be had.
    """
    project = find_project_folder(Path.cwd())
    veil = veil_of(project)
    with veil.over_errors():
        found = [masked(finding, veil.mask) for finding in examine(project, offline=offline)]
    status = status_of(found)
    if as_json:
        command = next((finding.text for finding in found if finding.subject == WORKS_NOW), None)
        document = {"status": status, "findings": [asdict(finding) for finding in found], "command": command}
        for line in json.dumps(document, indent=1, ensure_ascii=False).split("\n"):
            click.echo(escaped(line))
    else:
        for finding in found:
            click.echo("\n      ".join(map(escaped, finding.lines())))
    ctx.exit(status)


@click.command(
    epilog=_examples(
        "reliability capture release-2.8",
        "reliability capture release-2.8 -p window_minutes=60 -p window_end=2026-11-26T18:40:00Z",
    )
)
@click.argument("name")
@click.option("--out", default="captures", show_default=True, type=click.Path(path_type=Path), help="Folder for it.")
@click.option("-p", "assignments", metavar="NAME=VALUE", multiple=True, help="Set a parameter of the canary.")
def capture(name: str, out: Path, assignments: tuple[str, ...]) -> None:
    """Record both arms of the server as the capture NAME, for later and for machines without access.

    `reliability report canary -p source=FOLDER` judges it, with the same numbers as the server.
    """
    project = find_project_folder(Path.cwd())
    veil = veil_of(project)
    with veil.over_errors():
        answer, empty_arms = record_capture(name, out, assignments, project=project, veil=veil)
    for arm in empty_arms:
        veil.echo(f"note: it holds nothing of the {arm}; look with: reliability doctor", err=True)
    for warning in answer.warnings:
        veil.echo(f"note: the server warns, so no verdict can be better than INCONCLUSIVE: {warning}", err=True)
    for info in answer.infos:
        veil.echo(f"note: {info}", err=True)
    samples = sum(series.values.size for series in answer.series)
    veil.echo(f"{out / name} is written: {len(answer.series)} series, {samples} samples")
    veil.echo(f"judge it with: reliability report canary -p source={out / name}")


@click.command(epilog=_examples("reliability new checkout_errors", "reliability new queue_depth"))
@click.argument("name")
def new(name: str) -> None:
    """Begin the notebook notebooks/NAME.ipynb, a report of one's own."""
    path = new_notebook(name, project=find_project_folder(Path.cwd()))
    click.echo(str(path))
    click.echo(f"open it in JupyterLab, change its cells, then run: reliability report {name}")
