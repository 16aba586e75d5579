"""How commands print JSON: one form for all."""

import json
from typing import Any

import click


def print_json(data: Any) -> None:
    """Print data as indented JSON on stdout."""
    click.echo(json.dumps(data, indent=1, ensure_ascii=False))
