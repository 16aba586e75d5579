import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from reliability.errors import WriteError
from reliability.report.exporter import export_pages, render_page
from reliability.report.stylesheet import content_security_policy, page_css
from tests.unit.report import examples
from tests.unit.report.examples import HOSTILE, canary_notebook, canary_report, code, failed, markdown, output, result

SIBLINGS = ("canary_comparison", "phase_progress", "rollback_readiness")


def page(report: dict[str, Any], *cells: Any, language: str = "en", siblings: tuple[str, ...] = SIBLINGS) -> str:
    return render_page(
        canary_notebook(report, *cells),
        report,
        language=language,
        main_language="en",
        siblings=siblings,
    )


def own_page(report: dict[str, Any], *cells: Any, siblings: tuple[str, ...] = SIBLINGS) -> str:
    """Return a page whose notebook has only the cells given and the one that closes the run: no charts to draw."""
    return render_page(bare(report, *cells), report, language="en", main_language="en", siblings=siblings)


def bare(report: dict[str, Any], *cells: Any) -> Any:
    closing = code("nb.finish(run)", result("report", {**report, "run_id": None}))
    return nbformat.v4.new_notebook(cells=[*cells, closing])


def visible(html: str) -> str:
    """Return the text of a page, style and pictures left out."""
    body = re.sub(r"<(style|svg|head).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)


def crumbs(html: str) -> list[str]:
    """Return the addresses of the page's navigation."""
    return re.findall(r'href="([^"]+)"', html[html.index('class="crumbs"') : html.index('class="tools"')])


@pytest.fixture(scope="module")
def english() -> str:
    return page(canary_report())


@pytest.fixture(scope="module")
def spanish() -> str:
    return page(canary_report(), language="es")


@pytest.mark.parametrize("which", ["english", "spanish"])
def test_a_page_is_one_file_without_scripts_or_requests(which: str, request: pytest.FixtureRequest) -> None:
    html = request.getfixturevalue(which)

    assert not re.search(r"<script|\sstyle=|\son[a-z]+=|<link rel=\"stylesheet|<iframe|@import", html)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
    assert html.count("<style>") == 1
    assert html.count("<h1") == 1
    assert len(html.encode()) <= 150_000


def test_a_page_admits_its_own_stylesheet_only(english: str) -> None:
    assert f'content="{content_security_policy(page_css())}"'.replace("'", "&#39;") in english
    assert re.findall(r"<style>(.*?)</style>", english, flags=re.DOTALL) == [str(page_css())]


def test_the_policy_admits_the_styles_that_an_analyst_brings_with_the_rest() -> None:
    cell = "<table><tr><td id=T_1 style='font-weight: bold'>7</td></tr></table>"
    styled = f"<style>#T_1 {{color: red; position: fixed}}</style>{cell}"

    html = own_page(canary_report(), code("a", output({"text/html": styled})))
    (css,) = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)

    assert css.startswith(page_css())
    assert re.search(r"\.body \.hue1\{color:#\w+;font-weight:bold\}$", css)
    assert content_security_policy(css).replace("'", "&#39;") in html
    assert '<td class="n hue1">7</td>' in html


def test_every_id_is_unique_and_every_reference_has_its_target(english: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', english)
    wanted = {name for text in re.findall(r'aria-labelledby="([^"]+)"', english) for name in text.split()}
    anchors = set(re.findall(r'href="#([^"]+)"', english))

    assert len(ids) == len(set(ids))
    assert wanted | anchors <= set(ids)


def test_icons_and_swatches_carry_a_size_so_that_an_unstyled_page_is_readable(english: str) -> None:
    small = [tag for tag in re.findall(r"<svg[^>]*>", english) if "plot" not in tag]

    assert small
    assert all(" width=" in tag and " height=" in tag for tag in small)


def test_the_verdict_is_the_heading_and_the_notebook_title_is_not(english: str) -> None:
    assert '<h1 class="h1">Promote: latency and errors stay inside the budget.</h1>' in english
    assert "Is it no worse?" not in english


def test_code_parameters_and_hidden_cells_are_not_shown(english: str) -> None:
    for hidden in ("nb.latency(run)", "margin_percent: float", "Close the run.", "only for the notebook"):
        assert hidden not in english


def test_every_section_of_the_notebook_is_in_the_contents(english: str) -> None:
    listed = re.findall(r'<li><a href="#([^"]+)">', english)

    assert listed == ["next", "latency", "errors", "buckets", "routes", "exposure", "checks", "queries", "source"]


def test_both_languages_show_the_same_numbers(english: str, spanish: str) -> None:
    def numbers(html: str, language: str) -> list[float]:
        text = re.sub(r"\d+\.\d+\.\d+(\.\d+)?(:\d+)?", " ", visible(html)).replace("\u2212", "-")
        text = re.sub(r"20261126T184000Z-1a2b|9f3c2ab41d|P95|95 ?%|[a-z_]+=\S+", " ", text.replace("\u00a0", " "))
        found = re.findall(r"-?\d[\d.,]*", text)
        swapped = [n.rstrip(".,") for n in found]
        if language == "es":
            swapped = [n.replace(".", "").replace(",", ".") for n in swapped]
        return sorted(float(n.replace(",", "")) for n in swapped)

    assert numbers(english, "en") == numbers(spanish, "es")


def test_a_page_is_in_one_language(spanish: str) -> None:
    assert '<html lang="es" class="reliability">' in spanish
    assert "Promover" in spanish
    assert not re.search(r"Likely range|Deciding number|What to do next|P95 latency", visible(spanish))


def test_the_language_switch_leads_to_the_other_file(english: str, spanish: str) -> None:
    assert 'href="canary_comparison.es.html" lang="es" hreflang="es"' in english
    assert 'href="canary_comparison.html" lang="en" hreflang="en"' in spanish


def test_a_page_links_the_reports_of_its_run_and_the_overview(english: str, spanish: str) -> None:
    assert crumbs(english) == [
        "../../index.html", "canary_comparison.html", "phase_progress.html", "rollback_readiness.html",
    ]  # fmt: skip
    assert 'href="../../index.es.html"' in spanish
    assert 'href="phase_progress.es.html"' in spanish


def test_a_page_of_a_single_report_links_the_overview_only() -> None:
    html = own_page(canary_report(), siblings=("canary_comparison",))

    assert crumbs(html) == ["../../index.html", "canary_comparison.html"]


def test_a_sample_says_so_at_the_top_and_live_data_do_not(english: str) -> None:
    assert "Recorded sample that ships with the program, judged as of 26 Nov 2026, 18:40" in english.replace(
        "\u00a0", " "
    )
    assert "Recorded sample" not in own_page(canary_report(sample=None))


def test_the_footer_says_where_the_numbers_come_from(english: str) -> None:
    footer = visible(english[english.index('<footer class="prov"') :]).replace("\u00a0", " ")

    for shown in (
        "9f3c2ab41d",
        "recording pass",
        "papermill 2.7.0",
        "margin_percent=10.0",
        examples.RUN_ID,
        "arm=&#34;canary&#34;",
    ):
        assert shown in footer
    assert 'href="canary_comparison.ipynb" download' in english
    assert 'href="canary_comparison.json" download' in english


def test_missing_evidence_makes_a_page_that_says_why() -> None:
    html = page(examples.report_without_evidence())

    assert 'class="verdict is-none"' in html
    assert "http://127.0.0.1:9 refused the connection" in html
    assert "is-pass" not in html[html.index("<main") :]


def test_a_cell_that_raised_is_shown_as_an_error_and_not_as_code() -> None:
    report = examples.report_without_evidence(
        "notebook-failed", message="canary_comparison.ipynb, cell 3 raised ValueError: no"
    )
    cell = code("secret = 'password'", failed("ValueError", f"bad {HOSTILE}"))

    html = own_page(report, markdown("## Own analysis"), cell)

    assert "A cell of the notebook failed" in html
    assert "ValueError" in html
    assert "password" not in html
    assert "<script" not in html


def test_outputs_of_an_analyst_are_shown_safely() -> None:
    cells = [
        markdown(
            "## Own analysis <img src=x onerror=alert(1)>\n\n![a](https://example.org/a.png) [b](javascript:alert(1))"
        ),
        code("a", output({"text/plain": HOSTILE})),
        code("b", output({"text/html": f"<h2>head</h2>{HOSTILE}", "text/plain": "as text"})),
        code("c", output({"text/html": "<table><tr><td>7</td></tr></table>", "text/plain": "7"}, kind="display_data")),
        code("d", output({"image/png": "iVBORw0=", "text/plain": "<Figure>"}, kind="display_data")),
        code("e", output({"application/javascript": "alert(1)"})),
        code("f", {"output_type": "stream", "name": "stdout", "text": HOSTILE}),
        code("g", output({"image/svg+xml": "<svg onload='alert(1)'/>"})),
        code("h", result("of_tomorrow", {"x": 1})),
    ]

    html = own_page(canary_report(), *cells)

    assert not re.search(r"<script|<[a-z][^>]*\son[a-z]+=|<h2>head|javascript:alert\(1\)\"|src=\"http", html)
    assert html.count("&lt;script&gt;") >= 2
    for shown in (
        "<h3>head</h3>",
        '<td class="n">7</td>',
        "data:image/png;base64,iVBORw0=",
        "data:image/svg+xml;base64,",
    ):
        assert shown in html
    assert "A result of kind application/javascript cannot be shown here" in html
    assert "A result of kind of_tomorrow cannot be shown here" in html


def test_equal_input_gives_equal_bytes(english: str) -> None:
    assert page(canary_report()) == english


def test_pages_are_written_whole_with_the_main_language_first(tmp_path: Path) -> None:
    report = canary_report()

    written = export_pages(bare(report), report, main_language="es", siblings=SIBLINGS, folder=tmp_path)

    assert [path.name for path in written] == ["canary_comparison.html", "canary_comparison.en.html"]
    assert '<html lang="es"' in written[0].read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary_comparison.en.html", "canary_comparison.html"]


def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "run"
    blocked.write_text("a file where the folder should be")
    report = canary_report()

    with pytest.raises(WriteError, match="could not be written"):
        export_pages(bare(report), report, main_language="en", siblings=(), folder=blocked)
