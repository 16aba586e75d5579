"""The command `schema`: what may stand in `reliability.toml` and in a report's JSON, for editors and checkers."""

from collections.abc import Mapping
from typing import Final

import click
from pydantic import BaseModel

from reliability.cli import STATUSES
from reliability.cli.printing import print_json
from reliability.report.results import ReportJson
from reliability.settings import Settings

_MODELS: Final[Mapping[str, type[BaseModel]]] = {"settings": Settings, "report": ReportJson}


@click.command(
    epilog=f"""\b
Examples:
  reliability schema
  reliability schema > reliability.schema.json
  reliability schema report

{STATUSES}"""
)
@click.argument("kind", type=click.Choice(list(_MODELS)), default="settings")
def schema(kind: str) -> None:
    """Print the JSON Schema of `reliability.toml` (settings, the default) or of a report's JSON (report).

    Settings: every option with its unit, limits and default. Report: what every report holds;
    each topic adds its own.
    """
    print_json(_MODELS[kind].model_json_schema())
