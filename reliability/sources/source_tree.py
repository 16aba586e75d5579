"""The measured sources: which files lie under the roots, what they held, which look like tests or mocks.

Whether such a file may stand there is said by the phase's document, what it means is judged elsewhere.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from reliability.judge.module_goals import matching

_TEST_FOLDERS: Final = frozenset({"test", "tests", "testing", "mock", "mocks", "fake", "fakes"})
_TEST_NAMES: Final = ("test_*.py", "*_test.py", "conftest.py", "*mock*.py", "*fake*.py")
_CHUNK: Final = 1 << 20


def python_files(project: Path, roots: Sequence[str]) -> tuple[str, ...]:
    """List the Python files under the measured folders.

    Args:
        project: Folder that the roots start from.
        roots: Folders or files, relative to it.

    Returns:
        Paths from the project's folder with `/`, sorted; hidden folders and caches are left out.
    """
    return tuple(sorted({path for root in roots for path in _under(project, root)}))


def source_files(
    project: Path, roots: Sequence[str], *, omit: Iterable[str], include: Iterable[str] = ()
) -> tuple[str, ...]:
    """List the Python files that are to be measured: those under the roots which no pattern leaves out."""
    under, wanted = python_files(project, roots), tuple(include)
    gone = matching_patterns(under, omit, project=project)
    kept = matching_patterns(under, wanted, project=project) if wanted else frozenset(under)
    return tuple(path for path in under if path in kept and path not in gone)


def looks_like_test(path: str) -> bool:
    """Tell whether a path looks like a test or a mock: by a folder such as `tests`, or a name such as `test_*.py`."""
    parts = PurePosixPath(path)
    in_folder = any(part.lower() in _TEST_FOLDERS for part in parts.parent.parts)
    return in_folder or any(fnmatchcase(parts.name.lower(), pattern) for pattern in _TEST_NAMES)


def matching_patterns(paths: Iterable[str], patterns: Iterable[str], *, project: Path) -> frozenset[str]:
    """Find the paths that patterns of coverage.py name, such as those of `omit`.

    Args:
        paths: Paths from the project's folder.
        patterns: `*` stays inside a folder, `**` does not; a leading `*/` means any folder, a trailing
            `/*` everything below.
        project: Project's folder, for patterns that are absolute.
    """
    prefix = f"{project.as_posix()}/"
    known, found = tuple(paths), set[str]()
    for pattern in patterns:
        glob = pattern.replace("\\", "/").removeprefix(prefix).removeprefix("./")
        glob = f"*{glob}" if glob.startswith("*/") else glob
        found.update(matching(f"{glob}*" if glob.endswith("/*") else glob, known))
    return frozenset(found)


def digest_file(path: Path) -> str | None:
    """Return the SHA-256 of a file; None when it cannot be read."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError:
        return None
    return found.hexdigest()


def digest_files(project: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file that can be read, by its path from the project's folder."""
    found = ((path, digest_file(project / path)) for path in paths)
    return {path: digest for path, digest in found if digest is not None}


def digest_of(digests: Mapping[str, str]) -> str:
    """Return one SHA-256 of many files, by path and content."""
    lines = "".join(f"{path}\0{digest}\n" for path, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _under(project: Path, root: str) -> Iterator[str]:
    start = project / root
    if start.is_file():
        yield start.relative_to(project).as_posix()
    for folder, names, files in os.walk(start):
        if "pyvenv.cfg" in files:
            names.clear()
            continue
        names[:] = [name for name in names if not name.startswith(".") and name != "__pycache__"]
        for name in files:
            if name.endswith(".py"):
                yield Path(os.path.normpath(Path(folder) / name)).relative_to(os.path.normpath(project)).as_posix()
