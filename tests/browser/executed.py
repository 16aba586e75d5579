"""Run the shipped notebooks in this process and write their pages: real reports without a kernel."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from reliability.report.exporter import export_pages
from reliability.report.runner import find_report
from reliability.shipped import shipped_folder

LANGUAGES = ("en", "es")


def write_report(name: str, parameters: Mapping[str, object], *, folder: Path, siblings: tuple[str, ...]) -> None:
    """Execute one shipped notebook in the working directory and write its files into `folder`."""
    notebook = nbformat.read(shipped_folder("notebooks") / f"{name}.ipynb", as_version=4)
    namespace: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = _execute(cell.source, namespace)
            cell.outputs = [] if shown is None else [nbformat.v4.new_output("execute_result", data=_bundle(shown))]
            if "parameters" in cell.metadata.get("tags", []):
                namespace.update(parameters)
    report = find_report(notebook)
    assert report is not None
    report = {**report, "run_id": folder.name}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
    (folder / f"{name}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
    export_pages(notebook, report, main_language="en", siblings=siblings, folder=folder)


def _execute(source: str, namespace: dict[str, Any]) -> object:
    """Run a cell; return the value of its last expression, as a notebook would show it."""
    body = ast.parse(source).body
    last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    body = body if last is None else body[:-1]
    exec(compile(ast.Module(body=body, type_ignores=[]), "cell", "exec"), namespace)  # noqa: S102 -- our own notebooks
    if last is None:
        return None
    return eval(compile(ast.Expression(last), "cell", "eval"), namespace)  # noqa: S307 -- our own notebooks


def _bundle(shown: Any) -> dict[str, object]:
    bundle: dict[str, object] = json.loads(json.dumps(shown._repr_mimebundle_(), default=str))
    return bundle
