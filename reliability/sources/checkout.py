"""Which commit the evidence belongs to, asked from git.

The record and the phase document never make a tree dirty, because the program writes
them itself. What an old commit means for a gate is decided elsewhere.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reliability.clock import parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """State of the project's checkout.

    Attributes:
        commit: Full hash of HEAD; None outside of git or before the first commit.
        dirty: True when tracked or untracked files differ from HEAD; None without a commit.
    """

    commit: str | None
    dirty: bool | None


def read_checkout(folder: Path, *, apart: Sequence[Path] = ()) -> Checkout:
    """Ask git for the commit of `folder`.

    Args:
        folder: Any folder.
        apart: Further folders and files that make nothing dirty, because the program writes them.

    Returns:
        The state; both fields None when there is no git, no repository or no commit.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return Checkout(commit=None, dirty=None)
    inside = [path.relative_to(folder).as_posix() for path in apart if path != folder and path.is_relative_to(folder)]
    excluded = [":(top,exclude)outputs", *(f":(exclude,literal){path}" for path in inside)]
    changes = _git(folder, "status", "--porcelain", "--", ":(top)", *excluded)
    return Checkout(commit=commit, dirty=None if changes is None else bool(changes))


def read_commit_time(folder: Path) -> datetime | None:
    """Ask git when HEAD was committed; None outside of git or before the first commit."""
    stated = _git(folder, "log", "-1", "--format=%cI")
    with suppress(ValueError):
        return parse_instant(stated or "")
    return None


def changed_since(folder: Path, commit: str) -> tuple[str, ...] | None:
    """List what differs from a commit now, committed since or not, `outputs` aside.

    Args:
        folder: Folder of the project.
        commit: Hash of a commit.

    Returns:
        Paths of files under `folder`, from there, sorted; None when git does not know that commit.
    """
    place = ("--", ".", ":(top,exclude)outputs")
    tracked = _git(folder, "diff", "--name-only", "--relative", "--no-renames", "-z", commit, *place)
    others = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", *place)
    if tracked is None or others is None:
        return None
    return tuple(sorted({name for name in (*tracked.split("\0"), *others.split("\0")) if name}))


def unseen_changes(folder: Path, test_folders: Sequence[str]) -> tuple[str, ...]:
    """List files that a run of tests may read and whose changes git does not show.

    Args:
        folder: Folder of the project.
        test_folders: Folders of its tests.

    Returns:
        Python files of the tests, and a `conftest.py` of the project, that git ignores, and tracked files whose
        changes it was told not to look at; from `folder`, sorted; none outside of git.
    """
    places = (":(glob)conftest.py", *(f":(glob){name}/**/*.py" for name in test_folders))
    ignored = _git(folder, "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", *places)
    listed = _git(folder, "ls-files", "-v", "-z", "--", ".")
    told = [line for line in (listed or "").split("\0") if line[:1] == "S" or line[:1].islower()]
    return tuple(sorted({*filter(None, (ignored or "").split("\0")), *(line[2:] for line in told)}))


def is_committed(folder: Path, path: Path) -> bool:
    """Tell whether a file belongs to the project: inside it and, where there is git, tracked by it."""
    inside = path.resolve()
    if not inside.is_relative_to(folder.resolve()):
        return False
    name = inside.relative_to(folder.resolve()).as_posix()
    return _git(folder, "rev-parse", "--git-dir") is None or bool(_git(folder, "ls-files", "--", f":(literal){name}"))


def read_committed(folder: Path, commit: str, path: str) -> str | None:
    """Return the text of a file under `folder` as a commit holds it, without space at its ends; None without it."""
    return _git(folder, "show", f"{commit}:./{path}")


def is_ignored(folder: Path, path: str) -> bool | None:
    """Ask git whether it passes over a path under `folder`; None outside of git."""
    if _git(folder, "rev-parse", "--git-dir") is None:
        return None
    return _git(folder, "check-ignore", "--quiet", "--no-index", "--", path) is not None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 -- fixed words, no shell
            ["git", *arguments],  # noqa: S607 -- git from PATH is what the user means
            cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
