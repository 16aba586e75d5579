"""Frames of what was judged: documented columns, and sums that agree with the page."""

import io

import numpy as np
import pandas as pd
import pytest

from reliability import notebook as nb
from reliability.errors import ParameterError
from reliability.notebook import canary, own, phase, rollback
from reliability.notebook.run import close_run, open_run
from reliability.settings_file import RUN_CSV, RUN_FILES
from tests.fakes import ManualClock

TOPICS = {"canary": canary, "phase": phase, "rollback": rollback, "own": own}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "reliability.toml").touch()
    return tmp_path


def opened(project, topic="canary", **parameters):
    return open_run("mine", TOPICS[topic], parameters, folder=project, clock=ManualClock())


def test_the_increments_add_up_to_the_page(project):
    run = opened(project)

    increments = nb.frame(run)

    exposure, latency = close_run(run).data["exposure"], close_run(run).data["latency"]
    assert list(increments) == [
        "arm", "start", "end", "requests", "errors", "latency_sum_seconds", "mean_latency_seconds",
    ]  # fmt: skip
    for arm, rows in increments.groupby("arm"):
        assert rows["requests"].sum() == exposure[arm]["requests"]
        assert rows["errors"].sum() == exposure[arm]["errors"]
        assert rows["latency_sum_seconds"].sum() / rows["requests"].sum() < latency[f"{arm}_p95_seconds"]
        assert (rows["end"] > rows["start"]).all()
    assert len(increments) == 2 * (exposure["scrapes_used"] - 1)


def test_buckets_are_not_cumulative_and_add_up_to_the_increments(project):
    run = opened(project)

    buckets, increments = nb.frame(run, "buckets"), nb.frame(run)

    by_interval = buckets.groupby(["arm", "end"])["requests"].sum()
    assert (buckets["requests"] >= 0).all()
    assert np.array_equal(by_interval, increments.set_index(["arm", "end"])["requests"].sort_index())
    assert buckets["upper_bound_seconds"].max() == np.inf


@pytest.mark.parametrize("source", ["sample:pass", "sample:nodata", "gone"])
@pytest.mark.parametrize("what", ["increments", "buckets"])
def test_columns_and_types_are_the_same_with_and_without_evidence(project, source, what):
    frame = nb.frame(opened(project, source=source), what)

    declared = canary.FRAMES[what].columns
    assert list(frame) == list(declared)
    assert {name: str(frame[name].dtype) for name, kind in declared.items() if kind} == {
        name: kind for name, kind in declared.items() if kind
    }
    assert frame.empty is (source != "sample:pass")


@pytest.mark.parametrize(("topic", "what"), [("phase", "modules"), ("phase", "tests"), ("rollback", "steps")])
def test_the_other_reports_have_frames_too(project, monkeypatch, topic, what):
    monkeypatch.chdir(project)

    frame = nb.frame(opened(project, topic), what)

    assert list(frame) == list(TOPICS[topic].FRAMES[what].columns)
    assert not frame.empty


def test_every_column_is_documented():
    told = str(nb.frame.__doc__)

    for topic in TOPICS.values():
        for what, source in topic.FRAMES.items():
            assert f"`{what}`" in told
            assert all(name in told for name in source.columns)


@pytest.mark.parametrize(("topic", "known"), [("canary", "increments, buckets"), ("own", "topic='canary'")])
def test_a_frame_that_there_is_not_is_refused_with_those_there_are(project, topic, known):
    with pytest.raises(ParameterError, match=f"no frame 'steps'.*{known}"):
        nb.frame(opened(project, topic), "steps")


def test_a_csv_of_the_increments_is_kept_on_request(project, monkeypatch):
    monkeypatch.setenv(RUN_FILES, str(project / "files"))
    opened(project)
    assert not (project / "files" / "increments.csv").exists()
    monkeypatch.setenv(RUN_CSV, "1")

    run = opened(project)

    kept = pd.read_csv(io.StringIO((project / "files" / "increments.csv").read_text()), parse_dates=["start", "end"])
    pd.testing.assert_frame_equal(kept, nb.frame(run), check_dtype=False)
