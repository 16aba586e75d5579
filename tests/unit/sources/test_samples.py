from datetime import timedelta

import pytest

from reliability.errors import UsageError
from reliability.sources.samples import open_sample


@pytest.mark.parametrize("name", ["pass", "fail"])
def test_a_sample_is_a_whole_capture(name: str):
    sample = open_sample(name)

    assert sample.capture.manifest.name == name
    assert sample.window == sample.capture.manifest.window
    assert sample.canary_matchers is None


def test_a_sample_may_be_the_first_minutes_of_a_capture():
    sample = open_sample("unsure")

    assert sample.window.start == sample.capture.manifest.window.start
    assert sample.window.end - sample.window.start == timedelta(minutes=6.75)


def test_a_sample_may_look_at_another_arm():
    assert open_sample("nodata").canary_matchers == 'arm="standby"'


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="'unsrue'; there are: pass, fail, unsure, nodata"):
        open_sample("unsrue")
