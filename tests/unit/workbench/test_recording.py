import gzip
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability import cli
from reliability.clock import SystemClock
from reliability.notebook.canary_evidence import CanaryEvidence, load_evidence
from reliability.notebook.run import Place
from reliability.settings import FILE_NAME
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.captures import BODY_NAME, read_capture
from reliability.sources.promql import Matcher, parse_matchers
from reliability.verdicts import Verdict
from reliability.workbench.recording import union_matchers
from tests.fake_query_api import FakeQueryApi, serving, target

ARMS = """
[canary]
source = "prometheus"
baseline = 'track="stable", job="api"'
canary = 'track="canary", job="api"'
baseline_release = "1.0"
canary_release = "1.1"
"""
labels = st.dictionaries(st.sampled_from(["job", "track", "version"]), st.text('a.|(*\\"é \n', max_size=3), max_size=3)


def equal(chosen: dict[str, str]) -> tuple[Matcher, ...]:
    return tuple(Matcher(name=name, op="=", value=value) for name, value in sorted(chosen.items()))


@given(labels, labels, labels)
def test_whatever_an_arm_selects_the_recording_holds(baseline, canary, series):
    both = union_matchers(equal(baseline), equal(canary))

    for arm in (equal(baseline), equal(canary)):
        if all(matcher.matches(series) for matcher in arm):
            assert all(matcher.matches(series) for matcher in both)


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_one_label_that_differs_takes_exactly_its_two_values(one, other, third):
    (matcher,) = union_matchers(equal({"track": one}), equal({"track": other}))[-1:] or (equal({"track": one})[0],)

    assert matcher.matches({"track": third}) == (third in (one, other))


@pytest.mark.parametrize(
    ("baseline", "canary", "both"),
    [
        ('job="api", track="a"', 'job="api", track="b"', 'job="api", track=~"a|b"'),
        ('track=~"a.*"', 'track="b.c"', 'track=~"(?:a.*)|b\\\\.c"'),
        ('job="api", track="a"', 'job="api", version="2"', 'job="api"'),
        ('job="api", track!="a"', 'job="api", track="a"', 'job="api"'),
        ('job="a", track="a"', 'job="b", track="b"', ""),
    ],
)
def test_matchers_of_both_arms_are_joined(baseline: str, canary: str, both: str):
    joined = union_matchers(parse_matchers(baseline), parse_matchers(canary))

    assert ", ".join(matcher.promql() for matcher in joined) == both


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shop() -> FakeQueryApi:
    return FakeQueryApi(
        series=[
            each
            for track in ("stable", "canary", "standby")
            for each in target(
                {"job": "api", "instance": f"{track}:1", "track": track},
                bounds=("0.29", "0.3", "0.32", "+Inf"),
                per_second=10,
            )
        ]
    )


def test_a_capture_holds_both_arms_and_says_what_it_is(folder: Path, capsys: pytest.CaptureFixture[str]):
    with serving(shop()) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        status = cli.run(["capture", "mine", "-p", "window_minutes=10", "-p", "canary_release=1.10"])

    capture = read_capture(folder / "captures" / "mine")
    manifest = capture.manifest
    assert status == 0
    assert capsys.readouterr().out.endswith("reliability report canary -p source=captures/mine\n")
    assert {series.labels["track"] for series in capture.answer.series} == {"stable", "canary"}
    assert manifest.query == (
        '{__name__=~"http_request_duration_seconds_bucket|http_request_duration_seconds_sum|http_requests_total|up|'
        'process_start_time_seconds", job="api", track=~"stable|canary"}[720s]'
    )
    assert manifest.window.seconds == 600
    assert manifest.scrape_interval_seconds == 15
    assert (manifest.server.product, manifest.server.version) == ("prometheus", "2.53.0")
    assert (manifest.arms["baseline"].release, manifest.arms["canary"].release) == ("1.0", "1.10")
    assert manifest.as_of == manifest.window.end == manifest.evaluated_at


def test_the_body_is_untouched_and_its_warnings_are_kept_and_said(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop()
    api.warnings = ["a store is down"]
    with serving(api) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", "mine"]) == 0

    capture = read_capture(folder / "captures" / "mine")
    body = json.loads(gzip.decompress((folder / "captures" / "mine" / BODY_NAME).read_bytes()))
    assert body["warnings"] == ["a store is down"]
    assert capture.manifest.warnings == ("a store is down",)
    assert "no verdict can be better than INCONCLUSIVE: a store is down" in capsys.readouterr().err


class Small(FakeQueryApi):
    """Refuses ranges of more than ten minutes as VictoriaMetrics and Prometheus do."""

    def answer(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        length = re.search(r"\[(\d+)s\]$", form.get("query", ""))
        if length and int(length[1]) > 600:
            self.queries.append(form["query"])
            return {"status": "error", "errorType": "execution", "error": "query would load too many samples"}
        return super().answer(path, form)


def test_a_query_that_is_too_big_is_recorded_in_parts_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]):
    with serving(Small(series=shop().series)) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", "mine"]) == 0

    joined = "joined from 4 parts, because the server refused the whole as too big"
    capture = read_capture(folder / "captures" / "mine")
    assert f"note: {joined}" in capsys.readouterr().err
    assert capture.manifest.infos == (joined,)
    assert "[2220s]" in capture.manifest.query
    assert judged(folder, source="captures/mine").judgement.verdict is Verdict.PASS


def test_a_window_that_began_before_the_samples_begins_with_them(folder: Path):
    series = target({"job": "api", "instance": "a:1", "track": "stable"}, minutes=4)
    series += target({"job": "api", "instance": "b:1", "track": "canary"}, minutes=4)
    with serving(FakeQueryApi(series=series)) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", "mine"]) == 0

    manifest = read_capture(folder / "captures" / "mine").manifest
    assert 239 <= manifest.window.seconds < 260
    assert manifest.warmup_minutes == 0  # the usual five would leave nothing


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["../mine"], 2, "is no name of a capture"),
        (["mine", "-p", "windows=3"], 2, "windows"),
        (["mine", "-p", "window_minutes=long"], 2, "window_minutes"),
        (["mine", "-p", "window_minutes"], 2, "name=value"),
        (["mine", "-p", "canary=foo"], 2, "foo"),
        (["mine", "-p", "source=sample:pass"], 2, "not a server"),
        (["mine", "-p", 'baseline=job="no"', "-p", 'canary=job="no", a="b"'], 4, "has no series for"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_recorded_says_why_and_writes_nothing(
    arguments: list[str], status: int, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    with serving(shop()) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", *arguments]) == status

    assert words in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_a_capture_that_exists_is_left_alone(folder: Path):
    with serving(shop()) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", "mine"]) == 0
        before = (folder / "captures" / "mine" / BODY_NAME).read_bytes()
        assert cli.run(["capture", "mine"]) == 2

    assert (folder / "captures" / "mine" / BODY_NAME).read_bytes() == before


def test_an_arm_without_samples_is_said(folder: Path, capsys: pytest.CaptureFixture[str]):
    with serving(shop()) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", "mine", "-p", 'canary=track="nobody", job="api"']) == 0

    assert "it holds nothing of the canary" in capsys.readouterr().err


def test_the_body_alone_is_judged_and_its_warnings_leave_nothing_decided(folder: Path):
    api = shop()
    with serving(api) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{ARMS}')
        assert cli.run(["capture", "mine"]) == 0
        api.warnings = ["a store is down"]
        assert cli.run(["capture", "warned"]) == 0

    whole = judged(folder, source="captures/mine")
    for name, verdict in (("mine", whole.judgement.verdict), ("warned", Verdict.INCONCLUSIVE)):
        shutil.copy(folder / "captures" / name / BODY_NAME, folder / f"{name}.json.gz")
        bare = judged(folder, source=f"{name}.json.gz")
        assert bare.judgement.verdict is verdict
    assert whole.judgement.verdict is Verdict.PASS
    assert bare.warnings == ("a store is down",)
    assert bare.origin.arms["canary"].release == "1.1"


def judged(folder: Path, *, source: str) -> CanaryEvidence:
    settings = read_settings(folder, {})
    place = Place(
        project=folder, settings=settings, now=SystemClock().now(), answers=folder / "answers", increments=None
    )
    return load_evidence(resolve_parameters(settings, "canary", {"source": source}, report="a test"), place=place)
