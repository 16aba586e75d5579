import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.report.analyst_styles import Styles, read_declarations, read_stylesheet
from reliability.report.foreign_html import Cleaner
from reliability.report.words import words_in
from tests.unit.report.test_stylesheet import contrast

HOSTILE = (
    "url(https://x)", "expression(alert(1))", "</style><script>", "var(--x)", "red;}body{display:none", "fixed",
    "\\75rl(x)", "calc(1px)", "red !important", "attr(x)", "image-set('x')", "/**/red", "\x00", "rgb(1,2", "'",
    "linear-gradient(red, url(x))", "\\72 ed",
)  # fmt: skip
NAMES = (
    "color", "background", "background-color", "background-image", "width", "font-size", "position", "font-family",
    "content", "text-align", "display", "behavior", "-moz-binding", "font-weight", "white-space",
)  # fmt: skip
colours = st.tuples(*[st.integers(0, 255)] * 3).map(lambda rgb: "#{:02x}{:02x}{:02x}".format(*rgb))
WRITTEN = re.compile(r"(?:background-)?color:#[0-9a-f]{6}|[a-z-]+:(?:[a-z-]+|\d00)|")


def rule(style: str) -> str:
    """Return what the page gets for a style attribute."""
    styles = Styles()
    styles.class_for(read_declarations(style))
    found = re.fullmatch(r"\.body \.(?:own|hue)1\{(.*)\}", styles.css())
    return found[1] if found else ""


@pytest.fixture
def cleaner() -> Cleaner:
    return Cleaner(words_in("en"))


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))), max_size=4
    )
)
def test_whatever_comes_in_only_values_of_ours_come_out(parts: list[tuple[str, str]]) -> None:
    written = rule(";".join(f"{name}:{value}" for name, value in parts))

    assert "position" not in written
    assert all(WRITTEN.fullmatch(part) for part in written.split(";")), written


@given(text=colours, fill=colours)
def test_text_stands_out_from_the_background_that_an_analyst_gave(text: str, fill: str) -> None:
    found = dict(part.split(":") for part in rule(f"color:{text};background-color:{fill}").split(";"))

    assert found["background-color"] == fill
    assert contrast(found["color"], fill) >= 4.5
    assert found["color"] == text or contrast(text, fill) < 4.5


@given(text=colours)
def test_a_text_colour_alone_stands_out_from_a_light_page(text: str) -> None:
    assert contrast(rule(f"color:{text}").removeprefix("color:"), "#ffffff") >= 4.5


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("TEXT-ALIGN: Right", "text-align:right"),
        ("font-weight: 700; font-style: italic", "font-style:italic;font-weight:700"),
        ("background: transparent", ""),
        ("background-color: rgba(255, 0, 0, .5)", "background-color:#ff8080;color:#16202a"),
        ("background: url(x) red", ""),
        ("color: currentColor; --x: red; opacity: 0; border: 1px solid", ""),
        ("color: darkgreen !important", "color:#006400"),
    ],
)
def test_known_values_are_written_anew(style: str, expected: str) -> None:
    assert rule(style) == expected


def test_rules_are_read_one_selector_at_a_time_and_at_rules_are_not() -> None:
    css = "@import 'x'; #a, b:hover {color: red; x: y} @media print {c {color: red}} d {x: y} } e { color: red"

    assert [selector for selector, _ in read_stylesheet(css)][:2] == ["#a", "b:hover"]
    assert "c" not in dict(read_stylesheet(css))


def test_equal_looks_share_a_class() -> None:
    styles = Styles()

    assert styles.class_for({"font-weight": "bold"}) == styles.class_for({"font-weight": "bold"}) == "own1"
    assert styles.class_for({"color": "#000000"}) == "hue2"


def test_what_a_styler_shows_arrives_cell_by_cell(cleaner: Cleaner) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    styler = frame.style.highlight_max(color="yellow").set_table_styles([
        {"selector": "tbody tr:nth-child(1) th", "props": "font-style: italic"},
        {"selector": "td:hover", "props": "position: fixed"},
    ])  # fmt: skip

    html = cleaner.clean(styler.to_html())

    assert cleaner.styles.css().count("{") == len(set(re.findall(r"(?:own|hue)\d+", html)))
    assert len(re.findall(r'<td class="n hue\d+">2\.0', html)) == 1
    assert '<td class="n">1.000000</td>' in html
    assert re.search(r'<th class="own\d+" scope="row">0</th>', html)
    assert "background-color:#ffff00" in cleaner.styles.css()
    assert not re.search(r"style|#T_|id=|position", html)


def test_hidden_parts_stay_hidden(cleaner: Cleaner) -> None:
    html = cleaner.clean('<p>a<b style="display: none">b</b></p><p hidden>c</p>')

    assert html == '<p>a<b class="own1">b</b></p><p hidden="">c</p>'
    assert "{display:none}" in cleaner.styles.css()


def test_a_value_that_closes_the_style_element_ends_as_text(cleaner: Cleaner) -> None:
    html = cleaner.clean("<style>#a{color:red;content:'</style><script>x</script>'}</style><p id=a>t</p>")

    assert "<script" not in html
    assert "<" not in cleaner.styles.css()
