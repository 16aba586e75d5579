import re

from hypothesis import given
from hypothesis import strategies as st

from reliability.report.foreign import foreign_html, picture, plain_output
from reliability.report.words import words_in
from tests.unit.report.examples import HOSTILE

WORDS = words_in("en")
FRAME = """<div><style scoped>.dataframe tbody tr th {color: red}</style><table border="1" class="dataframe">
<thead><tr style="text-align: right;"><th></th><th>arm</th></tr></thead><tbody>
<tr><th>0</th><td onclick="x()">canary &lt;b&gt;</td></tr></tbody></table><p>1 rows</p></div>"""
pieces = st.sampled_from([
    "<table>", "</table>", "<tr>", "<td colspan=2>", "</td>", "<th style='x'>", "<script>", "</script>",
    "<img src=x onerror=y>", "text", "&lt;", "<td", ">", '"', "'", "<svg onload=z>", "<!--", "-->",
    "<style>", "</style>", "</tr>", "<a href='javascript:q'>",
])  # fmt: skip


def test_a_table_of_a_data_frame_survives_without_its_style() -> None:
    html = foreign_html({"text/html": FRAME, "text/plain": "x"}, words=WORDS)

    assert "<td>canary &lt;b&gt;</td>" in html
    assert "<tr><td></td><th>arm</th></tr>" in html
    assert not re.search(r"style|class=\"dataframe|onclick|color: red|note", html)


def test_html_that_is_no_table_is_shown_as_its_text_with_a_note() -> None:
    html = foreign_html({"text/html": "<h1>big</h1><script>x</script>", "text/plain": "<Figure 1>"}, words=WORDS)

    assert "&lt;Figure 1&gt;" in html
    assert "shown as plain text" in html
    assert "big" not in html


def test_what_was_dropped_beside_a_table_is_said() -> None:
    html = foreign_html({"text/html": f"<script>x</script>{FRAME}"}, words=WORDS)

    assert "<table>" in html
    assert '<p class="note">' in html


@given(parts=st.lists(pieces, max_size=30))
def test_whatever_comes_in_only_tags_of_tables_come_out(parts: list[str]) -> None:
    html = foreign_html({"text/html": "".join(parts), "text/plain": ""}, words=WORDS)
    tags = re.findall(r"<(/?)([a-z0-9]+)([^>]*)>", html)
    opened = [name for closing, name, _ in tags if not closing]
    closed = [name for closing, name, _ in tags if closing]

    assert set(opened) <= {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "div", "p", "pre", "code"}
    assert sorted(opened) == sorted(closed)
    assert all(
        re.fullmatch(r'(\s(colspan|rowspan)="\d+")*', rest)
        for _, name, rest in tags
        if name in {"td", "th", "tr", "table"}
    )


def test_text_loses_its_terminal_colours_and_keeps_its_signs() -> None:
    assert "<code>Error: 1 &lt; 2</code>" in plain_output("\x1b[31mError\x1b[0m: 1 < 2\n")


def test_a_picture_carries_its_description() -> None:
    output = {"data": {"image/png": "iVBOR\nw0="}, "metadata": {"image/png": {"alt": HOSTILE}}}

    html = picture(output, "image/png", words=WORDS)

    assert html.startswith('<img src="data:image/png;base64,iVBORw0=" alt="&lt;script&gt;')
    assert html.count('"') == 4


def test_a_picture_without_a_description_says_so() -> None:
    html = picture({"data": {"image/svg+xml": "<svg onload='x'/>"}}, "image/svg+xml", words=WORDS)

    assert 'alt="Picture from the notebook, without a description"' in html
    assert "onload" not in html
