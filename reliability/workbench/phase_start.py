"""Write the phase of a project that has none, from what stands in the project.

Folders of tests come before markers, because deselected tests are still imported. Nothing of the
project is run. What a phase's document may hold belongs to `reliability.sources.phase_document`.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit
from coverage import Coverage
from coverage.exceptions import CoverageException
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reliability.atomic import write_text_whole
from reliability.errors import SettingsError
from reliability.settings import EVIDENCE_FOLDER, PHASE_FILE_NAME, RECORD_FOLDER
from reliability.shipped import shipped_folder
from reliability.sources.checkout import is_ignored
from reliability.sources.configuration import PYTEST_FILES, at, pytest_table, read_configuration
from reliability.sources.phase_document import OwnPhase
from reliability.sources.thresholds import find_thresholds

_HEAVY: Final = frozenset({
    "acceptance", "browser", "database", "db", "docker", "e2e", "external", "functional", "integration", "kafka",
    "live", "network", "postgres", "redis", "selenium", "slow", "spacy", "system",
})  # fmt: skip
_LABELS_ES: Final = {
    "integration": "integración", "e2e": "extremo a extremo", "browser": "navegador", "slow": "lentas",
    "functional": "funcionales", "acceptance": "aceptación", "system": "sistema", "heavy": "servicios y bibliotecas",
}  # fmt: skip
_TEST_NAMES: Final = ("test_*.py", "*_test.py")
_ROOTS: Final = ("source", "source_pkgs", "source_dirs")
_GOAL_STEP: Final = 5
_IGNORE_CURE: Final = f"let .gitignore hold the lines 'outputs/*' and '!{RECORD_FOLDER}/' (not 'outputs/')"
_NO_ROOTS: Final = (
    "coverage.py's configuration names no folder to measure, so that tests would count too; add to "
    'pyproject.toml under [tool.coverage.run]: branch = true and source = ["{folder}"]'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteStart:
    """One suite that is proposed; all but the unit suite are heavy."""

    id: str
    label_en: str
    label_es: str
    arguments: Sequence[str]
    is_unit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What was seen in a project.

    Attributes:
        name: Of the project, for people.
        phase_id: Name of the phase.
        floor_percent: Threshold of coverage in force, else 0.
        floor_origin: Where it stands.
        goals_percent: The next two multiples of 5.
        test_folders: Folders that hold tests.
        suites: Proposed suites, the unit suite first.
        notes: What is missing, as sentences.
    """

    name: str
    phase_id: str
    floor_percent: float
    floor_origin: str
    goals_percent: Sequence[int]
    test_folders: Sequence[str]
    suites: Sequence[SuiteStart]
    notes: Sequence[str]


def write_phase(project: Path, *, language: str, environment: Mapping[str, str] = os.environ) -> Layout:
    """Look at a project and write `phase.toml` for it.

    Args:
        project: Folder that gets the file.
        language: Language of the phase's Markdown document, `en` or `es`.
        environment: Environment variables that may hold options of pytest.

    Returns:
        What was seen and written.

    Raises:
        SettingsError: The file exists; it was left as it is.
        ThresholdError: A configuration file of the project cannot be read.
        WriteError: The file cannot be written.
    """
    path = project / PHASE_FILE_NAME
    if path.exists():
        raise SettingsError(f"{path} exists and is left as it is; change it there, or remove it and run init again.")
    layout = look_at(project, environment=environment)
    loader = FileSystemLoader(shipped_folder("templates"))
    templates = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 -- TOML, quoted by the filter
    templates.filters["toml"] = lambda value: tomlkit.item(value).as_string()
    text = templates.get_template("phase.toml.j2").render(p=layout, language=language)
    OwnPhase.model_validate(tomllib.loads(text))
    write_text_whole(path, text)
    return layout


def look_at(project: Path, *, environment: Mapping[str, str]) -> Layout:
    """Look at a project: its name, threshold, test folders and markers.

    Args:
        project: Project's folder.
        environment: Environment variables that may hold options of pytest.

    Returns:
        What a phase of it would begin with.

    Raises:
        ThresholdError: A configuration file of the project cannot be read.
    """
    pytest_options = _pytest_options(project)
    named = at(read_configuration(project / "pyproject.toml") or {}, ("project", "name"))
    name = _plain(named if isinstance(named, str) else project.resolve().name) or "project"
    effective = find_thresholds(project, environment=environment).effective
    floor = float(effective.percent) if effective else 0.0
    folders = _test_folders(project, pytest_options)
    goal = int(floor // _GOAL_STEP + 1) * _GOAL_STEP
    return Layout(
        name=name,
        phase_id=f"{_id(name)}-phase",
        floor_percent=int(floor) if floor.is_integer() else floor,
        floor_origin=_plain(f"{effective.key} in {effective.file}") if effective else "no threshold was found",
        goals_percent=[min(each, 100) for each in (goal, goal + _GOAL_STEP)][: 2 if goal < 100 else 1],  # noqa: PLR2004
        test_folders=folders or ["tests"],
        suites=list(_suites(project, folders or ["tests"], _markers(pytest_options))),
        notes=list(_notes(project, folders, pytest_options)),
    )


def _suites(project: Path, folders: Sequence[str], markers: Sequence[str]) -> Iterator[SuiteStart]:
    heavy = [path for folder in folders for path in _subfolders(project / folder) if path.name.lower() in _HEAVY]
    names = [path.relative_to(project).as_posix() for path in heavy]
    if heavy:
        yield _suite("unit", [*folders, *(f"--ignore={name}" for name in names)])
        by_name: dict[str, list[str]] = {}
        for path, name in zip(heavy, names, strict=True):
            by_name.setdefault(_id(path.name), []).append(name)
        yield from (_suite(name, paths) for name, paths in by_name.items())
    elif chosen := [marker for marker in markers if marker.lower() in _HEAVY]:
        yield _suite("unit", [*folders, "-m", " and ".join(f"not {marker}" for marker in chosen)])
        yield _suite("heavy", [*folders, "-m", " or ".join(chosen)])
    else:
        yield _suite("unit", folders)


def _suite(name: str, arguments: Sequence[str]) -> SuiteStart:
    is_unit = name == "unit"
    return SuiteStart(
        id=name,
        label_en="Unit tests" if is_unit else f"Tests: {name}",
        label_es="Pruebas unitarias" if is_unit else f"Pruebas: {_LABELS_ES.get(name, name)}",
        arguments=list(arguments),
        is_unit=is_unit,
    )


def _notes(project: Path, folders: Sequence[str], options: Mapping[str, Any]) -> Iterator[str]:
    if not folders:
        yield "no tests were found; the suite 'unit' names the folder tests"
    if not _names_roots(project, options):
        packages = sorted(path.parent for path in project.glob("*/__init__.py") if path.parent.name not in folders)
        folder = "src" if (project / "src").is_dir() else packages[0].name if packages else "your_package"
        yield _NO_ROOTS.format(folder=folder)
    if is_ignored(project, f"{RECORD_FOLDER}/phase.md"):
        yield f"git ignores {RECORD_FOLDER}, so the record would be lost; {_IGNORE_CURE}"
    if is_ignored(project, f"{EVIDENCE_FOLDER}/manifest.json") is False:
        yield f"git would take evidence and pages for sources; {_IGNORE_CURE}"


def _names_roots(project: Path, options: Mapping[str, Any]) -> bool:
    if re.search(r"--cov[= ]\w", " ".join(_lines(options.get("addopts")))):
        return True
    with chdir(project), suppress(CoverageException):  # an older coverage.py does not know every option
        configured = Coverage(data_file=None)
        return any(configured.get_option(f"run:{name}") for name in _ROOTS)
    return False


def _pytest_options(project: Path) -> Mapping[str, Any]:
    for path in (project / name for name in PYTEST_FILES):
        document = read_configuration(path)
        table = None if document is None else pytest_table(path, document)
        if document is not None and table is not None:
            return at(document, table) or {}
    return {}


def _lines(value: object) -> list[str]:
    return value.split("\n") if isinstance(value, str) else [str(each) for each in value or ()]  # type: ignore[attr-defined]


def _markers(options: Mapping[str, Any]) -> list[str]:
    found = (re.match(r"\s*(\w+)", line) for line in _lines(options.get("markers")))
    return [match[1] for match in found if match]


def _test_folders(project: Path, options: Mapping[str, Any]) -> list[str]:
    configured = [word for line in _lines(options.get("testpaths")) for word in line.split()]
    return [name for name in configured or ("tests", "test") if _holds_tests(project / name)]


def _subfolders(folder: Path) -> list[Path]:
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if path.is_dir() and _holds_tests(path)]


def _holds_tests(folder: Path) -> bool:
    return folder.is_dir() and any(next(folder.rglob(pattern), None) for pattern in _TEST_NAMES)


def _id(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "project"


def _plain(text: str) -> str:
    """Leave no line end and no control in a text that goes into a comment or a title."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:100]
