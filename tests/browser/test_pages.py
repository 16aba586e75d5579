"""What a reader's browser does with the pages: no request, no script, no barrier, nothing cut off."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser
RUN = "runs/20261126T184000Z-1a2b"
PAGES = {
    "index": "index", "canary": f"{RUN}/canary_comparison", "phase": f"{RUN}/phase_progress",
    "rollback": f"{RUN}/rollback_readiness", "no data": "examples/missing/canary_comparison",
    "hostile": "examples/hostile/canary_comparison",
}  # fmt: skip
WIDTHS = (320, 390, 768, 1280)
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
FIND_BARRIERS = """async () => {
    const folds = [...document.querySelectorAll('details:not([open])')];
    folds.forEach(d => d.open = true);
    const found = await axe.run(document, {resultTypes: ['violations'], runOnly:
        {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}});
    folds.forEach(d => d.open = false);
    return found.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 120))]);
}"""
Visiting = Callable[[str], Visit]


def address(site: Path, name: str, language: str) -> str:
    suffix = "" if language == "en" else f".{language}"
    return (site / f"{PAGES[name]}{suffix}.html").as_uri()


def resized(page: Page, width: int) -> Page:
    page.set_viewport_size({"width": width, "height": 844 if width < 600 else 800})
    return page


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_runs_nothing(name: str, language: str, visit: Visiting, site: Path) -> None:
    url = address(site, name, language)

    visited = visit(url)

    assert [link for link in visited.asked if link != url and not link.startswith("data:")] == []
    assert visited.said == []
    assert visited.page.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize(
    "case",
    [
        ("index", "en", "light", 1280), ("index", "es", "dark", 390), ("canary", "en", "dark", 1280),
        ("canary", "es", "light", 390), ("phase", "en", "dark", 390), ("phase", "es", "light", 1280),
        ("rollback", "en", "light", 390), ("rollback", "es", "dark", 1280), ("no data", "en", "dark", 390),
        ("no data", "es", "light", 1280), ("hostile", "en", "light", 1280),
        ("hostile", "es", "dark", 390),
    ],
    ids=lambda case: "-".join(map(str, case)),
)  # fmt: skip
def test_a_page_has_no_barrier_that_axe_finds(case: tuple[str, str, Any, int], visit: Visiting, site: Path) -> None:
    name, language, theme, width = case
    page = resized(visit(address(site, name, language)).page, width)
    page.emulate_media(color_scheme=theme)
    page.evaluate(AXE)

    assert page.evaluate(FIND_BARRIERS) == []


@pytest.mark.parametrize(("name", "language"), list(zip(PAGES, itertools.cycle(["es", "en"]), strict=False)))
def test_nothing_is_cut_off_at_any_width(name: str, language: str, visit: Visiting, site: Path) -> None:
    page = visit(address(site, name, language)).page

    for width in WIDTHS:
        assert resized(page, width).evaluate("document.documentElement.scrollWidth") <= width


def test_wider_text_spacing_cuts_nothing_off(browser: Browser, site: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, bypass_csp=True)
    page.goto(address(site, "canary", "es"))

    page.add_style_tag(
        content="* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    )

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", ["index", "canary", "phase", "rollback"])
def test_verdict_and_first_number_stand_on_the_first_screen(
    name: str, language: str, visit: Visiting, site: Path
) -> None:
    page = visit(address(site, name, language)).page

    for width in (390, 1280):
        bottom, top = resized(page, width).evaluate(
            "[document.querySelector('h1').getBoundingClientRect().bottom + scrollY,"
            " document.querySelector('.figs .big').getBoundingClientRect().top + scrollY]"
        )
        assert bottom <= 350
        assert top <= 800


@pytest.mark.parametrize(("name", "most"), [("canary", 5), ("index", 2), ("rollback", 4), ("phase", 7)])
def test_a_page_prints_on_few_sheets(name: str, most: int, visit: Visiting, site: Path) -> None:
    for language in ("en", "es") if name == "canary" else ("es",):
        page = resized(visit(address(site, name, language)).page, 1280)

        document = page.pdf(prefer_css_page_size=True, print_background=True)

        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", document)) <= most


def test_what_is_forced_into_a_page_stays_inert(visit: Visiting, site: Path, tmp_path: Path) -> None:
    forced = (
        "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
        '<p id="forced" style="position:fixed">x</p>'
    )
    whole = (site / "index.html").read_text(encoding="utf-8").replace("<main", f"{forced}<main")
    (tmp_path / "with.html").write_text(whole, encoding="utf-8")
    (tmp_path / "without.html").write_text(re.sub(r"<meta http-equiv=[^>]*>", "", whole), encoding="utf-8")
    position = "getComputedStyle(document.querySelector('#forced')).position"

    page, control = (visit((tmp_path / f"{name}.html").as_uri()).page for name in ("with", "without"))
    control.wait_for_function("document.title == 'run'")

    assert page.title() != "run"
    assert (page.evaluate(position), control.evaluate(position)) == ("static", "fixed")


@pytest.mark.parametrize("bypass_csp", [False, True], ids=["with policy", "without policy"])
def test_hostile_words_are_text_even_without_the_policy(bypass_csp: bool, browser: Browser, site: Path) -> None:
    dialogs: list[str] = []
    page = browser.new_page(bypass_csp=bypass_csp)
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))

    page.goto(address(site, "hostile", "en"))

    assert "<script>alert('x')</script>" in page.inner_text("dl.facts")
    assert page.evaluate("document.querySelectorAll('script, [onerror], [onload], [style]').length") == 0
    assert page.evaluate("[...document.images].every(i => i.alt)")
    assert page.evaluate("document.images[0].naturalWidth") > 700
    ground = "getComputedStyle(document.querySelector('.output td[class*=hue]')).backgroundColor"
    assert page.evaluate(ground) != "rgba(0, 0, 0, 0)"
    assert dialogs == []
    page.close()


def test_the_theme_switch_works_without_a_script(fresh: Page, site: Path) -> None:
    fresh.goto(address(site, "canary", "en"))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = fresh.evaluate(ground)

    fresh.click("label[for=theme-dark]")
    dark = fresh.evaluate(ground)
    fresh.click("label[for=theme-light]")

    assert light != dark
    assert fresh.evaluate(ground) == light


def test_a_phone_gets_the_narrow_chart_and_a_desk_the_wide_one(visit: Visiting, site: Path) -> None:
    page = visit(address(site, "canary", "en")).page
    shown = (
        "[...document.querySelectorAll('svg.plot')].filter(s => s.getBoundingClientRect().width)"
        ".map(s => s.classList[1])"
    )

    assert set(resized(page, 390).evaluate(shown)) == {"narrow"}
    assert set(resized(page, 1280).evaluate(shown)) == {"wide"}


def test_links_between_the_pages_of_a_run_work_from_disk(fresh: Page, site: Path) -> None:
    fresh.goto(address(site, "index", "es"))

    fresh.click("nav .crumbs >> text=Canary")
    assert fresh.url == address(site, "canary", "es")
    fresh.click(".langs a[hreflang=en]")
    assert fresh.url == address(site, "canary", "en")
    fresh.click("nav .crumbs >> text=Overview")
    assert fresh.url == address(site, "index", "en")


def test_a_result_in_a_notebook_leaves_the_rest_of_the_screen_alone(visit: Visiting, tmp_path: Path) -> None:
    from reliability.report.blocks import render_for_notebook  # noqa: PLC0415 -- heavy; see the fixture `site`
    from tests.unit.report import examples  # noqa: PLC0415

    around = "<h1>Lab</h1><table><tr><th>a</th><td>1</td></tr></table><p><a href='#'>link</a></p><pre>x</pre>"
    shell = f"<!doctype html><body data-jp-theme-light='true'><div id='lab'>{around}</div>"
    style = """[...document.querySelectorAll('#lab *')].map(e => { const s = getComputedStyle(e);
        return [s.color, s.backgroundColor, s.margin, s.padding, s.fontSize, s.borderTopWidth, s.textAlign].join() })"""
    results = render_for_notebook("report", examples.canary_report()) + render_for_notebook(
        "latency", examples.latency()
    )
    (tmp_path / "plain.html").write_text(shell, encoding="utf-8")
    (tmp_path / "shown.html").write_text(shell + results, encoding="utf-8")

    before, after = (visit((tmp_path / f"{name}.html").as_uri()).page for name in ("plain", "shown"))
    for page in (before, after):
        page.emulate_media(color_scheme="dark")

    assert before.evaluate(style) == after.evaluate(style)
    ground = "getComputedStyle(document.querySelector('.reliability .verdict')).backgroundColor"
    assert after.evaluate(ground) == "rgb(227, 243, 238)"
    width = "document.querySelector('svg.plot').getBoundingClientRect().width"
    assert min(resized(after, 390).evaluate(width), resized(after, 1280).evaluate(width)) > 200
