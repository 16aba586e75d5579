"""Which reports there are: the project's own notebooks, else the shipped ones.

A report's name is its notebook's file name. Running it belongs to
`reliability.report.pipeline`.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from reliability.errors import UnknownReportError
from reliability.shipped import shipped_folder

Found = TypeVar("Found")


def find_reports(project: Path) -> dict[str, Path]:
    """List the notebooks of a project; one in its `notebooks/` beats a shipped one.

    Args:
        project: The project's folder.

    Returns:
        Notebook by report name, in alphabetical order.
    """
    found: dict[str, Path] = {}
    for folder in (shipped_folder("notebooks"), project / "notebooks"):
        found.update({path.stem: path for path in sorted(folder.glob("*.ipynb"))})
    return dict(sorted(found.items()))


def choose_reports(names: Sequence[str], reports: Mapping[str, Found]) -> dict[str, Found]:
    """Pick reports by name or unambiguous beginning; all of them when none is named.

    Args:
        names: For example `["canary"]`.
        reports: What was found, by report name.

    Returns:
        The chosen reports, in the order of `reports`.

    Raises:
        UnknownReportError: No report, or several, begin with a name.
    """
    chosen = {_match(name, reports) for name in names} or set(reports)
    return {name: found for name, found in reports.items() if name in chosen}


def _match(name: str, reports: Mapping[str, object]) -> str:
    if name in reports:
        return name
    beginning = [report for report in reports if report.startswith(name)]
    if len(beginning) == 1:
        return beginning[0]
    known = ", ".join(reports) or "none"
    if beginning:
        raise UnknownReportError(f"'{name}' may mean {' or '.join(beginning)}; write more of the name.")
    close = difflib.get_close_matches(name, reports, n=1, cutoff=0.4)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise UnknownReportError(f"there is no report '{name}'{hint} Reports: {known}.")
