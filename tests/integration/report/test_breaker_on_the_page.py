"""A Prometheus that is a black hole, or fails until the breaker opens: the page is there and passes nothing."""

import contextlib
import json
import re
import time
from pathlib import Path

import pytest

from reliability import cli
from tests.fault_server import FaultServer, answers, black_hole

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 1.0
BUSY = answers("busy", status=503)
TOO_BIG = answers({"status": "error", "errorType": "execution", "error": "too many samples"}, status=422)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "reliability.toml").write_text(f"[prometheus]\ndeadline_seconds = {DEADLINE_SECONDS}\n")
    return tmp_path


def canary_pages(project: Path, source: str) -> tuple[dict[str, str], str, str]:
    """Make the report from a live source; return its JSON and its pages in English and Spanish."""
    with contextlib.chdir(project):
        assert cli.run(["report", "canary", "-p", f"source={source}"]) == 0
        assert cli.run(["gate", "canary"]) == 4
    (folder,) = (project / "outputs" / "runs").iterdir()
    made = json.loads((folder / "canary_comparison.json").read_text(encoding="utf-8"))
    pages = [(folder / f"canary_comparison{end}.html").read_text(encoding="utf-8") for end in ("", ".es")]
    return made, pages[0], pages[1]


def test_a_black_hole_ends_in_a_page_without_a_verdict_after_one_deadline(project: Path):
    with black_hole() as (url, connected):
        begin = time.monotonic()
        made, english, spanish = canary_pages(project, url)
        seconds = time.monotonic() - begin

        assert connected() == 1

    assert (made["verdict"], made["reason"]) == ("NO_DATA", "prometheus-unreachable")
    assert "gave no whole answer within 1 s" in english
    assert "Sin resultado: Prometheus no respondió." in spanish
    assert seconds < 60


def test_an_open_breaker_ends_in_a_page_that_says_since_when_and_why(project: Path):
    with FaultServer(BUSY, TOO_BIG, BUSY) as server:
        made, english, spanish = canary_pages(project, server.url)

    assert len(server.requests) == 4  # the third failure in a row opens it; one that is our fault is none of them
    assert (made["verdict"], made["reason"]) == ("NO_DATA", "breaker-open")
    assert "No result: Prometheus failed again and is left alone." in english
    assert "Sin resultado: Prometheus falló varias veces y se deja en paz." in spanish
    for page in (english, spanish):
        assert "answered 503" in page
        assert re.search(r"It is left alone since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", page)
