"""`reliability canary calibrate`: two groups of one version in, a stored noise out, or a plain refusal."""

import json

import pytest

from reliability.sources.history_file import read_history

NAME = "canary_history.json"


def test_the_baseline_of_the_sample_is_split_measured_and_its_noise_used_by_the_next_verdict(run, project):
    status, told = run("calibrate", "--capture", "sample:pass")
    line = told.out.splitlines()[-1]

    assert (status, line) == (0, f'history_file = "{NAME}"')
    assert 'a: arm="baseline", 1 of its replicas; 26789 requests' in told.out
    assert "b beside a, under the budgets of a canary: latency PASS" in told.out
    assert "warning: 25 minutes are little" in told.out
    assert read_history(project / NAME).noise.seconds == 1490

    (project / "reliability.toml").write_text(f"[canary]\n{line}\n", encoding="utf-8")
    judged, verdict = run("--capture", "sample:pass", "-p", f"history_file={NAME}", "--json")
    document = json.loads(verdict.out)

    assert judged == 0
    assert document["history"]["minutes"] == pytest.approx(1490 / 60)
    assert "short-history" in document["cautions"]


def test_the_same_samples_give_the_same_file(run, project):
    run("calibrate", "--capture", "sample:pass")
    first = (project / NAME).read_bytes()

    run("calibrate", "--capture", "sample:pass", "--replace")

    assert (project / NAME).read_bytes() == first


def test_a_file_that_exists_stays_as_it_is_without_replace(run, project):
    (project / NAME).write_text("mine")

    status, told = run("calibrate", "--capture", "sample:pass")

    assert (status, (project / NAME).read_text()) == (2, "mine")
    assert "--replace" in told.err


@pytest.mark.parametrize(("a", "b"), [("baseline", "canary"), ("canary", "baseline")], ids=["slower", "faster"])
def test_groups_that_differ_are_not_one_version_whichever_is_the_worse_one(run, project, a, b):
    arms = ("--a", f'arm="{a}"', "--b", f'arm="{b}"')

    status, told = run("calibrate", "--capture", "sample:fail", *arms, "--to", "noise.json")

    assert status == 1
    assert "nothing is stored: the groups are not alike in latency and errors" in told.out
    assert not (project / "noise.json").exists()


def test_two_named_groups_need_no_replicas_to_split(run):
    arms = ("--a", 'instance="baseline-1"', "--b", 'instance="baseline-2"')

    status, told = run("calibrate", "--capture", "sample:pass", *arms, "--json")
    document = json.loads(told.out)

    assert status == 0
    assert document["groups"] == {"a": 'instance="baseline-1"', "b": 'instance="baseline-2"'}
    assert document["noise"]["seconds"] > 800


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (("--b", 'arm="canary"'), 2, "--a"),
        (("--a", 'arm="standby"'), 2, "fewer than two replicas"),
        (("--a", 'arm="baseline"', "--b", 'arm="standby"'), 4, "cannot be compared"),
        (("--capture", "sample:pass", "-p", "source=sample:fail"), 2, "keep one"),
        (("-p", "window_minutes=6"), 3, "nothing is stored: too few scrapes"),
        (("-p", "latency_unit=milliseconds"), 3, "not to be trusted: units (unit-doubtful)"),
    ],
    ids=[
        "a second group alone",
        "one replica",
        "a group without traffic",
        "two sources",
        "a minute",
        "a doubtful unit",
    ],
)
def test_what_cannot_be_measured_says_why_by_words_and_status(run, project, options, status, told):
    ended, shown = run("calibrate", *options)

    assert ended == status
    assert told in shown.out + shown.err
    assert not (project / NAME).exists()
