"""Cells of a report whose evidence has several parts, of which some may be missing.

A part that could not be read is carried as its error, so that the others are still shown
and the verdict can say why there is none. What the parts are belongs to the topic modules.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from reliability.errors import SourceError
from reliability.notebook.block import Block
from reliability.notebook.run import Run, show

Part = TypeVar("Part")


def show_part(run: Run, kind: str, build: Callable[[object], Mapping[str, object]]) -> Block:
    """Make the block of one cell, or say that the part it shows is missing.

    Args:
        run: The open run.
        kind: Kind of the block.
        build: Makes the block's data; raises the error of a part that is missing.

    Returns:
        The block; of kind `missing` without its part.
    """
    try:
        return show(run, kind, build)
    except SourceError as err:
        return Block(kind="missing", data=error_data(err), language=run.language)


def read_part(read: Callable[[], Part]) -> Part | SourceError:
    """Read one part, or keep the error that says why not."""
    try:
        return read()
    except SourceError as err:
        return err


def present(part: Part | SourceError) -> Part:
    """Return a part, or raise the error that it was kept as."""
    if isinstance(part, SourceError):
        raise part
    return part


def error_data(error: SourceError) -> dict[str, object]:
    """Return an error as a page shows it."""
    return {"slug": error.slug, "message": str(error)}


def near(project: Path, name: str | Path) -> Path:
    """Locate a file of the project; below the working directory it is named from there."""
    path = project / name
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
