"""Evidence that may be missing: carried as its error, so that what is there is still shown.

The error becomes the verdict NO_DATA, or a block that says what is missing. What the
evidence is belongs to the topic modules.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from reliability.errors import SourceError

Part = TypeVar("Part")


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


def near(project: Path, name: str | Path) -> Path:
    """Locate a file of the project; below the working directory it is named from there."""
    path = project / name
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
