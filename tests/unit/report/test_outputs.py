import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.report.arrange import MIME_TYPE
from reliability.report.cells import PageCells
from reliability.report.outputs import join_streams, mend_data
from reliability.report.runner import find_report


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(data, metadata=None):
    content = {"data": data, "metadata": metadata or {}}
    mend_data(content)
    return nbformat.v4.new_output("display_data", **content)


def notebook(*outputs):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("f()", outputs=list(outputs))])


@given(parts=st.lists(st.text(st.characters(blacklist_characters="\r"))))
def test_pieces_of_a_stream_become_one_with_the_same_text(parts):
    joined = join_streams([stream(part) for part in parts])

    assert [output.text for output in joined] == (["".join(parts)] if parts else [])


def test_neighbours_are_joined_by_name_and_what_stands_between_others_stays_there():
    outputs = [stream("w", "stderr"), stream("a"), stream("v", "stderr"), stream("b"), shown({}), stream("c")]

    joined = join_streams(outputs)

    assert [output.get("text") for output in joined] == ["ab", "wv", None, "c"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [("10%\r20%\r30%\nend", "30%\nend"), ("a\r\nb\r\n", "a\nb\n"), ("1\r2\r", "2"), ("\r", ""), ("a\n\nb", "a\n\nb")],
)
def test_of_a_line_that_was_written_over_the_last_text_is_kept(text, seen):
    assert join_streams([stream(text)])[0].text == seen


def test_a_line_of_five_megabytes_is_joined():
    pieces = [stream("x" * 1000) for _ in range(5000)]

    (joined,) = join_streams(pieces)

    assert joined.text == "x" * 5_000_000


@pytest.mark.parametrize(
    ("kind", "value"), [("text/html", None), ("text/html", {"a": 1}), ("image/png", 5), ("text/plain", [1])]
)
def test_a_value_that_no_notebook_may_hold_loses_only_itself_with_a_note(kind, value):
    made = notebook(shown({kind: value, "text/markdown": "*fine*"}), shown({kind: value}), stream("after"))

    html = PageCells("en").render(made.cells[0])

    nbformat.validate(made)
    assert nbformat.reads(nbformat.writes(made), as_version=4) == made
    assert "<em>fine</em>" in html
    assert f"application/malformed.{kind.replace('/', '.')}+json cannot be shown here" in html
    assert "after" in html


def test_metadata_that_are_none_do_not_hide_the_picture():
    made = notebook(shown({"image/png": ["aGk", "="]}, {"image/png": 5, "isolated": True}))

    assert made.cells[0].outputs[0].metadata == {"isolated": True}
    assert "base64,aGk=" in PageCells("en").render(made.cells[0])


@pytest.mark.parametrize("envelope", ["report", ["report"], None, {"block": "report"}, {"block": "report", "data": 5}])
def test_a_malformed_envelope_is_no_report(envelope):
    assert find_report(notebook(shown({MIME_TYPE: envelope}))) is None
