"""Write files whole or not at all, each in its turn: temporary file, fsync, rename; lock of a folder.

Formats and places are the caller's business.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reliability.errors import WriteError


def write_bytes_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data`; a reader sees the old file or the new one, never a part.

    Args:
        path: Target; missing parent folders are made. A device or a pipe, such as /dev/null, is written
            into: a file in its place would break whoever else uses it.
        data: The whole content.
        mode: Permissions of the file.

    Raises:
        WriteError: The disk is full or the folder not writable; `path` is as it was.
    """
    try:
        if _is_device(path):
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as err:
        raise WriteError(
            f"{path} could not be written ({err.strerror or err}); it is as it was. "
            f"Free room or choose another folder with --out, then run again."
        ) from err


def _is_device(path: Path) -> bool:
    return path.is_char_device() or path.is_fifo()


def write_text_whole(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8 with LF line ends; see `write_bytes_whole`."""
    write_bytes_whole(path, text.encode("utf-8"))


def copy_folder_whole(source: Path, target: Path) -> None:
    """Copy a folder; a reader of `target` sees all of it or none.

    Args:
        source: Folder that stays as it is.
        target: A name that is not taken; missing parent folders are made.

    Raises:
        WriteError: The disk is full or the folder not writable; there is no `target`.
    """
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, temporary)
        temporary.replace(target)
    except OSError as err:
        raise WriteError(
            f"{target} could not be written ({err.strerror or err}). "
            f"Free room or choose another folder with --out, then run again."
        ) from err
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an own temporary folder, which is gone afterwards.

    Yields:
        The folder.

    Raises:
        WriteError: It could not be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="reliability-", ignore_cleanup_errors=True)
    except OSError as err:
        raise WriteError(f"no temporary folder can be made ({err.strerror or err}); free room, or set TMPDIR.") from err
    with folder:
        yield Path(folder.name)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time in; a folder that cannot be locked, as on some network drives, locks nobody out.

    Args:
        folder: An existing folder; nothing is written into it.

    Yields:
        Nothing; the lock ends with the block, and with the process.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Try whether files can be made in a folder, or in the nearest one that is there; nothing is left behind.

    Args:
        folder: The folder, which is not made.

    Raises:
        OSError: They cannot.
    """
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    with tempfile.TemporaryFile(dir=nearest):
        pass
