"""A group of commands, each loaded when it is asked for, so that `--help` starts fast.

What the commands are belongs to `reliability.cli` and to the rooms that have sub-commands.
"""

import importlib
from collections.abc import Mapping

import click

from reliability.errors import UsageError


class LazyGroup(click.Group):
    """Loads a command only when it is asked for.

    Attributes:
        places: By name, where a command lives (`module:attribute`) and its line in the list of commands.
    """

    places: Mapping[str, tuple[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the names in their order."""
        return list(self.places)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 -- the same
        """Load a command.

        Raises:
            UsageError: It needs a package that is not installed.
        """
        if name not in self.places:
            return None
        module, attribute = self.places[name][0].split(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as err:
            if err.name and err.name.startswith("reliability"):
                raise
            raise UsageError(
                f"'{name}' needs the package '{err.name}'; install it with: pip install 'reliability[{name}]'."
            ) from err
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- the same
        """Write the list of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.places.items()])
