from pathlib import Path

import nbformat
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reliability.errors import NotebookError, UnknownReportError
from reliability.report.catalogue import (
    choose_notebooks,
    choose_reports,
    find_reports,
    find_strays,
    read_notebook,
    title_of,
)

REPORTS = {name: Path(f"{name}.ipynb") for name in ("canary_comparison", "capacity", "phase_progress")}
SHIPPED = ["canary_comparison", "phase_progress", "rollback_readiness"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "shop"
    (folder / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def save(path, *, tags=("parameters",)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = nbformat.v4.new_code_cell("x = 1", metadata={"tags": list(tags)})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def heading(text, *tags):
    return nbformat.v4.new_markdown_cell(text, metadata={"tags": list(tags)})


def test_all_reports_are_chosen_when_none_is_named():
    assert choose_reports([], REPORTS) == REPORTS


def test_an_unambiguous_beginning_is_enough():
    assert list(choose_reports(["phase", "canary"], REPORTS)) == ["canary_comparison", "phase_progress"]


def test_an_ambiguous_beginning_names_the_candidates():
    with pytest.raises(UnknownReportError, match="canary_comparison or capacity"):
        choose_reports(["ca"], REPORTS)


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(UnknownReportError, match="did you mean 'phase_progress'"):
        choose_reports(["fase_progress"], REPORTS)


def test_the_three_shipped_reports_are_found_in_an_empty_folder(tmp_path):
    assert list(find_reports(tmp_path)) == SHIPPED
    assert list(choose_notebooks([], tmp_path)) == SHIPPED


def test_a_notebook_of_the_project_beats_the_shipped_one(project):
    own = save(project / "notebooks" / "canary_comparison.ipynb")

    assert choose_notebooks(["canary"], project) == {"canary_comparison": own}


def test_a_notebook_without_a_parameters_cell_is_no_report_and_hides_none(project):
    own = save(project / "notebooks" / "queue.ipynb")
    strays = [save(project / "notebooks" / f"{name}.ipynb", tags=()) for name in ("canary_comparison", "scratch")]

    assert find_strays(project) == strays
    assert find_reports(project)["queue"] == own
    assert list(find_reports(project)) == list(choose_notebooks([], project)) == sorted([*SHIPPED, "queue"])
    assert list(choose_notebooks(["phase", "queue"], project)) == ["phase_progress", "queue"]
    for name, stray in zip(("canary", "scratch"), strays, strict=True):  # named, so that it is refused
        assert choose_notebooks([name], project) == {stray.stem: stray}


def test_a_torn_notebook_may_be_a_report_so_it_is_one(project):
    save(project / "notebooks" / "torn.ipynb").write_text('{"cells": [')

    assert "torn" in find_reports(project)
    assert find_strays(project) == []


@pytest.mark.parametrize("name", ["deep/er/latency.ipynb", "./latency.ipynb", "latency.ipynb"])
def test_a_notebook_is_taken_by_its_path_alone_or_beside_names(project, name):
    save(Path(name))

    assert choose_notebooks([name], project) == {"latency": Path(name)}
    assert list(choose_notebooks([name, "phase"], project)) == ["phase_progress", "latency"]
    assert choose_notebooks([name, f"{project}/{name}"], project) == {"latency": Path(name)}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("notebooks/", "cannot name a report; rename it"),
        ("../outside.ipynb", "lies outside the project"),
        ("link.ipynb", "lies outside the project"),
        ("notebooks/linked", "cannot name a report; rename it"),
        ("./notes.txt", "cannot name a report; rename it"),
        ("my report.ipynb", "cannot name a report; rename it"),
        ("2nd.ipynb", "cannot name a report; rename it"),
        ("página.ipynb", "cannot name a report; rename it"),
        ("index.ipynb", "'index' is taken"),
    ],
)
def test_a_path_that_cannot_be_run_is_refused_with_a_cure(project, name, message):
    outside = save(project.parent / "outside.ipynb")
    Path("link.ipynb").symlink_to(outside)
    for other in ("my report", "2nd", "página", "index"):
        save(project / f"{other}.ipynb")
    (project / "notes.txt").write_text("x")

    with pytest.raises(NotebookError) as caught:
        choose_notebooks([name], project)
    assert message in str(caught.value)


def test_what_cannot_be_run_is_refused_by_name_too_and_when_all_are_meant(project):
    (project / "notebooks" / "linked.ipynb").symlink_to(save(project.parent / "outside.ipynb"))

    for names in (["linked"], []):
        with pytest.raises(NotebookError, match="lies outside the project"):
            choose_notebooks(names, project)


def test_two_notebooks_of_one_name_are_refused(project):
    for folder in ("a", "b"):
        save(project / folder / "latency.ipynb")

    with pytest.raises(NotebookError, match=r"a/latency\.ipynb and b/latency\.ipynb have the same name"):
        choose_notebooks(["a/latency.ipynb", "b/latency.ipynb"], project)


def test_a_notebook_that_is_not_there_is_refused_with_a_cure(project):
    with pytest.raises(NotebookError, match=r"gone\.ipynb cannot be read .*No such file.*; mend its path"):
        read_notebook(choose_notebooks(["gone.ipynb"], project)["gone"])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "{}", "{", "[" * 3000, '{"nbformat": 9, "nbformat_minor": 0}', '{"cells": 3}',
     '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "wat"}]}'],
    ids=["empty", "list", "number", "object", "torn", "deep", "future", "no cells", "odd cell"],
)  # fmt: skip
def test_what_is_no_notebook_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "a.ipynb"
    path.write_text(text)

    with pytest.raises(NotebookError, match=r"a\.ipynb cannot be read as a notebook"):
        read_notebook(path)


def test_a_notebook_without_a_kernel_and_without_cell_ids_is_read(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": '
        '[{"cell_type": "markdown", "metadata": {}, "source": ["# A\\n", "b"]}]}'
    )

    assert read_notebook(path).cells[0].source == "# A\nb"


@pytest.mark.parametrize(
    ("cells", "english", "spanish"),
    [
        ([heading("# Queue depth")], "Queue depth", "Queue depth"),
        ([heading("no"), heading("## Queue\n# Not")], "Queue", "Queue"),
        ([heading("# Cola", "lang:es"), heading("# Queue", "lang:en")], "Queue", "Cola"),
        ([heading("# Queue", "lang:en")], "Queue", "Queue depth"),
        ([heading("# Draft", "hide"), heading("# Queue")], "Queue", "Queue"),
        ([heading("# The **`queue`** ##")], "The queue", "The queue"),
        ([heading("no heading")], "Queue depth", "Queue depth"),
        ([heading(f"# {'x' * 500}")], "x" * 80, "x" * 80),
    ],
)
def test_a_notebook_is_called_by_its_first_heading_else_by_its_name(cells, english, spanish):
    notebook = nbformat.v4.new_notebook(cells=cells)

    assert title_of("queue_depth", notebook) == {"en": english, "es": spanish}


@given(text=st.text())
@example(text="# *")
def test_any_text_gives_some_title(text):
    titles = title_of("queue", nbformat.v4.new_notebook(cells=[heading(text)]))

    assert set(titles) == {"en", "es"}
    assert all(titles.values())
