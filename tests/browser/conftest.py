"""One Chromium, one folder of real pages, and each page opened once, for all browser tests of a worker."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(kw_only=True)
class Visit:
    """An open page, and what it asked for and said while it loaded."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine; install it with: make test-deps")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(SWITCHES))
        yield found
        found.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the outputs folder: a run of the three shipped reports, the index, and two unhappy canary pages."""
    from tests.browser.executed import write_site  # noqa: PLC0415 -- heavy, and the process that only counts tests needs none

    return write_site(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def visit(browser: Browser) -> Iterator[Callable[[str], Visit]]:
    """Open an address, or take its page that is open already; size and theme are as the last test left them."""
    context = browser.new_context(offline=True)

    @cache
    def visit(url: str) -> Visit:
        visited = Visit(page=context.new_page())
        visited.page.on("request", lambda request: visited.asked.append(request.url))
        visited.page.on("console", lambda message: visited.said.append(message.text))
        visited.page.goto(url)
        return visited

    yield visit
    context.close()


@pytest.fixture
def fresh(browser: Browser) -> Iterator[Page]:
    """Give a page of its own to a test that leaves traces."""
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()
