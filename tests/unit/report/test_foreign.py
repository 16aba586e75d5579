import base64
import re
import time
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.report.arrange import MIME_TYPE
from reliability.report.cells import PageCells
from reliability.report.foreign import ForeignOutputs
from reliability.report.words import words_in
from tests.unit.report.examples import HOSTILE, code, failed, markdown, output, result

ALLOWED = set(
    "table thead tbody tfoot tr th td caption div p pre code br hr b strong i em u s del kbd samp sub sup small mark"  # noqa: SIM905
    " span ul ol li blockquote a img h3 h4 h5 h6 abbr dd details dl dt figcaption figure summary".split()
)
pieces = st.sampled_from([
    "<table>", "</table>", "<tr>", "<td colspan=2>", "</td>", "<th style='x'>", "<script>", "</script>",
    "<img src=x onerror=y>", "text", "&lt;", "<td", ">", '"', "'", "<svg onload=z>", "<!--", "-->",
    "<style>", "</style>", "</tr>", "<a href='javascript:q'>", "<h1>", "<li>", "<ul>", "<p hidden>", "</ul>",
    "<td rowspan=99999>", "<style>td{color:red}", "<![", "</p>", "<td style='color:red;x:url(y)'>", "\x00",
    "<a href=//z>z",
])  # fmt: skip


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> str:
    """Show one output of a cell."""
    foreign = ForeignOutputs(words_in("en"))
    return str(foreign.output({"output_type": "display_data", "data": data, "metadata": metadata or {}}))


def html_of(html: str, plain: str = "") -> str:
    return shown({"text/html": html, "text/plain": plain})


def stream(text: str) -> dict[str, str]:
    return {"output_type": "stream", "name": "stdout", "text": text}


@given(parts=st.lists(pieces, max_size=30))
def test_whatever_comes_in_only_allowed_tags_and_attributes_come_out(parts: list[str]) -> None:
    html = html_of("".join(parts))
    tags = re.findall(r"<(/?)([a-z0-9]+)([^>]*)>", html)
    opened = [name for closing, name, _ in tags if not closing and name not in {"br", "hr", "img"}]
    closed = [name for closing, name, _ in tags if closing]

    assert set(opened) <= ALLOWED
    assert sorted(opened) == sorted(closed)
    for _, name, rest in tags:
        names = set(re.findall(r'\s([a-z-]+)="[^"]*"', rest))
        assert names <= {
            "colspan",
            "rowspan",
            "scope",
            "class",
            "href",
            "src",
            "alt",
            "tabindex",
            "role",
            "aria-label",
            "hidden",
        }, name
    assert not re.search(r'href="javascript|src="(?!data:image)|\x00', html)


def test_a_data_frame_keeps_its_table_and_gets_headings_with_a_scope() -> None:
    frame = pd.DataFrame({"arm": ["base <b>", "canary"], "P95": [0.25, -1.5]}, index=["first", "second"])

    html = html_of(frame.to_html())

    assert "<td>base &lt;b&gt;</td>" in html
    assert '<th scope="col">arm</th>' in html
    assert '<th class="n" scope="col">P95</th>' in html
    assert '<th scope="row">first</th>' in html
    assert '<td class="n">-1.50</td>' in html
    assert not re.search(r"style|dataframe|border|note", html)


def test_a_column_of_words_is_not_moved_to_the_right() -> None:
    html = html_of(
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>1</td></tr><tr><td>x</td><td>nan</td></tr></table>"
    )

    assert html.count("<td>") == 2
    assert html.count('<td class="n">') == 2


def test_heads_of_several_levels_keep_their_spans_and_numbers_their_side() -> None:
    columns = pd.MultiIndex.from_product([["P50", "P95"], ["base", "canary"]])
    index = pd.MultiIndex.from_tuples([("shop", 1), ("shop", 2)], names=["service", "replica"])

    html = html_of(pd.DataFrame([[1, 2, 3, 4], [5, 6, 7, 8]], index=index, columns=columns).to_html())

    assert html.count('colspan="2" scope="col"') == 2
    assert html.count('rowspan="2" scope="row"') == 1
    assert html.count('<td class="n">') >= 8
    assert "<td>service" not in html


def test_each_table_is_a_region_with_a_name_of_its_own() -> None:
    table = "<table><caption>{}</caption><tr><td>1</td></tr></table>"

    html = html_of("".join(table.format(title) for title in ("Errors", "Errors", "")))

    assert re.findall(r'aria-label="([^"]+)"', html) == ["Table 1: Errors", "Table 2: Errors", "Table 3"]


def test_a_caption_from_the_cell_names_the_first_table_or_picture() -> None:
    cell = code("df", output({"text/html": "<table><tr><td>1</td></tr></table>"}), output({"image/png": "aa"}))
    cell.metadata["reliability"] = {"caption": {"en": "By <hour>", "es": "Por hora"}}

    english, spanish = PageCells("en").render(cell), PageCells("es").render(cell)

    assert "<caption>By &lt;hour&gt;</caption>" in english
    assert english.count("By &lt;hour&gt;") == 2  # with the name of the region
    assert "<caption>Por hora</caption>" in spanish


def test_html_keeps_its_text_and_what_runs_goes_with_a_note() -> None:
    html = html_of("<h1>big</h1><p onclick=x>a <b>b</b></p><script>x</script><form>s</form><h6>small</h6>")

    assert "<h3>big</h3><p>a <b>b</b></p>" in html
    assert "s<h4>small</h4>" in html
    assert "do not show or run (script)" in html


def test_an_output_that_needs_scripts_falls_back_to_its_plain_text() -> None:
    html = html_of("<div><script>Plotly.newPlot()</script></div>", "Figure({'data': 1})")

    assert "<code>Figure({&#39;data&#39;: 1})</code>" in html
    assert "(script)" in html


def test_a_malformed_result_of_ours_is_named_in_its_place() -> None:
    cell = code(
        "x", result("latency", {"verdict": "PASS"}), result("exposure", {}), output({MIME_TYPE: {"block": "errors"}}),
        stream("after"),
    )  # fmt: skip

    html = PageCells("en").render(cell)

    for kind in ("latency", "exposure", "errors"):
        assert f"A result of kind {kind} cannot be shown here" in html
    assert "after" in html


def test_a_script_shown_by_itself_is_named_beside_its_plain_text() -> None:
    html = shown({"application/javascript": "alert(1)", "text/plain": "<Javascript object>"})

    assert "&lt;Javascript object&gt;" in html
    assert "A result of kind application/javascript cannot" in html
    assert "alert" not in html


def test_an_output_of_no_known_kind_is_named() -> None:
    assert "A result of kind application/vnd.plotly.v1+json cannot" in shown(
        {"application/vnd.plotly.v1+json": {"data": []}}
    )


@pytest.mark.parametrize(
    "href",
    [
        "javascript:x",
        " JaVa\tScript:x",
        "data:text/html,x",
        " da\tTA:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:x",
    ],
)
def test_links_that_lead_to_no_page_become_text(href: str) -> None:
    assert "<p>go</p>" in html_of(f'<p><a href="{href}">go</a></p>')


def test_prose_keeps_what_markdown_can_say() -> None:
    text = (
        "### Three\n\na *b* `c` [d](https://example.org) <br> <sub>e</sub>\n\n| n | m |\n|---|--:|\n| x | 1 |\n\n1. one"
    )
    html = PageCells("en").render(markdown(text))

    assert '<h3>Three</h3>\n<p>a <em>b</em> <code>c</code> <a href="https://example.org">d</a> <br/>' in html
    assert "<sub>e</sub>" in html
    assert '<td class="n own1">1</td>' in html
    assert "<ol>\n<li>one</li>" in html


def test_pictures_of_prose_are_attachments_and_others_leave_their_words() -> None:
    cell = markdown("![plan](attachment:plan.png) ![far](https://example.org/a.png) ![bad](javascript:x)")
    cell.attachments = {"plan.png": {"image/png": "aaaa"}}

    html = PageCells("en").render(cell)

    assert '<img alt="plan" src="data:image/png;base64,aaaa"/>' in html
    assert "/> far " in html
    assert html.count("<img") == 1
    assert "do not show or run (img)" in html


def test_hostile_words_in_prose_are_inert() -> None:
    html = PageCells("en").render(markdown(f"{HOSTILE} [a](javascript:alert(1)) <a href='javascript:x'>y</a>"))

    assert not re.search(r"<[^>]+(script|onerror=|style=|href=)", html)
    assert "[a](javascript:alert(1)) y" in html


def test_text_loses_its_terminal_colours_and_controls_and_keeps_its_signs() -> None:
    text = "\x1b[31mError\x1b[0m\x00: 1 < 2 \x1b]8;;http://x\x07link\x1b]8;;\x07 \ud800\x08é\n"

    assert "<code>Error: 1 &lt; 2 link é</code>" in ForeignOutputs(words_in("en")).text(text)


def test_outputs_stay_in_order_with_ours_and_errors() -> None:
    cell = code(
        "x", stream("first"), result("missing", {"slug": "x", "message": "second"}), output({"text/plain": "third"}),
        failed("ValueError", "\x1b[31mfourth\x00"), result("of_tomorrow", {}), stream("last"),
    )  # fmt: skip
    html = str(PageCells("en").render(cell))
    words = ("first", "second", "third", "ValueError", "fourth<", "of_tomorrow", "last")
    places = [html.find(word) for word in words]

    assert places == sorted(places)
    assert min(places) >= 0
    assert "only for the notebook" not in html


def test_a_picture_carries_its_description() -> None:
    html = shown({"image/png": "iVBOR\nw0="}, {"image/png": {"alt": HOSTILE, "width": 300, "height": "x"}})

    assert 'src="data:image/png;base64,iVBORw0=" alt="&lt;script&gt;' in html
    assert ' width="300">' in html
    assert "height" not in html


def test_a_picture_without_a_description_takes_the_caption_or_says_so() -> None:
    svg = "<svg onload='x'/>"
    cell = code("plot", output({"image/svg+xml": svg}))
    assert 'alt="Picture from the notebook, without a description"' in PageCells("en").render(cell)
    cell.metadata["reliability"] = {"caption": "Latency by hour"}

    html = PageCells("en").render(cell)

    assert 'alt="Latency by hour"></div><figcaption>Latency by hour</figcaption>' in html
    assert base64.b64encode(svg.encode()).decode() in html
    assert "onload" not in html


def test_a_figure_is_shown_as_svg_unless_it_is_too_big() -> None:
    small, big = "<svg/>", "<svg>" + "x" * 5_000_000

    assert "image/svg+xml" in shown({"image/png": "aa", "image/svg+xml": small})
    html = shown({"image/png": "aa", "image/svg+xml": big, "text/plain": "<Figure size 640x480>"})
    assert "data:image/png" in html
    assert "Left out here: image/svg+xml of 5.0 MB. The executed notebook has it." in html


def test_long_texts_are_cut_with_a_note_in_the_language_of_the_page() -> None:
    html = ForeignOutputs(words_in("es")).text("a" * 3_000_000 + "END")

    assert len(html) < 70_000
    assert "END</code>" in html
    assert "3,0 MB" in html


def test_tens_of_megabytes_make_a_small_page_in_a_moment() -> None:
    started = time.process_time()
    million = "<td>" * 250_000
    cells = [
        code("1", stream("x" * 10_000_000), output({"text/html": million * 3, "text/plain": "short form"})),
        code("2", *(output({"text/plain": "y" * 60_000}) for _ in range(300))),
        code("3", *(output({"image/png": "z" * 4_900_000}) for _ in range(3))),
        code("4", result("missing", {"slug": "x", "message": "ours"}), failed("E", "e" * 10_000_000)),
    ]
    page = PageCells("en")

    html = "".join(page.render(cell) for cell in cells)

    assert len(html) < 21_000_000
    assert "short form" in html
    assert "Left out here: text/html of 3.0 MB" in html
    assert html.count("this page has no room for more outputs") == 1
    assert "ours" in html
    assert time.process_time() - started < 5


@pytest.mark.parametrize("piece", ["<!--", "<![", "<a ", "<a href='", "<td colspan=1000>", "<i>", "<style>"])
def test_html_that_is_hostile_to_parsers_takes_a_moment(piece: str) -> None:
    started = time.process_time()

    html = html_of(piece * (60_000 // len(piece)), "short form")

    assert time.process_time() - started < 8  # minutes without the limits; about 1 s with them, more on a busy machine
    assert "<div" in html
