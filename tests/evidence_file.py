"""Give bytes to a reader of files, for laws that read many of them."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

Read = TypeVar("Read")


def read_bytes(read: Callable[[Path], Read], body: bytes, name: str) -> Read:
    """Let `read` read a file with this content and name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(body)
        return read(path)
