"""The command `schema`: what may stand in `reliability.toml`, for editors and checkers."""

import click

from reliability.cli import STATUSES
from reliability.cli.printing import print_json
from reliability.settings import Settings


@click.command(
    epilog=f"""\b
Examples:
  reliability schema
  reliability schema > reliability.schema.json

{STATUSES}"""
)
def schema() -> None:
    """Print the JSON Schema of `reliability.toml`: every option with its unit, limits and default."""
    print_json(Settings.model_json_schema())
