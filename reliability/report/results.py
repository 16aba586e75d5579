"""Read finished reports back: one run for the gate, all of them for the status page.

A torn or foreign file is a loud error for the gate and an entry with its problem on the
status page, never a PASS. Folding verdicts belongs to `reliability.judge`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.validation import refusing

SCHEMA: Final = "reliability.report/1"
PLAIN_NAME: Final = r"[A-Za-z][A-Za-z0-9_-]*"  # of a report, which names its files
_Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "NO_DATA"]
_Texts = Annotated[dict[Literal["en", "es"], str], Field(min_length=2)]


class _Open(BaseModel):
    """A part of the JSON: what stands here is needed, more is welcome."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class _Named(_Open):
    id: str
    verdict: _Verdict


class _Problem(_Open):
    slug: str
    message: str


class _Provenance(_Open):
    """Where the numbers come from."""

    commit: str | None = Field(description="commit of the measured checkout; null outside of one")
    dirty: bool | None = Field(description="whether it had local changes")
    window: str | None = Field(description="measured window, start / end")
    source: str | None = Field(description="what was measured, in words")
    queries: list[str] = Field(description="queries, ready to copy")
    versions: dict[str, str] = Field(description="version by program and library")


class ReportJson(_Open):
    """What every report's JSON holds, of this version and of older ones; each topic adds its own."""

    format: Literal["reliability.report/1"] = Field(alias="schema")
    report: str = Field(pattern=f"^{PLAIN_NAME}$", description="name, also of the files")
    title: _Texts | None = Field(None, description="what a report of one's own calls itself, by language")
    topic: str = Field(description="which judge, and which words")
    run_id: str = Field(description="name of the run's folder")
    language: Literal["en", "es"] = Field(description="language of the headline")
    made_at: str = Field(description="instant at which the run started")
    as_of: str = Field(description="instant as of which it is judged")
    sample: str | None = Field(description="recorded sample that was judged; null for data of one's own")
    verdict: _Verdict
    reason: str = Field(description="why, as a slug")
    cautions: list[str] = Field(description="slugs of what to look at though the verdict stands")
    headline: str = Field(description="the verdict in one sentence")
    figures: list[_Named] = Field(description="numbers of the cards; units stand in their names")
    checks: list[_Named]
    parameters: dict[str, Any] = Field(description="value by name, as used")
    provenance: _Provenance
    error: _Problem | None = Field(None, description="why there is no verdict, when it is NO_DATA")


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


def pick_run(outputs: Path, run_id: str | None) -> str:
    """Find a run that is there.

    Args:
        outputs: Folder of all results.
        run_id: The run; None means the newest.

    Returns:
        Its id.

    Raises:
        MissingEvidenceError: There is no such run.
    """
    runs = find_runs(outputs)
    if not runs or (run_id and run_id not in runs):
        known = ", ".join(runs[:5]) or "none"
        raise MissingEvidenceError(
            f"{outputs / 'runs'} holds no run{f' {run_id}' if run_id else ''}. Newest runs: {known}. "
            "Make one with: reliability report."
        )
    return run_id or runs[0]


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
        BrokenEvidenceError: The file is torn, foreign, or misses what every report holds.
    """
    try:
        data: Mapping[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as err:
        raise BrokenEvidenceError(f"{path} cannot be read ({err}); make the report again.") from err
    with refusing(f"{path} is no report of ours ({SCHEMA})", cure="Remove it or make the report again."):
        ReportJson.model_validate(data)
    return data
