"""Write files whole or not at all: temporary file, fsync, rename.

Formats and places are the caller's business.
"""

import os
import tempfile
from pathlib import Path

from reliability.errors import WriteError


def write_bytes_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data`; a reader sees the old file or the new one, never a part.

    Args:
        path: Target; missing parent folders are made.
        data: The whole content.

    Raises:
        WriteError: The disk is full or the folder not writable; `path` is as it was.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as err:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise WriteError(
            f"{path} could not be written ({err.strerror or err}); it is as it was. "
            f"Free room or choose another folder with --out, then run again."
        ) from err
    except BaseException:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise


def write_text_whole(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8 with LF line ends; see `write_bytes_whole`."""
    write_bytes_whole(path, text.encode("utf-8"))
