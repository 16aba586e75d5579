"""Reads LCOV tracefiles, and believes their sums only where they agree with the lines.

The share is `(LH + BRH) / (LF + BRF)` over all files, as coverage.py counts it. The format has no total of its
own, so a file cut exactly between two records cannot be told; a digest can. Goals do not belong here.
"""

import re
from pathlib import Path
from typing import Final

from reliability.errors import BrokenEvidenceError
from reliability.sources.coverage_json import CoverageCounts
from reliability.sources.validation import read_evidence

_CURE: Final = "Write it anew with 'coverage lcov'."
_SUMS: Final = ("LF", "LH", "BRF", "BRH")


def read_lcov(path: Path) -> dict[str, CoverageCounts]:
    """Read an LCOV tracefile.

    Args:
        path: File that `coverage lcov` or another tool wrote.

    Returns:
        Counts by path, in the order of paths.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: It is torn, names a file twice, lacks its sums or contradicts itself.
    """
    body = read_evidence(path, cure="Name the file that 'coverage lcov' wrote.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as err:
        raise BrokenEvidenceError(f"{path} is no LCOV in UTF-8: {err}. {_CURE}") from err
    *records, rest = re.split(r"^end_of_record[ \t]*\r?$", text, flags=re.MULTILINE)
    if rest.strip() or not records:
        raise BrokenEvidenceError(f"{path} does not end with end_of_record: it is torn. {_CURE}")
    files: dict[str, CoverageCounts] = {}
    for record in records:
        name, counts = _read_record(path, record)
        if name in files:
            raise BrokenEvidenceError(f"{path} counts {name} twice, so its sum is no total. {_CURE}")
        files[name] = counts
    return dict(sorted(files.items()))


def _read_record(path: Path, record: str) -> tuple[str, CoverageCounts]:
    values: dict[str, list[str]] = {}
    for line in record.split("\n"):
        key, _, value = line.strip("\r").partition(":")
        values.setdefault(key.strip(), []).append(value)
    (name, *more) = values.get("SF", [""])
    if not name or more:
        raise BrokenEvidenceError(f"{path} has a record with {len(more) + bool(name)} SF lines, not one. {_CURE}")
    sums = {key: _sum(path, name, key, values.get(key, [])) for key in _SUMS}
    if values.get("DA") and (sums["LF"] is None or sums["LH"] is None):  # coverage.py leaves both out of empty files
        raise BrokenEvidenceError(f"{path} has no LF or LH for {name}, so its total is not known. {_CURE}")
    lines = _hits(path, name, values.get("DA", []), place=1, parts=2)
    branches = _hits(path, name, values.get("BRDA", []), place=3, parts=4)
    counted = {"LF": len(lines), "LH": sum(lines), "BRF": len(branches), "BRH": sum(branches)}
    told = {key: value or 0 for key, value in sums.items()}
    if counted != told:
        raise BrokenEvidenceError(f"{path} says {told} of {name}, but its lines come to {counted}. {_CURE}")
    return name, CoverageCounts(
        statements=told["LF"], covered=told["LH"], branches=told["BRF"], covered_branches=told["BRH"]
    )


def _sum(path: Path, name: str, key: str, values: list[str]) -> int | None:
    if not values:
        return None
    if len(values) > 1 or not values[0].strip().isdecimal():
        raise BrokenEvidenceError(f"{path} says {key}:{','.join(values)[:60]} of {name}, no one number. {_CURE}")
    return int(values[0])


def _hits(path: Path, name: str, values: list[str], *, place: int, parts: int) -> list[bool]:
    """Whether each line or branch was run; `-` says that a branch was never reached."""
    hits = []
    for value in values:
        words = value.split(",")
        count = words[place].strip() if len(words) >= parts else ""
        if count != "-" and not count.isdecimal():
            raise BrokenEvidenceError(f"{path} has the line '{value[:60]}' for {name}, which tells no count. {_CURE}")
        hits.append(count not in ("-", "") and int(count) > 0)
    return hits
