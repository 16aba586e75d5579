import copy

from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_notebook

from reliability.report.arrange import arrange_sections
from tests.unit.report import examples
from tests.unit.report.examples import code, markdown, output, result


def sections(*cells: object, language: str = "en") -> list[tuple[str, str, int]]:
    return [(s.id, s.title, len(s.cells)) for s in arrange_sections(new_notebook(cells=list(cells)), language)]


def plain(text: str = "x") -> object:
    return output({"text/plain": text})


def test_a_page_shows_the_cells_of_its_language_and_those_without_one() -> None:
    cells = [markdown("## One", "lang:en"), markdown("## Uno", "lang:es"), markdown("for all"), code("x", plain())]

    assert sections(*copy.deepcopy(cells)) == [("one", "One", 2)]
    assert sections(*copy.deepcopy(cells), language="es") == [("uno", "Uno", 2)]


def test_a_section_takes_its_anchor_from_the_cell_so_that_both_languages_share_it() -> None:
    cells = [
        markdown("## P95 latency", "lang:en", section="latency"),
        markdown("## Latencia P95", "lang:es", section="latency"),
        code("nb.latency(run)", plain()),
    ]

    assert [sections(*copy.deepcopy(cells), language=code)[0][0] for code in ("en", "es")] == ["latency", "latency"]


def test_the_title_and_hidden_cells_are_left_out() -> None:
    cells = [
        markdown("# Canary comparison"),
        markdown("Open the run.", "hide"),
        markdown("## A"),
        code("x", plain()),
    ]

    assert sections(*cells) == [("a", "A", 1)]


def test_an_introduction_below_the_title_is_kept() -> None:
    assert sections(markdown("# My own analysis\n\nWhat I looked for.")) == [("", "", 1)]


def test_a_shipped_question_without_an_answer_is_left_out() -> None:
    answered = [markdown("## Answered", section="a"), code("x", plain())]
    asked = [markdown("## Never run\n\nHow much?", section="b"), code("y")]

    assert sections(*answered, *asked) == [("a", "Answered", 1)]


def test_prose_of_an_analyst_is_kept_wherever_it_stands() -> None:
    asked = [markdown("## Never run\n\nHow much?", section="b"), code("y")]

    assert sections(*asked, markdown("I would have looked at Monday.")) == [("b", "Never run", 2)]
    assert sections(markdown("## Setup\n\nWe drop Monday."), code("rows = []")) == [("setup", "Setup", 1)]
    assert sections(markdown("## Second part"), code("rows = []")) == [("second-part", "Second part", 0)]


def test_tags_hold_for_prose_and_for_outputs_in_place_and_in_order() -> None:
    cells = [
        markdown("## A"), code("1", plain("first")), code("2", plain("hidden"), tags=["hide"]),
        code("3", plain("solo español"), tags=["lang:es"]), markdown("between"),
        code("4", plain("last"), tags=["lang:en"]),
    ]  # fmt: skip

    def shown(language: str) -> list[str]:
        (section,) = arrange_sections(new_notebook(cells=cells), language)
        return [c.outputs[0].data["text/plain"] if c.cell_type == "code" else c.source for c in section.cells]

    assert shown("en") == ["first", "between", "last"]
    assert shown("es") == ["first", "solo español", "between"]


def test_the_notebook_is_not_changed() -> None:
    notebook = examples.canary_notebook(examples.canary_report(), markdown("## B\n\ntext"))
    before = copy.deepcopy(notebook)

    arrange_sections(notebook, "en")

    assert notebook == before


def test_a_text_that_asks_nothing_is_kept() -> None:
    assert sections(markdown("## Note"), markdown("Only words.")) == [("note", "Note", 1)]


def test_the_report_block_stands_elsewhere_and_leaves_no_empty_section() -> None:
    report = examples.canary_report()

    assert sections(markdown("## A"), code("x", plain()), code("nb.finish(run)", result("report", report))) == [
        ("a", "A", 1)
    ]


@given(titles=st.lists(st.text(min_size=1).filter(lambda t: t.strip() and "\n" not in t), max_size=6))
def test_anchors_are_plain_and_unique(titles: list[str]) -> None:
    cells = [markdown(f"## {title}") for title in ["main", "source", *titles]]
    ids = [section.id for section in arrange_sections(new_notebook(cells=cells), "en") if section.id]

    assert len(ids) == len(set(ids))
    assert not {"main", "source", "next", "contents"} & set(ids)
    assert all(name.isascii() and name[0].isalpha() for name in ids)
