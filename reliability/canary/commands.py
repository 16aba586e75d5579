"""The command `canary`: judge a capture or a live window without a notebook, and end with the verdict's status.

Parses, calls one function, prints, sets the status. Its sub-commands are loaded when they are asked for.
"""

import importlib
from collections.abc import Mapping
from typing import Final

import click

# Where each sub-command lives.
_COMMANDS: Final[Mapping[str, str]] = {}


class _LazyGroup(click.Group):
    """Loads a sub-command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 -- the same
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_LazyGroup, invoke_without_command=True)
def canary() -> None:
    """Judge a canary without a notebook, and end with the verdict's status."""
