"""Real processes: one judges a window, another one is refused; whatever ends the first gives the window back."""

import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import pytest

from reliability import cli
from reliability.canary.windows import open_windows
from reliability.settings_file import read_settings
from tests.fault_server import FaultServer, answers

pytestmark = pytest.mark.integration

SECONDS = 30
TOML = """
[prometheus]
url = "{url}"
deadline_seconds = 60
[canary]
source = "prometheus"
[resilience]
service = "shop"
"""
ASK = [sys.executable, "-m", "reliability", "canary"]
ENDINGS = {
    "ctrl-c, leases in SQLite": (signal.SIGINT, 130),
    "terminated, leases in PostgreSQL": (signal.SIGTERM, 143),
}


@contextmanager
def judging(folder, extra):
    """A process that has asked a server and waits for its answer; gives it and its leases."""
    asked, go = threading.Event(), threading.Event()

    def waits(exchange):
        asked.set()
        go.wait(SECONDS)
        answers()(exchange)

    with FaultServer(waits) as server:
        (folder / "reliability.toml").write_text(TOML.format(url=server.url) + extra)
        with subprocess.Popen(ASK, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert asked.wait(SECONDS)
                with closing(open_windows(read_settings(folder), project=folder)) as windows:
                    yield process, windows
            finally:
                go.set()
                process.kill()


@pytest.fixture(params=ENDINGS)
def ended(request, monkeypatch):
    """How a canary ends, with where leases are kept: a line of settings."""
    in_postgresql = request.param == "terminated, leases in PostgreSQL"
    if in_postgresql:
        monkeypatch.setenv("LEASES", request.getfixturevalue("postgres_server").url)
    return *ENDINGS[request.param], 'locks_url_variable = "LEASES"\n' if in_postgresql else ""


@pytest.mark.requirement("RES-LOCK-01")
def test_a_second_canary_is_refused_until_the_first_ends_however_it_ends(tmp_path, monkeypatch, capsys, ended):
    ending, status, extra = ended
    monkeypatch.chdir(tmp_path)
    with judging(tmp_path, extra) as (process, windows):
        refused = cli.run(["canary"])
        shown = capsys.readouterr()
        process.send_signal(ending)
        process.communicate(timeout=SECONDS)

        assert (refused, shown.out) == (6, "")
        assert f"pid {process.pid} holds " in shown.err
        assert process.returncode == status
        assert windows.held_now() == ()
    assert (tmp_path / "outputs").exists() == (not extra)
