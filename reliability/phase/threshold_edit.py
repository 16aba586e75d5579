"""Changes the threshold of coverage in its configuration file: the digits alone, and only when that is proven.

The change is tried on the text, parsed again and compared; the file is replaced whole, and put
back when the threshold in force did not become what was asked. Which value it should be is
decided in `reliability.judge.ratchet`.
"""

import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from reliability.atomic import folder_lock, write_bytes_whole
from reliability.errors import ThresholdError
from reliability.sources.evidence_manifest import ThresholdPlace
from reliability.sources.thresholds import FoundThreshold, find_effective, find_thresholds, locate


def change_threshold(project: Path, *, old: Decimal, new: Decimal, environment: Mapping[str, str]) -> ThresholdPlace:
    """Replace the digits of the threshold in force.

    Args:
        project: Folder of the project.
        old: Value that must still be in force.
        new: Value to write.
        environment: Environment variables.

    Returns:
        The threshold now in force, and where it stands.

    Raises:
        ThresholdError: It is not `old` any more, or its place cannot be changed safely; the message
            shows what to write. No file is changed.
        WriteError: The file cannot be written.
    """
    with folder_lock(project):
        found = find_effective(project, environment=environment)
        if found is None or found.percent != old:
            now = f"{found.percent} %" if found else "none"
            raise ThresholdError(f"the threshold in force is not {plain(old)} % any more but {now}. Run again.")
        path = found.path.resolve()
        if not (path.is_file() and path.is_relative_to(project.resolve())):
            raise ThresholdError(f"the threshold stands in {found.path}, outside of the project. {snippet(new)}")
        body, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
        write_bytes_whole(path, _changed(found, body, new), mode=mode)
        try:
            return _in_force(project, new, environment)
        except ThresholdError:
            write_bytes_whole(path, body, mode=mode)
            raise


def snippet(percent: Decimal) -> str:
    """Say what to write where a threshold cannot be changed, or where there is none."""
    return f"Write it once, in pyproject.toml: [tool.coverage.report] fail_under = {plain(percent)}, precision = 2."


def plain(percent: Decimal) -> str:
    """Write a percentage without exponent and needless zeros."""
    text = f"{percent:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _changed(found: FoundThreshold, body: bytes, new: Decimal) -> bytes:
    span = locate(found, body)
    if span is None:
        raise ThresholdError(
            f"{found.path}: the threshold is written {found.written!r} ({found.key}), which cannot be changed safely. "
            f"{snippet(new)}"
        )
    start, end = span
    return body[:start] + plain(new).encode() + body[end:]


def _in_force(project: Path, expected: Decimal, environment: Mapping[str, str]) -> ThresholdPlace:
    effective = find_thresholds(project, environment=environment).effective
    if effective is None or effective.percent != expected:
        raise ThresholdError(f"writing {plain(expected)} did not put it in force; the file was put back.")
    return effective
