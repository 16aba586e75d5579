"""What a reader's browser does with the pages: no request, no script, no barrier, nothing cut off."""

import itertools
import re
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page

from reliability.report.blocks import render_for_notebook
from tests.unit.report import examples

pytestmark = pytest.mark.browser
RUN = f"runs/{examples.RUN_ID}"
PAGES = {
    "index": "index", "canary": f"{RUN}/canary_comparison", "phase": f"{RUN}/phase_progress",
    "rollback": f"{RUN}/rollback_readiness", "no data": "examples/missing/canary_comparison",
    "hostile": "examples/hostile/canary_comparison",
}  # fmt: skip
WIDTHS = (320, 390, 768, 1280)
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]},
    "resultTypes": ["violations"],
}


def address(site: Path, name: str, language: str) -> str:
    suffix = "" if language == "en" else f".{language}"
    return (site / f"{PAGES[name]}{suffix}.html").as_uri()


def opened(browser: Browser, url: str, *, width: int = 1280, theme: Any = "light", bypass_csp: bool = False) -> Page:
    height = 844 if width < 600 else 800
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, bypass_csp=bypass_csp, offline=True
    )
    page = context.new_page()
    page.goto(url)
    return page


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_runs_nothing(name: str, language: str, browser: Browser, site: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    url = address(site, name, language)

    page.goto(url)

    assert [link for link in asked if link != url and not link.startswith("data:")] == []
    assert said == []
    assert page.evaluate("document.scripts.length") == 0
    context.close()


@pytest.mark.parametrize(
    "case",
    [
        ("index", "en", "light", 1280), ("index", "es", "dark", 390), ("canary", "en", "dark", 1280),
        ("canary", "es", "light", 390), ("phase", "en", "dark", 390), ("phase", "es", "light", 1280),
        ("rollback", "en", "light", 390), ("rollback", "es", "dark", 1280), ("no data", "en", "dark", 390),
        ("no data", "es", "light", 1280), ("hostile", "en", "light", 1280),
    ],
    ids=lambda case: "-".join(map(str, case)),
)  # fmt: skip
def test_a_page_has_no_barrier_that_axe_finds(case: tuple[str, str, str, int], browser: Browser, site: Path) -> None:
    name, language, theme, width = case
    page = opened(browser, address(site, name, language), width=width, theme=theme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate(AXE)

    found = page.evaluate("rules => axe.run(document, rules)", RULES)

    assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found["violations"]] == []
    page.context.close()


@pytest.mark.parametrize(("name", "language"), list(zip(PAGES, itertools.cycle(["es", "en"]), strict=False)))
def test_nothing_is_cut_off_at_any_width(name: str, language: str, browser: Browser, site: Path) -> None:
    page = opened(browser, address(site, name, language))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})

        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_wider_text_spacing_cuts_nothing_off(browser: Browser, site: Path) -> None:
    page = opened(browser, address(site, "canary", "es"), width=390, bypass_csp=True)

    page.add_style_tag(
        content="* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    )

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", ["index", "canary", "phase", "rollback"])
def test_verdict_and_first_number_stand_on_the_first_screen(
    name: str, language: str, browser: Browser, site: Path
) -> None:
    page = opened(browser, address(site, name, language), width=390)
    bottom = "document.querySelector('h1').getBoundingClientRect().bottom"
    top = "document.querySelector('.figs .big').getBoundingClientRect().top"

    assert page.evaluate(bottom) <= 350
    assert page.evaluate(top) <= 800
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate(bottom) <= 350
    assert page.evaluate(top) <= 800
    page.context.close()


@pytest.mark.parametrize(("name", "most"), [("canary", 4), ("index", 2), ("rollback", 4), ("phase", 5)])
def test_a_page_prints_on_few_sheets(name: str, most: int, browser: Browser, site: Path) -> None:
    for language in ("en", "es") if name == "canary" else ("es",):
        page = opened(browser, address(site, name, language))

        document = page.pdf(prefer_css_page_size=True, print_background=True)

        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", document)) <= most
        page.context.close()


def test_what_is_forced_into_a_page_stays_inert(browser: Browser, site: Path, tmp_path: Path) -> None:
    forced = (
        "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
        '<p id="forced" style="position:fixed">x</p>'
    )
    whole = (site / "index.html").read_text(encoding="utf-8")
    with_policy, without = tmp_path / "with.html", tmp_path / "without.html"
    with_policy.write_text(whole.replace("<main", f"{forced}<main"), encoding="utf-8")
    without.write_text(
        re.sub(r"<meta http-equiv=[^>]*>", "", whole).replace("<main", f"{forced}<main"), encoding="utf-8"
    )

    page = opened(browser, with_policy.as_uri())
    control = opened(browser, without.as_uri())
    control.wait_for_function("document.title == 'run'")

    assert page.title() != "run"
    assert page.evaluate("getComputedStyle(document.querySelector('#forced')).position") == "static"
    assert control.evaluate("getComputedStyle(document.querySelector('#forced')).position") == "fixed"
    page.context.close()
    control.context.close()


@pytest.mark.parametrize("bypass_csp", [False, True], ids=["with policy", "without policy"])
def test_hostile_words_are_text_even_without_the_policy(bypass_csp: bool, browser: Browser, site: Path) -> None:
    dialogs: list[str] = []
    page = opened(browser, "about:blank", bypass_csp=bypass_csp)
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))

    page.goto(address(site, "hostile", "en"))

    assert "<script>alert('x')</script>" in page.inner_text("dl.facts")
    assert page.evaluate("document.querySelectorAll('script, [onerror], [style]').length") == 0
    assert dialogs == []
    page.context.close()


def test_the_theme_switch_works_without_a_script(browser: Browser, site: Path) -> None:
    page = opened(browser, address(site, "canary", "en"))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)

    page.click("label[for=theme-dark]")
    dark = page.evaluate(ground)
    page.click("label[for=theme-light]")

    assert light != dark
    assert page.evaluate(ground) == light
    page.context.close()


def test_a_phone_gets_the_narrow_chart_and_a_desk_the_wide_one(browser: Browser, site: Path) -> None:
    page = opened(browser, address(site, "canary", "en"), width=390)
    plots = "[...document.querySelectorAll('svg.plot')]"
    shown = f"{plots}.filter(s => s.getBoundingClientRect().width).map(s => s.classList[1])"

    narrow = set(page.evaluate(shown))
    page.set_viewport_size({"width": 1280, "height": 800})

    assert narrow == {"narrow"}
    assert set(page.evaluate(shown)) == {"wide"}
    page.context.close()


def test_links_between_the_pages_of_a_run_work_from_disk(browser: Browser, site: Path) -> None:
    page = opened(browser, address(site, "index", "es"))

    page.click("nav .crumbs >> text=Canary")
    assert page.url == address(site, "canary", "es")
    page.click(".langs a[hreflang=en]")
    assert page.url == address(site, "canary", "en")
    page.click("nav .crumbs >> text=Overview")
    assert page.url == address(site, "index", "en")
    page.context.close()


def test_a_result_in_a_notebook_leaves_the_rest_of_the_screen_alone(browser: Browser, tmp_path: Path) -> None:
    around = "<h1>Lab</h1><table><tr><th>a</th><td>1</td></tr></table><p><a href='#'>link</a></p><pre>x</pre>"
    shell = f"<!doctype html><body data-jp-theme-light='true'><div id='lab'>{around}</div>"
    style = """[...document.querySelectorAll('#lab *')].map(e => { const s = getComputedStyle(e);
        return [s.color, s.backgroundColor, s.margin, s.padding, s.fontSize, s.borderTopWidth, s.textAlign].join() })"""
    plain, shown = tmp_path / "plain.html", tmp_path / "shown.html"
    plain.write_text(shell, encoding="utf-8")
    shown.write_text(shell + render_for_notebook("report", examples.canary_report()), encoding="utf-8")

    before, after = opened(browser, plain.as_uri(), theme="dark"), opened(browser, shown.as_uri(), theme="dark")

    assert before.evaluate(style) == after.evaluate(style)
    assert (
        after.evaluate("getComputedStyle(document.querySelector('.reliability .verdict')).backgroundColor")
        == "rgb(227, 243, 238)"
    )
    for page in (before, after):
        page.context.close()
