"""The command `alerts`: write the alert rules.

Parses, calls one function, prints. Receivers and their secrets do not belong here.
"""

from pathlib import Path

import click

from reliability.alerting.rules import AlertLimits, render_rules
from reliability.atomic import write_text_whole


@click.group()
def alerts() -> None:
    """Alerts for what breakers, locks and sessions report to Prometheus."""


@alerts.command(
    epilog="""\b
Examples:
  reliability alerts render --out rules.yml && promtool check rules rules.yml
  reliability alerts render --sessions-at-most 500 --runbook https://wiki.example/runbook

\b
Exit status: 0 done, 2 usage, 5 the file cannot be written."""
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write instead of printing.")
@click.option("--sessions-at-most", type=int, default=10_000, show_default=True, help="Living sessions of one kind.")
@click.option("--runbook", "runbook_url", metavar="URL", help="Where readers of an alert find what to do.")
def render(*, out: Path | None, sessions_at_most: int, runbook_url: str | None) -> None:
    """Write the alert rules for Prometheus from their template."""
    text = render_rules(AlertLimits(sessions_at_most=sessions_at_most, runbook_url=runbook_url))
    if out is None:
        click.echo(text, nl=False)
        return
    write_text_whole(out, text)
    click.echo(str(out))
