"""Read finished reports back: one run for the gate, all of them for the status page.

A torn or foreign file is a loud error for the gate and an entry with its problem on the
status page, never a PASS. Folding verdicts belongs to `reliability.judge`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.verdicts import Verdict

SCHEMA: Final = "reliability.report/1"
_VERDICTS: Final = frozenset(verdict.value for verdict in Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report of one run.

    Attributes:
        path: Its JSON file; the folder is named by the run, the file by the report.
        data: The JSON; empty when it cannot be read.
        problem: Why it cannot be read; empty when it can.
    """

    path: Path
    data: Mapping[str, Any]
    problem: str = ""

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self.path.parent.name

    @property
    def report(self) -> str:
        """Name of the report."""
        return self.path.stem

    def href(self, name: str) -> str | None:
        """Return the address of a file of the run from the index, if the file exists."""
        return f"runs/{self.run_id}/{name}" if self.path.with_name(name).is_file() else None


def find_runs(outputs: Path) -> list[str]:
    """List the ids of all runs, newest first; an id begins with its instant."""
    return sorted({path.parent.name for path in (outputs / "runs").glob("*/*.json")}, reverse=True)


def read_run(outputs: Path, run_id: str) -> dict[str, Mapping[str, Any]]:
    """Read all reports of one run.

    Args:
        outputs: Folder of all results.
        run_id: A name that `find_runs` lists.

    Returns:
        JSON by report name.

    Raises:
        MissingEvidenceError: There is no such run, or it holds no report.
        BrokenEvidenceError: A file is torn or foreign.
    """
    folder = outputs / "runs" / run_id
    found = {path.stem: read_result(path) for path in sorted(folder.glob("*.json"))}
    if not found:
        known = ", ".join(find_runs(outputs)[:5]) or "none"
        raise MissingEvidenceError(
            f"{folder} holds no report. Newest runs: {known}. Make one with: reliability report."
        )
    return found


def read_history(outputs: Path) -> list[Entry]:
    """Read all reports of all runs, newest run first; what cannot be read is listed with its problem."""
    paths = [path for run_id in find_runs(outputs) for path in sorted((outputs / "runs" / run_id).glob("*.json"))]
    entries = []
    for path in paths:
        try:
            entries.append(Entry(path=path, data=read_result(path)))
        except BrokenEvidenceError as err:
            entries.append(Entry(path=path, data={}, problem=str(err)))
    return entries


def read_result(path: Path) -> Mapping[str, Any]:
    """Read one report's JSON.

    Args:
        path: `<report>.json` of a run.

    Returns:
        The parsed report.

    Raises:
        BrokenEvidenceError: The file is torn, foreign, or its verdict is none of ours.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise BrokenEvidenceError(f"{path} cannot be read ({err}); make the report again.") from err
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or data.get("verdict") not in _VERDICTS:
        raise BrokenEvidenceError(f"{path} is no report of ours ({SCHEMA}); remove it or make the report again.")
    return data
