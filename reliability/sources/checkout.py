"""Which commit the evidence belongs to, asked from git.

The record and the phase document never make a tree dirty, because the program writes
them itself. What an old commit means for a gate is decided elsewhere.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """State of the project's checkout.

    Attributes:
        commit: Full hash of HEAD; None outside of git or before the first commit.
        dirty: True when tracked or untracked files differ from HEAD; None without a commit.
    """

    commit: str | None
    dirty: bool | None


def read_checkout(folder: Path) -> Checkout:
    """Ask git for the commit of `folder`.

    Args:
        folder: Any folder.

    Returns:
        The state; both fields None when there is no git, no repository or no commit.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return Checkout(commit=None, dirty=None)
    changes = _git(folder, "status", "--porcelain", "--", ":(top)", ":(top,exclude)outputs")
    return Checkout(commit=commit, dirty=None if changes is None else bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 -- fixed words, no shell
            ["git", *arguments],  # noqa: S607 -- git from PATH is what the user means
            cwd=folder, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
