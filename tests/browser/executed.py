"""Run the shipped notebooks in this process and write their pages: real reports without a kernel."""

import ast
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from matplotlib.figure import Figure

from reliability.notebook.block import Block
from reliability.report.exporter import export_pages
from reliability.report.figures import draw_figure
from reliability.report.index import write_index
from reliability.report.runner import find_report
from reliability.shipped import shipped_folder
from tests.unit.notebook.evidence import write_drill, write_evidence, write_record
from tests.unit.report import examples

PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "canary_comparison": {},
    "phase_progress": {},
    "rollback_readiness": {"drill_file": "drill.jsonl"},
}


def write_site(project: Path) -> Path:
    """Write an outputs folder into a project and return it."""
    write_evidence(project, covered=9200)
    write_record(project / "outputs" / "record" / "shop")
    write_drill(project / "drill.jsonl")
    outputs, before = project / "outputs", Path.cwd()
    os.chdir(project)
    try:
        for name in PARAMETERS:
            _write(name, *_execute(name), folder=outputs / "runs" / examples.RUN_ID, siblings=list(PARAMETERS))
    finally:
        os.chdir(before)
    write_index(outputs, main_language="en", now=datetime(2026, 11, 27, 9, 5, tzinfo=UTC))
    for kind, (report, notebook) in _unhappy().items():
        _write("canary_comparison", notebook, report, folder=outputs / "examples" / kind, siblings=[])
    return outputs


def _unhappy() -> dict[str, tuple[dict[str, Any], Any]]:
    """Make reports that the index does not list: one with hostile words, one without evidence."""
    words, missing = examples.HOSTILE, examples.report_without_evidence()
    hostile = examples.canary_report(service=words, releases={"baseline": words, "canary": words})
    hostile["provenance"]["source"] = words
    cells = [
        examples.markdown(f"## Own analysis\n\n{words}"),
        examples.code("x", examples.output({"text/html": words, "text/plain": words})),
        examples.code("y", examples.failed("ValueError", words)),
        examples.code("z", examples.result("exposure", examples.exposure(instance=words))),
        *_analysis(),
    ]
    return {
        "hostile": (hostile, nbformat.v4.new_notebook(cells=cells)),
        "missing": (missing, examples.canary_notebook(missing)),
    }


def _analysis() -> list[Any]:
    """Make cells as an analyst adds them: styled and wide tables, a figure, prose, hostile pictures and values."""
    figure = Figure(figsize=(11, 3))
    figure.add_subplot().set(title="Broad", xlabel="minute", ylabel="ms")
    data, metadata = draw_figure(figure)
    frame = pd.DataFrame([[float(n * m) for n in range(24)] for m in (1, -2)], index=["<b>", "</style><script>"])
    styler = (
        frame.style.background_gradient(axis=None).bar(subset=[3]).highlight_max(props="color:#ddd;font-weight:bold")
    )
    loud = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>"
    drawn = examples.output(data, kind="display_data")
    drawn.metadata = metadata
    forms = [
        "<p style='position:fixed'>x</p>",
        "<a href='javascript:alert(3)'>y</a>",
        "<h5>z</h5><ul><li>a</ul>",
    ]
    return [
        examples.markdown("## Styled\n\n#### Deep\n\n| a | b |\n|---|--:|\n| x | 1 |\n\n" + "long" * 90),
        examples.code(
            "a", examples.output({"text/html": styler.to_html()}), examples.output({"text/html": frame.to_html()})
        ),
        examples.code(
            "b", drawn, examples.output({"image/svg+xml": loud}), examples.output({"text/html": "".join(forms)})
        ),
    ]


def _write(name: str, notebook: Any, report: Mapping[str, Any], *, folder: Path, siblings: list[str]) -> None:
    export_pages(notebook, report, main_language="en", siblings=siblings, folder=folder)
    (folder / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
    (folder / f"{name}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")


def _execute(name: str) -> tuple[Any, dict[str, Any]]:
    """Execute one shipped notebook in the working directory."""
    notebook = nbformat.read(shipped_folder("notebooks") / f"{name}.ipynb", as_version=4)
    namespace: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = _run(cell.source, namespace)
            cell.outputs = [examples.result(shown.kind, dict(shown.data))] if isinstance(shown, Block) else []
            if "parameters" in cell.metadata.get("tags", []):
                namespace.update(PARAMETERS[name])
    report = find_report(notebook)
    assert report is not None
    return notebook, {**report, "run_id": examples.RUN_ID}


def _run(source: str, namespace: dict[str, Any]) -> object:
    """Run a cell; return the value of its last expression, as a notebook would show it."""
    body = ast.parse(source).body
    last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    body = body if last is None else body[:-1]
    exec(compile(ast.Module(body=body, type_ignores=[]), "cell", "exec"), namespace)  # noqa: S102 -- our own notebooks
    if last is None:
        return None
    return eval(compile(ast.Expression(last), "cell", "eval"), namespace)  # noqa: S307 -- our own notebooks
