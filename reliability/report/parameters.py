"""Strict parameters of a notebook: names and types are checked before a kernel starts.

papermill itself takes a misspelt parameter with a log line only, checks no types and
reads `1.10` as a number. What a value means belongs to `reliability.settings`.
"""

import contextlib
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from papermill import inspect_notebook
from pydantic import FiniteFloat, TypeAdapter, ValidationError

from reliability.errors import ParameterError, SourceError
from reliability.sources.promql import check_metric_name, parse_matchers
from reliability.sources.samples import open_sample

Declared = Mapping[str, Any]  # what papermill tells of a parameter: inferred_type_name, help, ...
_TYPES: Final[Mapping[str, TypeAdapter[Any]]] = {
    "float": TypeAdapter(FiniteFloat), "int": TypeAdapter(int), "bool": TypeAdapter(bool), "str": TypeAdapter(str),
}  # fmt: skip


def gather_parameters(file: Path | None, assignments: Sequence[str], sample: str | None) -> dict[str, object]:
    """Join what the command line gives: file first, `-p` over it, `--sample` as a source.

    Args:
        file: YAML file of `-f`, a mapping of names to plain values, or None.
        assignments: Texts of `-p`, for example `["margin_percent=5", "canary_release=1.10"]`.
        sample: Name of a canary sample, or None.

    Returns:
        Values by name; texts get their type from the notebook.

    Raises:
        ParameterError: A bad file or assignment, or two sources.
    """
    given = _read_file(file) if file else {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"-p {text}: write it as -p name=value.")
        given[name] = value
    if sample is not None:
        if given.get("source") is not None:
            raise ParameterError(f"--sample {sample} and source={given['source']} both name a source; keep one.")
        given["source"] = f"sample:{sample}"
    return given


def choose_parameters(notebooks: Mapping[str, Path], given: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Give every notebook the parameters that it declares, in the types that it declares.

    Args:
        notebooks: Notebook by report name; each has a cell tagged `parameters`.
        given: Texts from the command line, or typed values from a file; None is left out.

    Returns:
        Typed values by report and name.

    Raises:
        ParameterError: A notebook without a parameters cell, a name that none of them declares, a wrong type.
    """
    declared = {report: _read_declared(path) for report, path in notebooks.items()}
    every = {name for names in declared.values() for name in names}
    for name in given:
        if name not in every:
            close = difflib.get_close_matches(name, every, n=1, cutoff=0.5)
            hint = f"; did you mean '{close[0]}'?" if close else "."
            where = " and ".join(str(path) for path in notebooks.values())
            raise ParameterError(f"{where} has no parameter '{name}'{hint} It takes: {', '.join(sorted(every))}.")
    return {
        report: {
            name: _typed(notebooks[report], name, names[name], value)
            for name, value in given.items()
            if name in names and value is not None
        }
        for report, names in declared.items()
    }


def _read_file(path: Path) -> dict[str, object]:
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


def _read_declared(notebook: Path) -> Mapping[str, Declared]:
    found: Mapping[str, Declared] = inspect_notebook(str(notebook))
    if not found:
        raise ParameterError(f"{notebook} has no cell tagged 'parameters'; tag one in the property inspector.")
    return found


def _typed(notebook: Path, name: str, declared: Declared, value: object) -> object:
    """Read a text as the declared type; a value that has a type already must have the right one."""
    kind, cure = declared["inferred_type_name"], declared["help"] or "mend the value"
    adapter = _TYPES.get(kind, _TYPES["str"])
    try:
        return (
            adapter.validate_strings(value) if isinstance(value, str) else adapter.validate_python(value, strict=True)
        )
    except ValidationError as err:
        raise ParameterError(f"{notebook}: {name} = {value!r} is no {kind}; {cure}.") from err


def check_canary(resolved: Mapping[str, Any]) -> None:
    """Refuse matchers, metric names and sample names that cannot be meant, before a kernel starts.

    Args:
        resolved: A value for every parameter of the canary report.

    Raises:
        UsageError: A matcher or name is not valid, or there is no such sample.
    """
    for name in ("baseline", "canary", "error_matchers"):
        if resolved[name] is not None:
            parse_matchers(resolved[name], where=name)
    for name in ("latency_metric", "requests_metric"):
        if resolved[name] is not None:
            check_metric_name(resolved[name], where=name)
    sample = resolved["source"].removeprefix("sample:")
    if sample != resolved["source"]:
        with contextlib.suppress(SourceError):  # evidence that is missing is a verdict, not a usage error
            open_sample(sample)
