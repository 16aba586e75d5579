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
[canary]
source = "prometheus"
[resilience]
service = "shop"
"""
ASK = [sys.executable, "-m", "reliability", "canary"]
ENDINGS = {"ctrl-c": (signal.SIGINT, 130), "terminated": (signal.SIGTERM, 143)}


@contextmanager
def judging(folder, extra=""):
    """A process that has asked a server and waits for its answer; gives it, its leases, and what lets it go on."""
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
                    yield process, windows, go
            finally:
                go.set()
                process.kill()


@pytest.mark.parametrize(("ending", "status"), ENDINGS.values(), ids=ENDINGS)
def test_an_interrupted_canary_gives_its_window_back(tmp_path, ending, status):
    with judging(tmp_path) as (process, windows, _go):
        (held,) = windows.held_now()

        process.send_signal(ending)
        process.communicate(timeout=SECONDS)

        assert f"pid {process.pid}" in held.holder
        assert process.returncode == status
        assert windows.held_now() == ()


def refused_while_another_judges(folder, monkeypatch, capsys, extra=""):
    monkeypatch.chdir(folder)
    with judging(folder, extra) as (process, windows, go):
        status = cli.run(["canary"])

        shown = capsys.readouterr()
        assert (status, shown.out) == (6, "")
        assert f"pid {process.pid} holds " in shown.err
        go.set()
        process.communicate(timeout=SECONDS)
        assert process.returncode == 4  # the server has nothing
        assert windows.held_now() == ()


@pytest.mark.requirement("RES-LOCK-01")
def test_of_two_canaries_at_once_the_second_is_refused(tmp_path, monkeypatch, capsys):
    refused_while_another_judges(tmp_path, monkeypatch, capsys)
