"""Parts of a document: what people wrote stays, byte for byte; what is damaged is not touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reliability.errors import DocumentError
from reliability.phase.document_parts import replace_parts
from reliability.phase.markdown_text import as_code, in_markdown

BEGIN, END = "<!-- reliability:begin goals -->\n", "<!-- reliability:end goals -->\n"
NEW = {"goals": "new\nlines\n", "scope": "narrow\n"}
prose = st.text(alphabet=st.characters(exclude_characters="<"), max_size=40)


def plain_text(markdown: str) -> str:
    """Return what a reader sees of one paragraph; nothing but a paragraph may come out."""
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)


@given(before=prose, old=prose, after=prose)
def test_what_people_wrote_around_a_part_stays_byte_for_byte(before: str, old: str, after: str) -> None:
    document = f"{before}\n{BEGIN}{old}\n{END}{after}"

    assert replace_parts(document, NEW, where="d.md") == f"{before}\n{BEGIN}{NEW['goals']}{END}{after}"


def test_parts_may_stand_in_any_order_or_be_taken_out() -> None:
    document = "a\n<!-- reliability:begin scope -->\nold\n<!-- reliability:end scope -->\nb\n" + BEGIN + END

    changed = replace_parts(document, NEW, where="d.md")

    assert changed.index("narrow") < changed.index("new\nlines")
    assert replace_parts(changed, NEW, where="d.md") == changed


def test_a_document_of_another_system_keeps_its_line_ends_and_its_mark() -> None:
    document = f"\ufeffmine\r\n{BEGIN}{END}theirs\r".replace("\n", "\r\n").replace("\r\r", "\r")

    changed = replace_parts(document, NEW, where="d.md")

    assert changed == document.replace(BEGIN.strip() + "\r\n", BEGIN.strip() + "\r\nnew\r\nlines\r\n")


def test_a_merge_conflict_inside_a_part_is_gone_when_the_part_is_written_anew() -> None:
    conflict = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"

    assert replace_parts(f"{BEGIN}{conflict}{END}", NEW, where="d.md") == f"{BEGIN}{NEW['goals']}{END}"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (f"{BEGIN}x\n", "d.md:1: part 'goals' begins here and never ends"),
        (f"x\n{END}", "d.md:2: part 'goals' ends here, but it did not begin"),
        (f"{BEGIN}{END}{BEGIN}{END}", "d.md:3: part 'goals' is there twice"),
        (f"{BEGIN}\n{BEGIN}{END}{END}", "d.md:3: part 'goals' begins inside part 'goals' of line 1"),
        (f"{BEGIN}<!-- reliability:begin scope -->\n", "d.md:2: part 'scope' begins inside part 'goals' of line 1"),
        (f"{BEGIN}<!-- reliability:end scope -->\n", "d.md:2: part 'scope' ends here"),
        (f"{BEGIN}<!-- reliability:end goals -- >\n", "d.md:2: .* looks like a marker and is none"),
        ("<!-- Reliability: begin goals -->\n", "d.md:1: .* looks like a marker"),
        ("<!-- reliability:begin goals --> text\n", "d.md:1: .* looks like a marker"),
        (f"<!-- reliability:begin aims -->\n{END}", "d.md:1: there is no part 'aims', only goals, scope"),
        ("only prose\n", "d.md has no generated part"),
    ],
)
def test_damaged_markers_are_refused_with_their_line(document: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        replace_parts(document, NEW, where="d.md")


@given(text=st.text(max_size=60).filter(lambda text: text.split()))
def test_a_value_shows_as_itself_and_acts_as_nothing_else(text: str) -> None:
    shown = plain_text(in_markdown(text))

    assert shown == in_plain(text)


def in_plain(text: str) -> str:
    """Return the text with single spaces and invisible letters as escapes."""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)


@pytest.mark.parametrize(
    "text",
    ["# no heading", "- no item", "+ no item", "1. no item", "12) no item", "> no quote", "=====", "---", "***", "~~~",
     "`code`", "**bold**", "_emphasis_", "[link](http://x)", "![image](x)", "<b>", "<!-- reliability:end goals -->",
     "&amp;", "&#60;", "a | b", "$x$", "\\", "snake_case_stays", "~~gone~~", "Setext\n===", "[x]: http://x"],
)  # fmt: skip
def test_nothing_in_a_value_becomes_markup(text: str) -> None:
    assert plain_text(in_markdown(text)) == " ".join(text.split())
    assert plain_text(f"before {in_markdown(text)}") == f"before {' '.join(text.split())}"


def test_a_name_with_underscores_stays_readable_in_the_file() -> None:
    assert in_markdown("the metric session_active_total & more") == "the metric session_active_total & more"


@pytest.mark.parametrize("text", ["a.py", "a`b", "`", "``", "a``b`"])
def test_code_shows_as_itself(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(as_code(text))

    assert [(child.type, child.content) for child in tokens[1].children or []] == [("code_inline", text)]
