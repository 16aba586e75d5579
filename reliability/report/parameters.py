"""Strict parameters of a notebook: names and types are checked before a kernel starts.

papermill itself takes a misspelt parameter with a log line only, checks no types, reads
`1.10` as a number and writes a name into the code as it is. Parameters are stored with the
run, so none may hold a secret. What a value means belongs to `reliability.settings`.
"""

import ast
import difflib
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import FiniteFloat, TypeAdapter, ValidationError

from reliability.credentials import looks_secret
from reliability.errors import NotebookError, ParameterError
from reliability.report.catalogue import parameters_cell
from reliability.settings import LIVE_WINDOW_MINUTES, WARMUP_MINUTES
from reliability.sources.connection import CONFIGURED
from reliability.sources.promql import check_metric_name, parse_matchers
from reliability.sources.samples import check_source, open_sample

_TYPES: Final[Mapping[str, TypeAdapter[Any]]] = {
    "float": TypeAdapter(FiniteFloat), "int": TypeAdapter(int), "bool": TypeAdapter(bool), "str": TypeAdapter(str),
}  # fmt: skip
_COLLECTIONS: Final = frozenset(("list", "dict", "tuple", "set", "sequence", "mapping"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a notebook says of one parameter: its type by name, its comment, its value where that is a literal.

    The type is empty where neither annotation nor value tells one that can be given; the value is `...` if computed.
    """

    kind: str
    help: str
    value: object


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
        _check_name(name, where=f"-p {name}")
        given[name] = value
    if sample is not None:
        if given.get("source") is not None:
            raise ParameterError(f"--sample {sample} and source={given['source']} both name a source; keep one.")
        given["source"] = f"sample:{sample}"
    return given


def choose_parameters(
    notebooks: Mapping[str, Path], nodes: Mapping[str, Any], given: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """Give every notebook the parameters that it declares, in the types that it declares.

    Args:
        notebooks: Its file by report name, for messages.
        nodes: The notebook itself by report name; each has a cell tagged `parameters`.
        given: Texts from the command line, or typed values from a file; None is left out.

    Returns:
        Typed values by report and name.

    Raises:
        NotebookError: A notebook without a parameters cell.
        ParameterError: A name that none of them declares or that looks like a secret's, a wrong type.
    """
    declared = {report: _read_declared(path, nodes[report]) for report, path in notebooks.items()}
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


def read_default(path: Path, notebook: Any, name: str, *, otherwise: object) -> object:
    """Return the value that a parameters cell gives as a literal.

    Args:
        path: The notebook's file, for messages.
        notebook: The notebook itself.
        name: The parameter.
        otherwise: Returned where the cell does not declare it, or computes it.

    Returns:
        The value.

    Raises:
        NotebookError: A notebook without a parameters cell, or with one that is no Python.
    """
    declared = _read_declared(path, notebook).get(name)
    return otherwise if declared is None or declared.value is ... else declared.value


def _read_file(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ParameterError(f"-f {path} cannot be read ({err.strerror}); mend the name of the file.") from err
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as err:
        problem = " ".join(str(err).split())
        raise ParameterError(f"-f {path} cannot be read ({problem}); write plain YAML values, without tags.") from err
    if not isinstance(content, dict):
        raise ParameterError(f"-f {path}: write one 'name: value' a line.")
    for name, value in content.items():
        _check_name(name, where=f"-f {path}: {name!r}")
        if not isinstance(value, str | int | float | bool | None):
            kind = type(value).__name__
            raise ParameterError(f"-f {path}: {name} is a {kind}, no plain value; put texts and dates in quotes.")
    return content


def _check_name(name: object, *, where: str) -> None:
    """Refuse a name that would be code, or that says that its value is a secret."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ParameterError(f"{where}: a parameter's name is letters, digits and '_', a letter first; mend it.")
    if looks_secret(name):
        raise ParameterError(
            f"{where}: parameters are stored with the run, so none may hold a secret; name the secret's file or "
            "variable in [prometheus] of reliability.toml, or rename the parameter if it holds none."
        )


def _read_declared(path: Path, notebook: Any) -> Mapping[str, Declared]:
    """Read the parameters cell; papermill's own reader skips a line with a second '=', as in `'arm="canary"'`."""
    cell = parameters_cell(notebook)
    if cell is None:
        raise NotebookError(
            f"{path} has no cell tagged 'parameters', so it is no report; tag one in JupyterLab's property inspector."
        )
    try:
        body = ast.parse(cell.source).body
    except SyntaxError as err:
        raise NotebookError(f"{path}: line {err.lineno} of the parameters cell is no Python ({err.msg}).") from err
    lines = cell.source.encode().splitlines()  # Python counts columns in bytes
    declared = {}
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                _check_name(name, where=f"{path}, parameter {name}")
                rest = lines[(statement.end_lineno or 1) - 1][statement.end_col_offset :].decode()
                value = _literal(statement.value)
                declared[name] = Declared(kind=_kind(statement, value), help=rest.strip(" #"), value=value)
    return declared


def _literal(value: ast.expr | None) -> object:
    try:
        return ... if value is None else ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ...


def _kind(statement: ast.AnnAssign | ast.Assign, value: object) -> str:
    """Take the type from the annotation, also of `float | None`, else from the value; None may become a text."""
    annotated = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
    names = [*re.findall(r"\w+", annotated), type(value).__name__]
    if not _COLLECTIONS.isdisjoint(name.lower() for name in names):
        return ""
    return next((name for name in names if name in _TYPES), "str" if value is None else "")


def _typed(notebook: Path, name: str, declared: Declared, value: object) -> object:
    """Read a text as the declared type; a value that has a type already must have the right one."""
    if not declared.kind:
        raise ParameterError(
            f"{notebook}: {name} cannot be given, as its type is not told; write {name}: float = ... (or int, bool, "
            "str) in the parameters cell."
        )
    adapter = _TYPES[declared.kind]
    try:
        return (
            adapter.validate_strings(value) if isinstance(value, str) else adapter.validate_python(value, strict=True)
        )
    except ValidationError as err:
        cure = declared.help or "mend the value"
        raise ParameterError(f"{notebook}: {name} = {value!r} is no {declared.kind}; {cure}.") from err


def check_canary(resolved: Mapping[str, Any], project: Path) -> None:
    """Refuse matchers, metric names and sources that cannot be meant, before a kernel starts.

    Args:
        resolved: A value for every parameter of the canary report.
        project: Folder that relative file names start from.

    Raises:
        UsageError: A matcher, name or source is not valid.
    """
    for name in ("baseline", "canary", "error_matchers"):
        parse_matchers(resolved[name] or "", where=name)
    for name in ("latency_metric", "requests_metric"):
        if resolved[name] is not None:
            check_metric_name(resolved[name], where=name)
    source, window_minutes, warmup_minutes = (resolved[key] for key in ("source", "window_minutes", "warmup_minutes"))
    check_source(source, project)
    if source.startswith("sample:"):
        sample = open_sample(source.removeprefix("sample:"))
        _check_window(
            window_minutes, sample.capture.manifest.warmup_minutes if warmup_minutes is None else warmup_minutes
        )
    elif source == CONFIGURED or "://" in source:
        _check_window(
            window_minutes or LIVE_WINDOW_MINUTES, WARMUP_MINUTES if warmup_minutes is None else warmup_minutes
        )
    else:  # what a capture says by itself is known when it is read
        _check_window(window_minutes, warmup_minutes)


def _check_window(window_minutes: float | None, warmup_minutes: float | None) -> None:
    if window_minutes is not None and warmup_minutes is not None and window_minutes <= warmup_minutes:
        raise ParameterError(
            f"the window of {window_minutes:g} minutes leaves nothing behind the warm-up of {warmup_minutes:g} "
            f"minutes; lengthen window_minutes or shorten warmup_minutes."
        )
