"""Reads the configuration of pytest and coverage.py as plain documents: which file wins, which table of it counts.

The rules are those of pytest 9 (`_pytest/config/findpaths.py`) and coverage.py 7
(`coverage/config.py`). What stands in the tables is read elsewhere.
"""

import tomllib
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from reliability.errors import ThresholdError

Document = Mapping[str, Any]
Keys = tuple[str, ...]

PYTEST_FILES: Final = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
)  # fmt: skip
COVERAGE_FILES: Final = (".coveragerc", ".coveragerc.toml", "setup.cfg", "tox.ini", "pyproject.toml")
_BOM: Final = "\ufeff"
_COVERAGE_SECTIONS: Final = ("run", "paths", "report", "html", "xml", "json", "lcov")


def read_configuration(path: Path) -> Document | None:
    """Read a configuration file.

    Args:
        path: TOML by its ending `.toml`, else INI.

    Returns:
        Tables in tables, or sections of options; None when there is no such file.

    Raises:
        ThresholdError: It cannot be read, or pytest and coverage.py would refuse it.
    """
    try:
        body = path.read_bytes() if path.is_file() else None
    except OSError as err:
        raise ThresholdError(f"{path} cannot be read ({err.strerror or err}). Make it readable.") from err
    return None if body is None else parse_configuration(path, body)


def parse_configuration(path: Path, body: bytes) -> Document:
    """Parse the text of a configuration file; see `read_configuration`."""
    try:
        text = body.decode("utf-8").removeprefix(_BOM)
        if path.suffix == ".toml":
            return tomllib.loads(text, parse_float=Decimal)
        parser = ConfigParser(interpolation=None)
        parser.read_string(text, source=str(path))
    except (tomllib.TOMLDecodeError, ConfigParserError, UnicodeDecodeError, RecursionError) as err:
        merge = " It holds the marks of an unfinished merge." if b"<<<<<<<" in body else ""
        reason = " ".join(str(err).split())
        raise ThresholdError(f"{path} cannot be parsed: {reason}.{merge} Mend it and run again.") from err
    return {name: dict(parser.items(name)) for name in parser.sections()}


def at(document: Document, keys: Keys) -> Any:
    """Return what stands under nested keys; None when it is not there."""
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def table_at(document: Document, keys: Keys) -> Mapping[str, Any]:
    """Return the table under nested keys; an empty one when there is none."""
    value = at(document, keys)
    return value if isinstance(value, Mapping) else {}


def pytest_table(path: Path, document: Document) -> Keys | None:
    """Name the table that pytest reads.

    Args:
        path: Configuration file.
        document: What it holds.

    Returns:
        Keys of the table, also when a file of pytest's own lacks it and still hides all others;
        None when pytest passes the file over.

    Raises:
        ThresholdError: pytest refuses the file.
    """
    match path.name:
        case "pyproject.toml":
            return _pyproject_table(path, document)
        case "tox.ini":
            return ("pytest",) if "pytest" in document else None
        case "setup.cfg":
            if "tool:pytest" not in document and "pytest" in document:
                raise ThresholdError(f"{path} has a section [pytest], which pytest refuses; rename it [tool:pytest].")
            return ("tool:pytest",) if "tool:pytest" in document else None
    return ("pytest",)


def _pyproject_table(path: Path, document: Document) -> Keys | None:
    table = table_at(document, ("tool", "pytest"))
    if table.get("ini_options") and len(table) > 1:
        raise ThresholdError(f"{path} has both [tool.pytest] and [tool.pytest.ini_options], which pytest refuses.")
    if set(table) - {"ini_options"}:
        return ("tool", "pytest")
    return ("tool", "pytest", "ini_options") if "ini_options" in table else None


def report_table(path: Path, document: Document) -> Keys:
    """Name the table of coverage.py that holds `fail_under` and `precision`.

    Args:
        path: Configuration file.
        document: What it holds.

    Returns:
        Keys of the table, whether it is there or not.
    """
    return next(
        (keys for keys in _tables(path, "report") if at(document, keys) is not None), _tables(path, "report")[0]
    )


def holds_coverage(path: Path, document: Document) -> bool:
    """Tell whether coverage.py takes this file: one of its own always, another if it holds a section for it."""
    if _is_own(path):
        return True
    return any(at(document, keys) for section in _COVERAGE_SECTIONS for keys in _tables(path, section))


def _tables(path: Path, section: str) -> tuple[Keys, ...]:
    own: tuple[Keys, ...] = ((section,),) if _is_own(path) else ()
    foreign: Keys = ("tool", "coverage", section) if path.suffix == ".toml" else (f"coverage:{section}",)
    return (foreign, *own)


def _is_own(path: Path) -> bool:
    return path.name not in COVERAGE_FILES or path.name.startswith(".coveragerc")
