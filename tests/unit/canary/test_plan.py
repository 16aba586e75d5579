"""`reliability canary plan`: requests and minutes before a canary starts, from the baseline alone."""

import json
import re
from pathlib import Path

import pytest

from reliability import cli

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def run(run):
    return lambda *arguments: run("plan", *arguments)


def planned(run, *arguments):
    status, told = run(*arguments, "--json")
    assert status == 0
    return json.loads(told.out)


def test_the_sample_is_planned_at_the_share_that_its_canary_has(run):
    document = planned(run)

    assert document["canary_share_fraction"] == pytest.approx(0.5, abs=0.01)
    assert document["baseline_request_count"] == 53560
    assert document["noise"]["from"] == "replicas"
    assert [decision["verdict"] for decision in document["latency"]["decisions"]] == ["PASS", "FAIL", "FAIL"]
    for decision in (*document["latency"]["decisions"], *document["errors"]["decisions"]):
        rate = document["requests_per_second"] * document["canary_share_fraction"]
        assert decision["request_count"] == pytest.approx(decision["seconds"] * rate, abs=1)


def test_no_canary_has_to_run(run):
    status, refused = run("--capture", "sample:nodata")
    document = planned(run, "--capture", "sample:nodata", "--share-percent", "10")

    assert status == 2
    assert "--share-percent" in refused.err
    assert document["canary_share_fraction"] == pytest.approx(0.1)
    assert document["latency"]["decisions"][0]["seconds"] > 600


def test_smaller_shares_and_smaller_margins_take_longer(run):
    usual = planned(run, "--share-percent", "20")["latency"]["decisions"][0]["seconds"]

    assert planned(run, "--share-percent", "5")["latency"]["decisions"][0]["seconds"] > usual
    assert planned(run, "--share-percent", "20", "-p", "margin_percent=5")["latency"]["decisions"][0]["seconds"] > usual


def test_a_history_takes_the_place_of_the_replicas(run, project, capsys):
    cli.run(["canary", "calibrate", "--capture", "sample:fail", "-p", "warmup_minutes=1"])
    capsys.readouterr()

    document = planned(run, "--capture", "sample:fail", "-p", "history_file=canary_history.json")

    assert document["noise"]["from"] == "history"
    assert document["noise"]["latency_log_variance_seconds"] > 0
    assert document["cautions"] == ["short-history"]
    assert document["latency"]["decisions"][0]["noise_seconds"] > 0


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (("-p", 'baseline=arm="nobody"'), 4, "gives no plan"),
        (("-p", "history_file=none.json"), 4, "none.json"),
        (("--share-percent", "100"), 2, "share-percent"),
        (("-p", "margin_percent=0.1"), 2, "below one percent"),
    ],
    ids=["nothing measured", "no history", "no baseline left", "a fraction for percent"],
)
def test_what_cannot_be_planned_says_why_by_words_and_status(run, options, status, told):
    ended, shown = run(*options)

    assert ended == status
    assert told in shown.err


def test_the_output_in_the_readme_is_a_real_one(run):
    shown = re.search(r"```text\n(A canary with .*?)```", README, re.DOTALL)
    assert shown

    _, told = run("--capture", "sample:pass", "--share-percent", "10")

    assert told.out == shown[1]
