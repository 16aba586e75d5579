import keyword
import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import NotebookError, ParameterError
from reliability.report.parameters import choose_parameters, gather_parameters

SOURCE = """margin_percent: float = None  # largest increase; else 10
release: str = None  # as shown
count: int = None
strict: bool = None"""


def notebook(source, *tags):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})]
    return made


def choose(source=SOURCE, /, **values):
    return choose_parameters({"canary": Path("canary.ipynb")}, {"canary": notebook(source, "parameters")}, values)[
        "canary"
    ]


def test_a_release_named_like_a_number_stays_text():
    assert choose(release="1.10") == {"release": "1.10"}


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_the_command_line(value):
    assert choose(margin_percent=repr(value)) == {"margin_percent": value}


def test_values_of_a_file_keep_their_type():
    given_values = {"margin_percent": 5, "count": 3, "strict": True, "release": None}

    assert choose(**given_values) == {"margin_percent": 5.0, "count": 3, "strict": True}


def test_each_notebook_gets_the_parameters_that_it_declares():
    paths = {name: Path(f"{name}.ipynb") for name in ("a", "b")}
    nodes = {name: notebook(f"{name}: int = 1", "parameters") for name in paths}

    assert choose_parameters(paths, nodes, {"a": "2"}) == {"a": {"a": 2}, "b": {}}


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ("x = 10.0", "5", 5.0),
        ("x = 3", "5", 5),
        ("x = True", "no", False),
        ("x = 'arm=\"a\"'", 'arm="b"', 'arm="b"'),
        ("x: float | None = None  # a = b", "5", 5.0),
        ("x: 'Optional[int]' = None", "5", 5),
        ("x = None", "5", "5"),
        ("x = -1", "-3", -3),
        ("x = +0.5", "-1", -1.0),
        ("x: int = 60 * 5", "120", 120),
        ("x: Final = 3", "5", 5),
    ],
)
def test_a_type_is_taken_from_the_annotation_else_from_the_value(source, text, value):
    assert choose(source, x=text) == {"x": value}


@pytest.mark.parametrize("source", ["x = 60 * 5", "x = [1,\n     2]", "x: list[int] = None", "x: date = date.today()"])
def test_a_parameter_whose_type_is_not_told_is_not_given(source):
    with pytest.raises(ParameterError, match=r"canary\.ipynb: x cannot be given.*x: float = "):
        choose(source, x="5")
    assert choose(source) == {}


def test_what_is_no_plain_assignment_is_no_parameter():
    with pytest.raises(ParameterError, match=r"It takes: x\."):
        choose("import os\nx = 1\na, b = 1, 2\nos.y = 1\nprint(x)", y="1")


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
def test_a_value_of_another_type_is_refused_with_its_name(name, value):
    with pytest.raises(ParameterError, match=rf"canary.ipynb: {name} = .* is no"):
        choose(**{name: value})


def test_a_misspelt_name_gets_the_nearest_one():
    with pytest.raises(ParameterError, match=r"no parameter 'releese'; did you mean 'release'\? It takes: count"):
        choose(releese="2.8.0")


def test_a_name_that_is_code_is_refused_before_anything_runs():
    with pytest.raises(ParameterError, match="no parameter"):
        choose(**{"x=1;import os;y": "1"})


def test_the_comment_of_a_parameter_is_its_cure():
    with pytest.raises(ParameterError, match=r"is no float; largest increase; else 10\."):
        choose(margin_percent="ten")


def test_a_notebook_without_parameters_is_refused_with_a_cure():
    with pytest.raises(NotebookError, match=r"a\.ipynb has no cell tagged 'parameters'.*property inspector"):
        choose_parameters({"a": Path("a.ipynb")}, {"a": notebook("1 + 1")}, {})


def test_a_parameters_cell_that_is_no_python_is_refused_with_its_line():
    with pytest.raises(NotebookError, match=r"canary\.ipynb: line 2 of the parameters cell"):
        choose("x = 1\n%matplotlib inline")


SECRET_NAMES = ("api_key", "token", "db_password", "clientSecret")


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_parameter_named_like_a_secret_is_refused_wherever_it_stands(tmp_path, name):
    (tmp_path / "p.yml").write_text(f"{name}: hunter2")
    for attempt in (
        lambda: choose(f"{name} = 'a=b'"),
        lambda: gather_parameters(None, [f"{name}=hunter2"], None),
        lambda: gather_parameters(tmp_path / "p.yml", [], None),
    ):
        with pytest.raises(
            ParameterError, match=rf"{name}.*name the secret's file or variable in \[prometheus\]"
        ) as err:
            attempt()
        assert "hunter2" not in str(err.value)


@pytest.mark.parametrize("text", ["margin_percent", "=5", ""])
def test_an_assignment_needs_a_name_and_an_equals_sign(text):
    with pytest.raises(ParameterError, match="name=value"):
        gather_parameters(None, [text], None)


def test_the_value_of_an_assignment_may_hold_an_equals_sign():
    assert gather_parameters(None, ['canary=arm="canary"'], None) == {"canary": 'arm="canary"'}


@given(name=st.text().filter(lambda name: not name.isidentifier() or keyword.iskeyword(name)))
def test_a_name_that_is_no_name_is_refused(name):
    with pytest.raises(ParameterError, match="name"):
        gather_parameters(None, [f"{name.replace('=', '')}=1"], None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("!!python/object/apply:os.system ['touch {marker}']", "line 1"),
        ("a: 1\nb: !!python/object/apply:os.system ['touch {marker}']", "line 2"),
        ("a: !!python/object/new:subprocess.Popen [['touch', '{marker}']]", "line 1"),
        ("a: !own 1", "line 1"),
        ("'x=1;import os;os.system(\"touch {marker}\")': 1", "x=1"),
        ("a: {{'__import__': ['os']}}", "a is a dict"),
        ("a: !!binary aGk=", "a is a bytes"),
        ("a: &a [x]\nb: &b [*a, *a]", "a is a list"),
        ("[" * 1000, "cannot be read"),
    ],
)
def test_a_parameter_file_runs_nothing_and_is_refused_with_place_and_cure(tmp_path, text, place):
    marker = tmp_path / "ran"
    (tmp_path / "p.yml").write_text(text.format(marker=marker))

    with pytest.raises(ParameterError, match=r"p\.yml.*" + re.escape(place)):
        gather_parameters(tmp_path / "p.yml", [], None)
    assert not marker.exists()


@pytest.mark.parametrize("content", ["[1, 2]", "a: [1]", "a: 2026-11-26", "a: {b: 1}", "'", "1: 2"])
def test_a_parameter_file_must_map_names_to_plain_values(tmp_path, content):
    (tmp_path / "p.yml").write_text(content)

    with pytest.raises(ParameterError, match=r"p\.yml"):
        gather_parameters(tmp_path / "p.yml", [], None)


def test_a_missing_parameter_file_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"gone\.yml.*No such file.*mend the name"):
        gather_parameters(tmp_path / "gone.yml", [], None)


def test_the_command_line_beats_the_file(tmp_path):
    (tmp_path / "p.yml").write_text("margin_percent: 5\nrelease: '1.10'\n")

    gathered = gather_parameters(tmp_path / "p.yml", ["margin_percent=7"], "fail")

    assert gathered == {"margin_percent": "7", "release": "1.10", "source": "sample:fail"}


def test_two_sources_at_once_are_refused():
    with pytest.raises(ParameterError, match="both name a source"):
        gather_parameters(None, ["source=http://127.0.0.1:9090"], "fail")
