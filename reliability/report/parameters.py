"""Strict parameters of a notebook: names and types are checked before a kernel starts.

papermill itself takes a misspelt parameter with a log line only, checks no types and
reads `1.10` as a number. What a value means belongs to `reliability.settings`.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from reliability.errors import ParameterError

_TRUE = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One line of a notebook's parameters cell.

    Attributes:
        name: Name of the parameter.
        kind: Its annotation: `str`, `float`, `int` or `bool`.
        help: The comment behind it.
    """

    name: str
    kind: str
    help: str


def read_declared(notebook: Path) -> dict[str, Declared]:
    """Read the parameters that a notebook declares.

    Args:
        notebook: A notebook with a cell tagged `parameters`.

    Returns:
        The declared parameters by name, in order.

    Raises:
        ParameterError: The notebook has no readable parameters cell.
    """
    from papermill import inspect_notebook  # noqa: PLC0415 -- half a second, only needed here

    found = inspect_notebook(str(notebook))
    if not found:
        raise ParameterError(f"{notebook} has no cell tagged 'parameters'; tag one in the property inspector.")
    return {
        name: Declared(name=name, kind=entry["inferred_type_name"], help=entry["help"]) for name, entry in found.items()
    }


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Split `name=value` texts as given to `-p`.

    Args:
        assignments: For example `["margin_percent=5", "canary_release=1.10"]`.

    Returns:
        Text values by name; they get their type from the notebook.

    Raises:
        ParameterError: A text has no `=`.
    """
    pairs: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"-p {text}: write it as -p name=value.")
        pairs[name] = value
    return pairs


def read_parameter_file(path: Path) -> dict[str, object]:
    """Read a YAML file of parameters as given to `-f`.

    Args:
        path: A YAML mapping of names to plain values.

    Returns:
        Values by name.

    Raises:
        ParameterError: The file is missing, no YAML, or no mapping of plain values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise ParameterError(f"-f {path}: cannot be read as YAML ({err}).") from err
    if not isinstance(content, dict):
        raise ParameterError(f"-f {path}: write one 'name: value' a line.")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, str | int | float | bool | None):
            raise ParameterError(f"-f {path}: {name}: {value!r} is no plain value; put texts and dates in quotes.")
    return content


def choose_for(notebook: Path, declared: Mapping[str, Declared], given: Mapping[str, object]) -> dict[str, object]:
    """Give every parameter the type that its notebook declares.

    Args:
        notebook: Named in messages.
        declared: What `read_declared` found.
        given: Texts from the command line, or typed values from a file.

    Returns:
        Typed values of the given parameters; None is left out.

    Raises:
        ParameterError: A name that the notebook does not declare, or a value of another type.
    """
    chosen: dict[str, object] = {}
    for name, value in given.items():
        if name not in declared:
            raise ParameterError(unknown_parameter_message(str(notebook), name, declared))
        if value is not None:
            chosen[name] = _typed(notebook, declared[name], value)
    return chosen


def unknown_parameter_message(where: str, name: str, declared: Mapping[str, Declared]) -> str:
    """Say that a name is unknown, with the nearest one that exists."""
    close = difflib.get_close_matches(name, declared, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return f"{where} has no parameter '{name}'{hint} It takes: {', '.join(sorted(declared))}."


def _typed(notebook: Path, parameter: Declared, value: object) -> object:
    try:
        converted = _from_text(parameter.kind, value) if isinstance(value, str) else _from_value(parameter.kind, value)
    except ValueError:
        converted = None
    if converted is None or (isinstance(converted, float) and not math.isfinite(converted)):
        raise ParameterError(
            f"{notebook}: {parameter.name} = {value!r} is no {parameter.kind}; {parameter.help or 'mend the value'}."
        )
    return converted


def _from_text(kind: str, text: str) -> object:
    if kind == "str":
        return text
    if kind == "bool":
        return _TRUE.get(text.lower())
    return int(text) if kind == "int" else float(text)


def _from_value(kind: str, value: object) -> object:
    if kind == "bool" or isinstance(value, bool):
        return value if kind == "bool" and isinstance(value, bool) else None
    if kind == "float" and isinstance(value, int | float):
        return float(value)
    return value if kind == "int" and isinstance(value, int) else None


def gather_parameters(file: Path | None, assignments: Sequence[str], sample: str | None) -> dict[str, object]:
    """Join what the command line gives: file first, `-p` over it, `--sample` as a source.

    Args:
        file: YAML file, or None.
        assignments: Texts of `-p`.
        sample: Name of a canary sample, or None.

    Returns:
        Values by name, still untyped where they are texts.

    Raises:
        ParameterError: A bad file or assignment, or two sources.
    """
    given: dict[str, object] = read_parameter_file(file) if file else {}
    given.update(parse_assignments(assignments))
    if sample is not None:
        if given.get("source") is not None:
            raise ParameterError(f"--sample {sample} and source={given['source']} both name a source; keep one.")
        given["source"] = f"sample:{sample}"
    return given
