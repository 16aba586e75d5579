"""What lies in the runs folder: every report that was ever made, readable or not.

The index is built from these entries alone. A torn or foreign file is kept as an entry
with its problem, never as a result. Judging belongs to `reliability.judge.release`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import UndefinedError

from reliability.clock import parse_instant
from reliability.errors import BrokenEvidenceError
from reliability.report.blocks import render_block
from reliability.report.results import find_runs, read_result

_NEEDED: Final = ("report", "made_at", "as_of", "sample", "cautions", "figures", "parameters", "provenance")
_ODD_DATA: Final = (UndefinedError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One report of one run.

    Attributes:
        run_id: Folder of the run.
        report: Name of the report, which is its file's name.
        data: Its JSON; None when it cannot be read.
        problem: Why it cannot be read; empty when it can.
        files: Names of the files in the folder.
    """

    run_id: str
    report: str
    data: Mapping[str, Any] | None
    problem: str
    files: frozenset[str]

    @property
    def order(self) -> tuple[str, str]:
        """Sorts by instant: the one that the run id begins with, else the one in the file."""
        made_at = str(self.data["made_at"]) if self.data is not None else ""
        return (_instant_of(self.run_id) or made_at, self.run_id)

    def href(self, name: str) -> str | None:
        """Return the address of one of its files from the index, if the file exists."""
        return f"runs/{self.run_id}/{name}" if name in self.files else None


def read_history(outputs: Path) -> list[HistoryEntry]:
    """Read all reports of all runs.

    Args:
        outputs: Folder that holds `runs/`.

    Returns:
        Entries, newest first.
    """
    entries: list[HistoryEntry] = []
    for run_id in find_runs(outputs):
        folder = outputs / "runs" / run_id
        files = frozenset(path.name for path in folder.iterdir())
        names = sorted(name for name in files if name.endswith(".json"))
        entries += [_read_entry(folder / name, run_id, files) for name in names]
    return sorted(entries, key=lambda entry: entry.order, reverse=True)


def newest_of(report: str, entries: Sequence[HistoryEntry]) -> HistoryEntry | None:
    """Return the newest entry of a report; an unreadable one stands in the way of older ones."""
    return next((entry for entry in entries if entry.report == report), None)


def _read_entry(path: Path, run_id: str, files: frozenset[str]) -> HistoryEntry:
    data: Mapping[str, Any] | None = None
    problem = ""
    try:
        data = read_result(path)
        _try_out(data, path.stem)
    except BrokenEvidenceError as err:
        data, problem = None, str(err)
    except _ODD_DATA as err:
        data, problem = None, f"{path.name} misses what a report needs ({type(err).__name__}: {err})"
    return HistoryEntry(run_id=run_id, report=path.stem, data=data, problem=problem, files=files)


def _try_out(data: Mapping[str, Any], name: str) -> None:
    """Show the report once, so that what cannot be shown is found before it is believed."""
    missing = [key for key in _NEEDED if key not in data]
    if missing or "commit" not in data["provenance"]:
        raise ValueError(f"it has no {', '.join(missing) or 'provenance.commit'}")
    if data["report"] != name:
        raise ValueError(f"it says that it is {data['report']!r}")
    parse_instant(data["made_at"])
    parse_instant(data["as_of"])
    render_block("report", data, language="en")
    _try_conditions((data.get("phase") or {}).get("tighten"))
    dict(data.get("releases") or {})


def _try_conditions(tighten: Mapping[str, Any] | None) -> None:
    """Touch what the index reads of a phase's conditions."""
    if tighten is not None:
        wanted = [tighten["allowed"], tighten["total"], *(condition["text"] for condition in tighten["open"])]
        wanted += [(condition["text"], condition["met"]) for condition in tighten.get("conditions") or []]


def _instant_of(run_id: str) -> str:
    """Turn `20261126T184000Z-1a2b` into an ISO instant, so that it sorts among them."""
    stamp = run_id.split("-", 1)[0]
    if len(stamp) != len("20261126T184000Z") or not stamp[:8].isdecimal():
        return ""
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}"
