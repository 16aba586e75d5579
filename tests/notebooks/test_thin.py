"""The shipped notebooks stay thin: questions in words, one call a cell, no logic, no outputs."""

import ast
import inspect

import nbformat
import pytest
from papermill import inspect_notebook

from reliability import notebook as nb
from reliability.settings import SECTION_OF_REPORT, Settings
from reliability.shipped import shipped_folder

REPORTS = sorted(SECTION_OF_REPORT)
FORBIDDEN = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With, ast.Lambda)


def read(report):
    return nbformat.read(shipped_folder("notebooks") / f"{report}.ipynb", as_version=4)


def tags(cell):
    return set(cell.metadata.get("tags", []))


def code_cells(report):
    return [cell for cell in read(report).cells if cell.cell_type == "code"]


def narrative_cells(report):
    return [cell for cell in code_cells(report) if "parameters" not in tags(cell)]


@pytest.mark.parametrize("report", REPORTS)
def test_a_notebook_is_valid_and_committed_without_outputs(report):
    notebook = read(report)

    nbformat.validate(notebook)
    assert "papermill" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(report))
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.mark.parametrize("report", REPORTS)
def test_the_parameters_are_annotated_literals_with_a_comment(report):
    (cell,) = [cell for cell in code_cells(report) if "parameters" in tags(cell)]

    for line, statement in zip(cell.source.splitlines(), ast.parse(cell.source).body, strict=True):
        assert isinstance(statement, ast.AnnAssign), line
        assert line.split("=")[1].split("#")[0].strip() == "None"
        assert "  # " in line


@pytest.mark.parametrize("report", REPORTS)
def test_papermill_reads_every_parameter_and_the_settings_have_a_default_for_each(report):
    section = getattr(Settings(), SECTION_OF_REPORT[report])

    read_by_papermill = inspect_notebook(str(shipped_folder("notebooks") / f"{report}.ipynb"))

    assert set(read_by_papermill) == set(type(section).model_fields)
    for name, entry in read_by_papermill.items():
        assert entry["help"] == type(section).model_fields[name].description


@pytest.mark.parametrize("report", REPORTS)
def test_every_parameter_reaches_the_run(report):
    start = next(cell for cell in narrative_cells(report) if "nb.start" in cell.source)
    call = next(node for node in ast.walk(ast.parse(start.source)) if isinstance(node, ast.Call))

    passed = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}

    declared = inspect_notebook(str(shipped_folder("notebooks") / f"{report}.ipynb"))
    assert passed == {name: name for name in declared}
    assert ast.literal_eval(call.args[0]) == report


@pytest.mark.parametrize("report", REPORTS)
def test_a_cell_holds_one_call_on_nb_and_no_logic(report):
    for cell in narrative_cells(report):
        tree = ast.parse(cell.source)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]

        assert len(calls) == 1
        assert ast.unparse(calls[0].func).startswith("nb.")
        assert not [node for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
        assert all(ast.unparse(node) == "from reliability import notebook as nb" for node in imports)
        assert isinstance(tree.body[-1], ast.Expr)


@pytest.mark.parametrize("report", REPORTS)
def test_each_call_follows_its_question_in_both_languages(report):
    cells = read(report).cells

    for index, cell in enumerate(cells):
        if cell.cell_type == "code" and "parameters" not in tags(cell):
            english, spanish = cells[index - 2], cells[index - 1]
            assert (english.cell_type, spanish.cell_type) == ("markdown", "markdown")
            assert "lang:en" in tags(english)
            assert "lang:es" in tags(spanish)
            assert english.metadata.get("reliability") == spanish.metadata.get("reliability")


@pytest.mark.parametrize("report", REPORTS)
def test_there_is_one_title_a_language(report):
    titles = [cell for cell in read(report).cells if cell.source.startswith("# ") and cell.cell_type == "markdown"]

    assert [tags(cell) for cell in titles] == [{"lang:en", "hide"}, {"lang:es", "hide"}]


def test_the_frame_of_a_new_notebook_keeps_the_parameters_that_papermill_reads_and_explains_each_call():
    path = shipped_folder("templates") / "new_notebook.ipynb"
    notebook = nbformat.read(path, as_version=4)

    declared = inspect_notebook(str(path))

    nbformat.validate(notebook)
    assert all(entry["help"] for entry in declared.values())
    for name in declared.keys() & type(Settings().canary).model_fields.keys():
        assert declared[name]["help"] == type(Settings().canary).model_fields[name].description
    for cell, before in zip(notebook.cells[1:], notebook.cells, strict=False):
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
            assert "parameters" in tags(cell) or before.cell_type == "markdown"
            assert all(f"{name}={name}" in cell.source for name in declared if "nb.start" in cell.source)


def test_the_public_names_are_documented_and_few():
    assert len(nb.__all__) <= 24
    assert all(inspect.getdoc(getattr(nb, name)) for name in nb.__all__)
