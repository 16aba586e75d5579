import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import ParameterError
from reliability.report.parameters import (
    Declared,
    choose_for,
    gather_parameters,
    parse_assignments,
    read_declared,
    read_parameter_file,
)

KINDS = {"release": "str", "margin_percent": "float", "count": "int", "strict": "bool"}
DECLARED = {name: Declared(name=name, kind=kind, help="") for name, kind in KINDS.items()}


def choose(tmp_path, **given_values):
    return choose_for(tmp_path / "canary.ipynb", DECLARED, given_values)


def write_notebook(path, *sources, tags=()):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in notebook.cells:
        cell.metadata["tags"] = list(tags)
    nbformat.write(notebook, path)
    return path


def test_a_release_named_like_a_number_stays_text(tmp_path):
    assert choose(tmp_path, release="1.10") == {"release": "1.10"}


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_the_command_line(tmp_path_factory, value):
    assert choose(tmp_path_factory.getbasetemp(), margin_percent=repr(value)) == {"margin_percent": value}


def test_values_of_a_file_keep_their_type(tmp_path):
    given_values = {"margin_percent": 5, "count": 3, "strict": True, "release": None}

    assert choose(tmp_path, **given_values) == {"margin_percent": 5.0, "count": 3, "strict": True}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin_percent", "ten"),
        ("margin_percent", "nan"),
        ("margin_percent", True),
        ("count", "3.5"),
        ("count", 3.5),
        ("strict", "maybe"),
        ("strict", 1),
        ("release", 1.10),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_name(tmp_path, name, value):
    with pytest.raises(ParameterError, match=name):
        choose(tmp_path, **{name: value})


def test_a_misspelt_name_gets_the_nearest_one(tmp_path):
    with pytest.raises(ParameterError, match=r"no parameter 'releese'; did you mean 'release'\? It takes: count"):
        choose(tmp_path, releese="2.8.0")


def test_a_name_that_is_code_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ParameterError, match="no parameter"):
        choose(tmp_path, **{"x=1;import os;y": "1"})


def test_the_declared_names_types_and_comments_are_read(tmp_path):
    source = "margin_percent: float = None  # largest increase; else 10\nrelease: str = None  # as shown"
    notebook = write_notebook(tmp_path / "a.ipynb", source, tags=["parameters"])

    declared = read_declared(notebook)

    assert declared["margin_percent"] == Declared(name="margin_percent", kind="float", help="largest increase; else 10")
    assert declared["release"].kind == "str"


def test_a_notebook_without_parameters_is_refused_with_a_cure(tmp_path):
    with pytest.raises(ParameterError, match="tagged 'parameters'"):
        read_declared(write_notebook(tmp_path / "a.ipynb", "1 + 1"))


@pytest.mark.parametrize("text", ["margin_percent", "=5", ""])
def test_an_assignment_needs_a_name_and_an_equals_sign(text):
    with pytest.raises(ParameterError, match="name=value"):
        parse_assignments([text])


def test_the_value_of_an_assignment_may_hold_an_equals_sign():
    assert parse_assignments(['canary=arm="canary"']) == {"canary": 'arm="canary"'}


@pytest.mark.parametrize("content", ["[1, 2]", "a: [1]", "a: 2026-11-26", "a: {b: 1}", "'", "1: 2"])
def test_a_parameter_file_must_map_names_to_plain_values(tmp_path, content):
    (tmp_path / "p.yml").write_text(content)

    with pytest.raises(ParameterError, match=r"p\.yml"):
        read_parameter_file(tmp_path / "p.yml")


def test_a_missing_parameter_file_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"gone\.yml"):
        read_parameter_file(tmp_path / "gone.yml")


def test_the_command_line_beats_the_file(tmp_path):
    (tmp_path / "p.yml").write_text("margin_percent: 5\nrelease: '1.10'\n")

    gathered = gather_parameters(tmp_path / "p.yml", ["margin_percent=7"], "fail")

    assert gathered == {"margin_percent": "7", "release": "1.10", "source": "sample:fail"}


def test_two_sources_at_once_are_refused():
    with pytest.raises(ParameterError, match="both name a source"):
        gather_parameters(None, ["source=http://127.0.0.1:9090"], "fail")
