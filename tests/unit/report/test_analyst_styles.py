import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.report.analyst_styles import Styles, inherited, read_declarations, read_stylesheet
from reliability.report.foreign_html import Cleaner
from reliability.report.words import words_in
from tests.unit.report.test_stylesheet import contrast

HOSTILE = (
    "url(https://x)", "expression(alert(1))", "</style><script>", "var(--x)", "red;}body{display:none", "fixed",
    "\\75rl(x)", "-1em", "1e99px", "calc(1px)", "red !important", "attr(x)", "image-set('x')", "NaNpx", "/**/red",
    "linear-gradient(red, url(x))", "linear-gradient(90deg, red 10%, blue calc(1%))", "\x00", "rgb(1,2", "'",
)  # fmt: skip
NAMES = (
    "color", "background", "background-color", "background-image", "background-size", "width", "font-size", "position",
    "font-family", "content", "text-align", "display", "behavior", "-moz-binding", "font-weight", "white-space",
)  # fmt: skip
colours = st.tuples(*[st.integers(0, 255)] * 3).map(lambda rgb: "#{:02x}{:02x}{:02x}".format(*rgb))
LENGTH = r"[\d.]+(?:e[+-]?\d+)?"
WRITTEN = re.compile(
    rf"(?:(?:background-)?color:#[0-9a-f]{{6}}|color:light-dark\(#[0-9a-f]{{6}},#[0-9a-f]{{6}}\)|print-color-adjust:exact"
    rf"|[a-z-]+:(?:[a-z-]+|\d00)|(?:font-size|width|min-width):{LENGTH}rem|background-size:-?{LENGTH}% -?{LENGTH}%"
    rf"|background-image:linear-gradient\((?:[-\d.e+]+deg,|to (?:left|right),)?"
    rf"(?:(?:,|(?<=\())?(?:rgba\([\d.,]+\)|transparent)(?: [-\d.e+]+%){{0,2}})+\)|)"
)


def rule(style: str) -> str:
    """Return what the page gets for a style attribute."""
    styles = Styles()
    styles.class_for(read_declarations(style))
    found = re.fullmatch(r"\.body \.own1\{(.*)\}", styles.css())
    return found[1] if found else ""


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))), max_size=4
    )
)
def test_whatever_comes_in_only_values_of_ours_come_out(parts: list[tuple[str, str]]) -> None:
    written = rule(";".join(f"{name}:{value}" for name, value in parts))

    assert "position" not in written
    assert all(WRITTEN.fullmatch(part) for part in written.split(";")), written


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["color", "background", "width", "font-size", "background-image", "text-align"])
def test_a_value_that_is_not_exactly_understood_is_left_out(name: str, value: str) -> None:
    assert not re.search(r"url|expression|script|var|display|fixed|calc|attr|NaN", rule(f"{name}: {value}"))


@given(text=colours, fill=colours)
def test_text_stands_out_from_the_background_that_an_analyst_gave(text: str, fill: str) -> None:
    found = dict(part.split(":") for part in rule(f"color:{text};background-color:{fill}").split(";"))

    assert found["background-color"] == fill
    assert contrast(found["color"], fill) >= 4.5
    assert found["color"] == text or contrast(text, fill) < 4.5
    assert found["print-color-adjust"] == "exact"


@given(text=colours)
def test_a_text_colour_alone_is_readable_in_both_themes(text: str) -> None:
    light, dark = re.findall(r"light-dark\((#\w+),(#\w+)\)", rule(f"color:{text}"))[0]

    assert contrast(light, "#ffffff") >= 4.5 <= contrast(light, "#eef1f4")
    assert contrast(dark, "#171d23") >= 4.5 <= contrast(dark, "#222a32")


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("TEXT-ALIGN: Right", "text-align:right"),
        ("font-weight: 700; font-style: italic", "font-style:italic;font-weight:700"),
        ("background: transparent", ""),
        ("background-color: rgba(255, 0, 0, .5)", "background-color:#ff8080;color:#000000;print-color-adjust:exact"),
        ("font-size: 12pt; width: 10em", "font-size:1rem;width:10rem"),
        ("font-size: 900px", "font-size:2rem"),
        (
            "background: linear-gradient(90deg, #d65f5f 40%, transparent 40%) no-repeat center",
            "print-color-adjust:exact;background-image:linear-gradient(90deg,rgba(214,95,95,0.33) 40%,transparent 40%)",
        ),
        ("background-size: 100% 50%", "background-size:100% 50%"),
        ("background: url(x) red", ""),
        ("color: currentColor; --x: red; opacity: 0; border: 1px solid", ""),
    ],
)  # fmt: skip
def test_known_values_are_written_anew(style: str, expected: str) -> None:
    assert rule(style) == expected


def test_rules_are_read_one_selector_at_a_time_and_at_rules_are_not() -> None:
    css = "@import 'x'; #a, b:hover {color: red; x: y} @media print {c {color: red}} d {x: y} } e { color: red"

    assert [selector for selector, _ in read_stylesheet(css)][:2] == ["#a", "b:hover"]
    assert "c" not in dict(read_stylesheet(css))


def test_equal_looks_share_a_class_and_there_are_not_endlessly_many() -> None:
    styles = Styles()

    assert styles.class_for({"font-weight": "bold"}) == styles.class_for({"font-weight": "bold"}) == "own1"
    assert styles.class_for({"display": "none"}) == ""
    many = [styles.class_for({"width": f"{n}rem"}) for n in range(2500)]
    assert len(set(many)) == 2000
    assert styles.class_for({"font-weight": "bold"}) == "own1"


def test_a_background_passes_on_to_what_is_inside_and_a_width_does_not() -> None:
    assert inherited({"background-color": "#ff0000", "width": "1rem", "text-align": "left"}) == {
        "background-color": "#ff0000"
    }


def test_what_a_styler_shows_arrives_cell_by_cell() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    styler = frame.style.highlight_max(color="yellow").bar(subset=["b"]).set_table_styles([
        {"selector": "tbody tr:nth-child(1) th", "props": "font-style: italic"},
        {"selector": "td:hover", "props": "position: fixed"},
    ])  # fmt: skip
    cleaner = Cleaner(words=words_in("en"))

    html = cleaner.clean(styler.to_html())

    assert cleaner.styles.css().count("{") == len(set(re.findall(r"own\d+", html)))
    assert len(re.findall(r'<td class="n own\d+">2\.0', html)) == 1
    assert '<td class="n">1.000000</td>' in html
    assert re.search(r'<th class="own\d+" scope="row">0</th>', html)
    assert "linear-gradient(90deg" in cleaner.styles.css()
    assert not re.search(r"style|#T_|id=|position", html)


def test_the_colour_of_a_row_is_judged_against_its_background() -> None:
    cleaner = Cleaner(words=words_in("en"))

    cleaner.clean('<table><tr style="background:#000080"><td>1</td><td style="color:#000">2</td></tr></table>')

    assert "background-color:#000080;color:#ffffff" in cleaner.styles.css()
    assert "color:#000000" not in cleaner.styles.css()


def test_hidden_parts_are_left_out() -> None:
    cleaner = Cleaner(words=words_in("en"))

    html = cleaner.clean('<p>a<b style="display: none">b</b></p><p hidden>c</p><style>i{display:none}</style><i>d</i>')

    assert html == "<p>a</p>"


def test_a_value_that_closes_the_style_element_ends_as_text() -> None:
    cleaner = Cleaner(words=words_in("en"))

    html = cleaner.clean("<style>#a{color:red;content:'</style><script>x</script>'}</style><p id=a>t</p>")

    assert "<script" not in html
    assert "<" not in cleaner.styles.css()
