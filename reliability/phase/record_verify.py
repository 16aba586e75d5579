"""The command `reliability phase record verify`: proves by git that entries were only added.

Every file of the record at the base must be there unchanged; torn and foreign files are named.
"""

import hashlib
import subprocess
from pathlib import Path
from typing import Final

import click

from reliability.errors import UsageError
from reliability.phase.asking import open_phase, phase_option
from reliability.report.words import printable
from reliability.sources.record import read_record

_FAIL_STATUS: Final = 1
_SHA1_LENGTH: Final = 40


@click.command()
@click.option("--base", required=True, metavar="REV", help="Commit to compare with, for example origin/main.")
@phase_option
@click.option("--record", "folder", type=click.Path(path_type=Path), help="Folder of the record.")
@click.pass_context
def verify(ctx: click.Context, *, base: str, phase: Path | None, folder: Path | None) -> None:
    """Prove that no entry of the record at REV was changed or removed since.

    The status is 0 when entries were only added, 1 when one was changed, is missing or cannot be read.
    """
    place = open_phase(phase, record=folder).record_folder
    kept, faults = verify_record(place, base=base)
    for fault in faults:
        click.echo(printable(fault), err=True)
    click.echo(printable(f"entries of {base} as they were: {kept}; faults: {len(faults)}"))
    ctx.exit(_FAIL_STATUS if faults else 0)


def verify_record(folder: Path, *, base: str) -> tuple[int, list[str]]:
    """Compare the record with that of a commit.

    Args:
        folder: Folder of the record.
        base: Revision of git.

    Returns:
        How many files of the base are as they were, and one line per fault.

    Raises:
        UsageError: The folder is not in git, or there is no such revision.
    """
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    top = Path(_git(existing, "rev-parse", "--show-toplevel").decode().strip())
    commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}").decode().strip()
    inside = folder.resolve().relative_to(top.resolve()).as_posix()
    listed = _git(top, "ls-tree", "-r", "-z", commit, "--", f":(literal){inside}").split(b"\0")
    kept, faults = 0, list[str]()
    for line in filter(None, listed):
        meta, _, name = line.partition(b"\t")
        path = Path(name.decode("utf-8", "surrogateescape"))
        if path.suffix != ".json":
            continue
        fault = _fault(top, path, meta.split()[2].decode())
        kept += fault is None
        faults += [fault] if fault else []
    faults += [f"unreadable: {name}: {problem}" for name, problem in read_record(folder).unreadable.items()]
    return kept, faults


def _fault(top: Path, path: Path, blob: str) -> str | None:
    target = top / path
    if target.is_symlink() or not target.is_file():
        return f"missing: {path}"
    body = target.read_bytes()
    name = "sha1" if len(blob) == _SHA1_LENGTH else "sha256"  # as the repository names its objects
    now = hashlib.new(name, b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
    return None if now == blob else f"changed: {path}"


def _git(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(  # noqa: S603 -- fixed words and a revision behind --end-of-options, no shell
        ["git", *arguments],  # noqa: S607 -- git from PATH is what the user means
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(f"git {arguments[0]} in {folder} failed: {reason[-1] if reason else done.returncode}.")
    return done.stdout
