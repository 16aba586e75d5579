from datetime import timedelta
from pathlib import Path

import pytest

from reliability.errors import BrokenEvidenceError, MissingEvidenceError, UsageError
from reliability.sources.captures import write_capture
from reliability.sources.manifest import parse_manifest
from reliability.sources.samples import LIST_NAME, open_sample

MANIFEST = b"""{
 "schema": "reliability.capture/1", "name": "pass", "query": "up[5m]",
 "recorded_at": "2026-11-26T18:40:00Z", "as_of": "2026-11-26T18:41:00Z", "evaluated_at": "2026-11-26T18:40:00Z",
 "server": {"product": "prometheus", "version": "2.42.0"},
 "window": {"start": "2026-11-26T18:20:00Z", "end": "2026-11-26T18:40:00Z"},
 "scrape_interval_seconds": 10, "capture_sha256": "0000000000000000000000000000000000000000000000000000000000000000",
 "arms": {"baseline": {"matchers": "arm=\\"baseline\\"", "release": "1"},
          "canary": {"matchers": "arm=\\"canary\\"", "release": "2"}},
 "metrics": {"latency": "a", "requests": "b", "error_matchers": "code=\\"500\\"", "unit": "seconds"}
}"""
LIST = """
[pass]
capture = "pass"
[unsure]
capture = "pass"
minutes = 7
[nodata]
capture = "pass"
canary_matchers = 'arm="standby"'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = parse_manifest(MANIFEST, where="manifest")
    write_capture(tmp_path / "pass", b"{}", manifest)
    (tmp_path / LIST_NAME).write_text(LIST)
    return tmp_path


def test_a_sample_is_a_capture(folder: Path):
    sample = open_sample("pass", folder=folder)

    assert sample.window == sample.capture.manifest.window
    assert sample.canary_matchers is None


def test_a_sample_may_be_the_first_minutes_of_a_capture(folder: Path):
    sample = open_sample("unsure", folder=folder)

    assert sample.window.start == sample.capture.manifest.window.start
    assert sample.window.end - sample.window.start == timedelta(minutes=7)


def test_a_sample_may_look_at_another_arm(folder: Path):
    assert open_sample("nodata", folder=folder).canary_matchers == 'arm="standby"'


def test_an_unknown_name_is_answered_with_the_known_ones(folder: Path):
    with pytest.raises(UsageError, match="'unsrue'; there are: pass, unsure, nodata"):
        open_sample("unsrue", folder=folder)


def test_a_capture_that_is_not_there_is_missing_evidence(folder: Path):
    (folder / LIST_NAME).write_text('[gone]\ncapture = "gone"')

    with pytest.raises(MissingEvidenceError, match=r"gone/manifest\.json could not be read"):
        open_sample("gone", folder=folder)


def test_a_list_that_is_not_there_is_missing_evidence(tmp_path: Path):
    with pytest.raises(MissingEvidenceError, match="Install the package again"):
        open_sample("pass", folder=tmp_path)


@pytest.mark.parametrize(
    "text",
    ["[pass", "pass = 5", "[pass]", '[pass]\ncapture = "../x"', '[pass]\ncapture = "x"\nminutes = 0',
     '[pass]\ncapture = "x"\ncolour = 1'],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_broken_evidence(folder: Path, text: str):
    (folder / LIST_NAME).write_text(text)

    with pytest.raises(BrokenEvidenceError, match="Install the package again"):
        open_sample("pass", folder=folder)


@pytest.mark.parametrize("name", ["pass", "fail", "unsure", "nodata"])
def test_the_four_samples_ship(name: str):
    assert open_sample(name).name == name
