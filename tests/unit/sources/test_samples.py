from datetime import timedelta
from pathlib import Path

import pytest

from reliability.errors import ParameterError, UsageError
from reliability.sources.samples import check_source, open_sample


@pytest.mark.parametrize("name", ["pass", "fail"])
def test_a_sample_is_a_whole_capture(name: str):
    sample = open_sample(name)

    assert sample.capture.manifest.name == name
    assert sample.window == sample.capture.manifest.window
    assert sample.canary_matchers is None


def test_a_sample_may_be_the_first_minutes_of_a_capture():
    sample = open_sample("unsure")

    assert sample.window.start == sample.capture.manifest.window.start
    assert sample.window.end - sample.window.start == timedelta(minutes=6.6)


def test_a_sample_may_look_at_another_arm():
    assert open_sample("nodata").canary_matchers == 'arm="standby"'


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="'unsrue'; there are: pass, fail, unsure, nodata"):
        open_sample("unsrue")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("promtheus", "prometheus"),
        ("Prometheus", "prometheus"),
        (" prometheus", "prometheus"),
        ("sample-pass", "sample:pass"),
        ("samples:fail", "sample:fail"),
    ],
)
def test_a_slip_in_the_name_of_a_source_is_told_with_what_was_meant(text: str, meant: str, tmp_path: Path):
    with pytest.raises(ParameterError) as caught:
        check_source(text, tmp_path)

    assert f"canary.source = {text!r} names no source; did you mean {meant!r}?" in str(caught.value)


@pytest.mark.parametrize("text", ["", " "])
def test_no_source_at_all_is_told_with_what_there_is(text: str, tmp_path: Path):
    with pytest.raises(ParameterError, match=rf"canary\.source = '{text}' names no source\. Write prometheus"):
        check_source(text, tmp_path)


def test_a_sample_that_there_is_not_is_no_source(tmp_path: Path):
    with pytest.raises(UsageError, match="there are: pass"):
        check_source("sample:pas", tmp_path)


@pytest.mark.parametrize(
    "text", ["prometheus", "sample:pass", "http://h:9090", "captures/promtheus", "gone", "prometheus.json", "promeheus"]
)
def test_what_may_be_meant_is_left_to_its_reader(text: str, tmp_path: Path):
    (tmp_path / "promeheus").mkdir()

    check_source(text, tmp_path)
