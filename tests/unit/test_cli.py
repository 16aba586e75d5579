import subprocess
import sys

import pytest

from reliability import cli

HEAVY = ("pandas", "matplotlib", "papermill", "nbconvert", "scipy", "numpy", "prometheus_api_client", "pydantic")


@pytest.fixture
def empty_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability.toml").touch()
    return tmp_path


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from reliability import cli; status = cli.run(['--help']); "
        f"print('heavy:', sorted(set({HEAVY!r}) & set(sys.modules)), 'status:', status)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "heavy: [] status: 0" in done.stdout
    assert "report" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "canery"], "did you mean 'canary_comparison'"),
        (["report", "canary", "-p", "margin_procent=5"], "did you mean 'margin_percent'"),
        (["report", "canary", "-p", "margin_percent=ten"], "margin_percent = 'ten' is no float"),
        (["report", "canary", "-p", "margin_percent=-5"], "margin_percent"),
        (["report", "canary", "-p", "margin_percent"], "name=value"),
        (["report", "canary", "-f", "gone.yml"], "gone.yml"),
        (["report", "canary", "--sample", "fail", "-p", "source=x"], "both name a source"),
        (["report", "canary", "--sample", "bogus"], "there is no sample 'bogus'"),
        (["report", "canary", "--sample", ""], "there is no sample ''"),
        (["report", "canary", "-p", "baseline=foo"], "foo"),
        (["report", "canary", "-p", "latency_metric=a b"], "a b"),
        (["report", "canary", "-p", "window_end=yesterday"], "window_end: 'yesterday' is no instant"),
        (["report", "canary", "-p", "window_minutes=3"], "leaves nothing behind the warm-up of 5 minutes"),
        (
            ["report", "canary", "-p", "source=http://127.0.0.1:1", "-p", "warmup_minutes=40"],
            "the window of 35 minutes leaves nothing behind the warm-up of 40 minutes",
        ),
        (["gate", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("empty_project")
def test_wrong_usage_ends_with_status_2_and_a_cure(capsys, arguments, message):
    status = cli.run(arguments)

    assert status == 2
    assert message in capsys.readouterr().err


def test_a_misspelt_setting_ends_with_status_2_before_any_work(capsys, empty_project):
    (empty_project / "reliability.toml").write_text("[canary]\nmargin_procent = 5.0\n")

    assert cli.run(["report"]) == 2
    assert "canary.margin_procent" in capsys.readouterr().err
    assert not (empty_project / "outputs").exists()


@pytest.mark.usefixtures("empty_project")
def test_a_gate_without_any_run_is_no_data(capsys):
    assert cli.run(["gate"]) == 4
    assert "make one with: reliability report" in capsys.readouterr().err


def test_an_interrupt_ends_with_status_130(monkeypatch, empty_project):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("reliability.cli.reports.choose_notebooks", interrupted)

    assert cli.run(["report"]) == 130


def test_an_unknown_fault_is_a_run_error_and_never_a_pass(capsys, monkeypatch, empty_project):
    def broken(*_, **__):
        raise RuntimeError("boom")

    monkeypatch.setattr("reliability.cli.reports.choose_notebooks", broken)

    assert cli.run(["report"]) == 5
    assert "RuntimeError: boom" in capsys.readouterr().err


def test_a_notebook_that_is_no_report_is_left_out_with_a_word_and_stops_no_other(capsys, empty_project):
    stray = empty_project / "notebooks" / "scratch.ipynb"
    stray.parent.mkdir()
    stray.write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')

    cli.run(["report", "-p", "nonsense=1"])

    left_out, refused = capsys.readouterr().err.splitlines()
    assert left_out == f"{stray} has no cell tagged 'parameters', so it is no report and is left out."
    assert "canary_comparison.ipynb" in refused
    assert "scratch" not in refused
