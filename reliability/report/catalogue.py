"""Which reports there are: the project's own notebooks, else the shipped ones, or any notebook by its path.

A report's name is its notebook's file name. Running it belongs to
`reliability.report.pipeline`.
"""

import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import nbformat

from reliability.errors import NotebookError, UnknownReportError
from reliability.report.arrange import HEADING, is_wanted
from reliability.report.results import PLAIN_NAME
from reliability.report.words import LANGUAGES
from reliability.shipped import shipped_folder

Found = TypeVar("Found")
_RESERVED: Final = "index"  # its pages are the status page
_MARKS: Final = re.compile(r"[*`]")
_LONGEST_TITLE: Final = 80


def find_reports(project: Path) -> dict[str, Path]:
    """List the reports of a project: notebooks with a parameters cell; one in its `notebooks/` beats a shipped one.

    Args:
        project: The project's folder.

    Returns:
        Notebook by report name, in alphabetical order.
    """
    found = {path.stem: path for path in _notebooks(project) if _is_report(path)}
    return dict(sorted(found.items()))


def find_strays(project: Path) -> list[Path]:
    """List the notebooks in the project's `notebooks/` that are no reports: they have no parameters cell."""
    return [path for path in _notebooks(project) if not _is_report(path)]


def parameters_cell(notebook: Any) -> Any | None:
    """Return the cell tagged `parameters`; None when there is none."""
    return next((cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])), None)


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


def choose_notebooks(names: Sequence[str], project: Path) -> dict[str, Path]:
    """Pick notebooks by name, by unambiguous beginning, or by path; all of the project when none is named.

    Args:
        names: What contains a slash or ends in `.ipynb` is a path from the working directory.
        project: The project's folder.

    Returns:
        Notebook by report name: those by name in alphabetical order, then those by path in theirs.

    Raises:
        UnknownReportError: No report, or several, begin with a name.
        NotebookError: A file lies outside the project, or its name serves no page; or two have one name.
    """
    paths = [Path(name) for name in names if "/" in name or name.endswith(".ipynb")]
    plain = [name for name in names if Path(name) not in paths]
    known = find_reports(project)
    if plain:  # a stray that is named, or hides a report that is, is refused where its parameters are read
        known |= {path.stem: path for path in find_strays(project) if path.stem in (*plain, *known)}
    chosen = choose_reports(plain, known) if plain or not paths else {}
    for path in paths:
        twin = chosen.setdefault(path.stem, path)
        if twin.resolve() != path.resolve():
            raise NotebookError(f"{twin} and {path} have the same name; run one at a time, or rename one.")
    for name, path in chosen.items():
        _check_place(name, path, project)
    return chosen


def read_notebook(path: Path) -> Any:
    """Read a notebook of any format version as one of the present version.

    Args:
        path: The file.

    Returns:
        An `nbformat` node.

    Raises:
        NotebookError: The file cannot be read or is no notebook.
    """
    flaws: dict[str, Exception] = {}
    try:
        with warnings.catch_warnings(action="ignore"):  # cells without an id get one
            notebook: Any = nbformat.read(path, as_version=4, capture_validation_error=flaws)  # type: ignore[no-untyped-call]
        problem = flaws.get("ValidationError")
    except Exception as err:  # noqa: BLE001 -- nbformat raises whatever the JSON leads it to
        problem = err
    if problem:
        shown = str(problem).strip().partition("\n")[0]
        raise NotebookError(
            f"{path} cannot be read as a notebook ({shown}); mend its path, or save it from JupyterLab."
        ) from problem
    return notebook


def title_of(name: str, notebook: Any) -> dict[str, str]:
    """Return what a notebook calls itself: its first heading in each language, else its name in words.

    Args:
        name: Name of the report.
        notebook: An `nbformat` node; the tag `lang:es` on a cell limits it to that language.

    Returns:
        Plain text by language.
    """
    return {language: _heading(notebook, language) or name.replace("_", " ").capitalize() for language in LANGUAGES}


def _heading(notebook: Any, language: str) -> str:
    headings = (
        HEADING.match(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "markdown" and is_wanted(cell, language)
    )
    first = next((heading[2] for heading in headings if heading), "")
    return _MARKS.sub("", first).strip()[:_LONGEST_TITLE]


def _notebooks(project: Path) -> list[Path]:
    folders = (shipped_folder("notebooks"), project / "notebooks")
    return [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]


def _is_report(path: Path) -> bool:
    try:
        return parameters_cell(read_notebook(path)) is not None
    except NotebookError:  # a torn one may be; whoever runs it learns why
        return True


def _check_place(name: str, path: Path, project: Path) -> None:
    if not (path.resolve().is_relative_to(project.resolve()) or path.parent == shipped_folder("notebooks")):
        raise NotebookError(
            f"{path} lies outside the project {project}, so it was not run; copy it into the project's notebooks/."
        )
    if path.suffix != ".ipynb" or not re.fullmatch(PLAIN_NAME, name) or name == _RESERVED:
        raise NotebookError(
            f"{path} cannot name a report; rename it to letters, digits, '_' and '-', a letter first, "
            f"and .ipynb, for example my_report.ipynb; '{_RESERVED}' is taken."
        )


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
