"""Read finished reports back: the newest run, or one by its id.

A torn or foreign file is a loud error, never a PASS. Folding verdicts belongs to
`reliability.judge`, showing them to the index and the command line.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.verdicts import Verdict

SCHEMA: Final = "reliability.report/1"
_VERDICTS: Final = frozenset(verdict.value for verdict in Verdict)


def find_runs(outputs: Path) -> list[str]:
    """List the ids of all runs, newest first; an id begins with its instant."""
    folder = outputs / "runs"
    return sorted((path.name for path in folder.iterdir() if path.is_dir()), reverse=True) if folder.is_dir() else []


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
    files = sorted(folder.glob("*.json"))
    if not files:
        known = ", ".join(find_runs(outputs)[:5]) or "none"
        raise MissingEvidenceError(
            f"{folder} holds no report. Newest runs: {known}. Make one with: reliability report."
        )
    return {path.stem: read_result(path) for path in files}


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
