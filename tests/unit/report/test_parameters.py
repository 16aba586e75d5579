import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import ParameterError
from reliability.report.parameters import choose_parameters, gather_parameters

SOURCE = """margin_percent: float = None  # largest increase; else 10
release: str = None  # as shown
count: int = None
strict: bool = None"""


def write_notebook(path, source, *tags):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook.cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})]
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def choose(tmp_path_factory):
    path = write_notebook(tmp_path_factory.mktemp("notebooks") / "canary.ipynb", SOURCE, "parameters")
    return lambda **values: choose_parameters({"canary": path}, values)["canary"]


def test_a_release_named_like_a_number_stays_text(choose):
    assert choose(release="1.10") == {"release": "1.10"}


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_the_command_line(choose, value):
    assert choose(margin_percent=repr(value)) == {"margin_percent": value}


def test_values_of_a_file_keep_their_type(choose):
    given_values = {"margin_percent": 5, "count": 3, "strict": True, "release": None}

    assert choose(**given_values) == {"margin_percent": 5.0, "count": 3, "strict": True}


def test_each_notebook_gets_the_parameters_that_it_declares(tmp_path):
    notebooks = {
        name: write_notebook(tmp_path / f"{name}.ipynb", f"{name}: int = 1", "parameters") for name in ("a", "b")
    }

    assert choose_parameters(notebooks, {"a": "2"}) == {"a": {"a": 2}, "b": {}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin_percent", "ten"),
        ("margin_percent", "nan"),
        ("margin_percent", "inf"),
        ("margin_percent", float("nan")),
        ("margin_percent", True),
        ("count", "3.5"),
        ("count", 3.5),
        ("strict", "maybe"),
        ("strict", 1),
        ("release", 1.10),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_name(choose, name, value):
    with pytest.raises(ParameterError, match=rf"canary.ipynb: {name} = .* is no"):
        choose(**{name: value})


def test_a_misspelt_name_gets_the_nearest_one(choose):
    with pytest.raises(ParameterError, match=r"no parameter 'releese'; did you mean 'release'\? It takes: count"):
        choose(releese="2.8.0")


def test_a_name_that_is_code_is_refused_before_anything_runs(choose):
    with pytest.raises(ParameterError, match="no parameter"):
        choose(**{"x=1;import os;y": "1"})


def test_the_comment_of_a_parameter_is_its_cure(choose):
    with pytest.raises(ParameterError, match=r"is no float; largest increase; else 10\."):
        choose(margin_percent="ten")


def test_a_notebook_without_parameters_is_refused_with_a_cure(tmp_path):
    with pytest.raises(ParameterError, match="tagged 'parameters'"):
        choose_parameters({"a": write_notebook(tmp_path / "a.ipynb", "1 + 1")}, {})


@pytest.mark.parametrize("text", ["margin_percent", "=5", ""])
def test_an_assignment_needs_a_name_and_an_equals_sign(text):
    with pytest.raises(ParameterError, match="name=value"):
        gather_parameters(None, [text], None)


def test_the_value_of_an_assignment_may_hold_an_equals_sign():
    assert gather_parameters(None, ['canary=arm="canary"'], None) == {"canary": 'arm="canary"'}


@pytest.mark.parametrize("content", ["[1, 2]", "a: [1]", "a: 2026-11-26", "a: {b: 1}", "'", "1: 2"])
def test_a_parameter_file_must_map_names_to_plain_values(tmp_path, content):
    (tmp_path / "p.yml").write_text(content)

    with pytest.raises(ParameterError, match=r"p\.yml"):
        gather_parameters(tmp_path / "p.yml", [], None)


def test_a_missing_parameter_file_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"gone\.yml"):
        gather_parameters(tmp_path / "gone.yml", [], None)


def test_the_command_line_beats_the_file(tmp_path):
    (tmp_path / "p.yml").write_text("margin_percent: 5\nrelease: '1.10'\n")

    gathered = gather_parameters(tmp_path / "p.yml", ["margin_percent=7"], "fail")

    assert gathered == {"margin_percent": "7", "release": "1.10", "source": "sample:fail"}


def test_two_sources_at_once_are_refused():
    with pytest.raises(ParameterError, match="both name a source"):
        gather_parameters(None, ["source=http://127.0.0.1:9090"], "fail")
