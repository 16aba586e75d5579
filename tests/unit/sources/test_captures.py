import gzip
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reliability.errors import BrokenEvidenceError, MissingEvidenceError, SourceError, WriteError
from reliability.sources.captures import (
    BODY_NAME,
    MANIFEST_NAME,
    Capture,
    read_bare_capture,
    read_capture,
    write_capture,
)
from reliability.sources.manifest import Manifest, parse_manifest
from reliability.sources.promql import parse_matchers
from reliability.window import Window
from tests.fake_prometheus import BASELINE, CANARY, NAMES, FakePrometheus, FakeReplica, FakeRequest

START = datetime(2026, 11, 26, 18, 20, tzinfo=UTC)
END = START + timedelta(minutes=5)
ZERO = START.timestamp()
DOCUMENT: dict[str, Any] = {
    "schema": "reliability.capture/1",
    "name": "pass",
    "recorded_at": "2026-11-26T18:25:12.250Z",
    "as_of": "2026-11-26T18:25:12.250Z",
    "server": {"product": "prometheus", "version": "2.42.0"},
    "query": '{__name__=~"a|b"}[22m]',
    "evaluated_at": "2026-11-26T20:25:10+02:00",
    "window": {"start": "2026-11-26T18:20:00Z", "end": "2026-11-26T18:25:00Z"},
    "scrape_interval_seconds": 10,
    "warmup_minutes": 1,
    "capture_sha256": "0" * 64,
    "warnings": [],
    "infos": [],
    "arms": {
        "baseline": {"matchers": 'arm="baseline"', "release": "2.7.3"},
        "canary": {"matchers": 'arm="canary"', "release": "2.8.0"},
        "standby": {"matchers": 'arm="standby"', "release": "2.8.0"},
    },
    "metrics": {
        "latency": "http_request_duration_seconds",
        "requests": "http_requests_total",
        "error_matchers": 'code=~"5.."',
        "unit": "seconds",
    },
    "service": "staging reservations",
    "experiment": {"seed": 7},
    "truth": {"whole": {"canary": {"requests": 100}}},
}


def manifest_of(**changes: Any) -> Manifest:
    return parse_manifest(json.dumps({**DOCUMENT, **changes}).encode(), where="manifest.json")


def recording() -> FakePrometheus:
    replicas = [
        FakeReplica(
            arm=arm,
            instance=f"{arm}-0",
            phase_seconds=ZERO + 2.5,
            requests=[FakeRequest(ZERO + 3 * number, 0.15) for number in range(100)],
        )
        for arm in ("baseline", "canary")
    ]
    return FakePrometheus(replicas=replicas, rounds=range(-3, 32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    body = recording().body(metrics=NAMES.fetched(), matchers=(), start=0, end=ZERO + 1e6)
    write_capture(tmp_path / "pass", body, manifest_of())
    return tmp_path / "pass"


def test_what_is_written_is_read_back_untouched(tmp_path: Path):
    body = b'{"status":"success","data":{"resultType":"matrix","result":[]}, "odd":  1}'

    written = write_capture(tmp_path / "c", body, manifest_of())

    assert read_capture(tmp_path / "c").manifest == written
    assert gzip.decompress((tmp_path / "c" / BODY_NAME).read_bytes()) == body
    assert (tmp_path / "c" / MANIFEST_NAME).read_text().startswith('{\n "arms": {\n')


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        write_capture(tmp_path / name, b"{}", manifest_of())

    for name in (BODY_NAME, MANIFEST_NAME):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_instants_are_written_in_utc_with_milliseconds_only_when_needed(folder: Path):
    written = json.loads((folder / MANIFEST_NAME).read_text())

    assert written["evaluated_at"] == "2026-11-26T18:25:10Z"
    assert written["as_of"] == "2026-11-26T18:25:12.250Z"
    assert written["window"] == DOCUMENT["window"]
    assert {**written, "capture_sha256": DOCUMENT["capture_sha256"]} == {
        **DOCUMENT,
        "evaluated_at": "2026-11-26T18:25:10Z",
    }


def test_an_arm_is_found_as_a_server_would_find_it(folder: Path):
    window = Window(start=START, end=END)
    server = recording()

    for matchers in (BASELINE, CANARY):
        recorded = read_capture(folder).fetch(metrics=NAMES.fetched(), matchers=matchers, window=window)
        live = server.fetch(metrics=NAMES.fetched(), matchers=matchers, window=window)
        assert recorded.query == live.query
        assert recorded.evaluated_at == live.evaluated_at
        assert as_plain(recorded.series) == as_plain(live.series)


def test_names_matchers_and_window_choose_the_samples(folder: Path):
    window = Window(start=START + timedelta(minutes=1), end=START + timedelta(minutes=2))

    answer = read_capture(folder).fetch(metrics=["up"], matchers=CANARY, window=window)

    assert [series.labels["instance"] for series in answer.series] == ["canary-0"]
    assert answer.series[0].times_seconds.tolist() == [ZERO - 27.5 + 10 * n for n in range(15)]


def test_an_arm_that_was_not_recorded_is_empty_and_no_error(folder: Path):
    standby = parse_matchers('arm="standby"')

    answer = read_capture(folder).fetch(metrics=NAMES.fetched(), matchers=standby, window=Window(start=START, end=END))

    assert answer.series == ()


def test_warnings_and_infos_of_the_recording_come_with_every_arm(tmp_path: Path):
    body = b'{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["down"],"infos":["no counter"]}'
    write_capture(tmp_path / "c", body, manifest_of())

    answer = read_capture(tmp_path / "c").fetch(metrics=["up"], matchers=(), window=Window(start=START, end=END))

    assert (answer.warnings, answer.infos) == (("down",), ("no counter",))


def test_a_window_outside_of_the_recording_is_missing_evidence(folder: Path):
    window = Window(start=END, end=END + timedelta(minutes=5))

    with pytest.raises(MissingEvidenceError, match="holds nothing of 2026-11-26T18:25:00Z"):
        read_capture(folder).fetch(metrics=["up"], matchers=(), window=window)


def as_plain(series: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    plain = [(sorted(s.labels.items()), s.times_seconds.tolist(), s.values.tolist()) for s in series]
    return sorted(plain)


def without_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def without_body(folder: Path) -> None:
    (folder / BODY_NAME).unlink()


def without_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def torn_body(folder: Path) -> None:
    path = folder / BODY_NAME
    path.write_bytes(path.read_bytes()[:100])


def other_body(folder: Path) -> None:
    (folder / BODY_NAME).write_bytes(gzip.compress(b"{}", mtime=0))


def torn_manifest(folder: Path) -> None:
    path = folder / MANIFEST_NAME
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (without_folder, MissingEvidenceError, f"{MANIFEST_NAME} could not be read"),
        (without_body, MissingEvidenceError, f"{BODY_NAME} could not be read"),
        (without_manifest, MissingEvidenceError, f"{MANIFEST_NAME} could not be read"),
        (torn_body, BrokenEvidenceError, "torn or was changed"),
        (other_body, BrokenEvidenceError, "torn or was changed"),
        (torn_manifest, BrokenEvidenceError, "no manifest of schema reliability.capture/1"),
    ],
)
def test_a_damaged_capture_is_refused_with_its_place(
    folder: Path, damage: Callable[[Path], None], error: type[SourceError], words: str
):
    damage(folder)

    with pytest.raises(error, match=words) as caught:
        read_capture(folder)

    assert str(folder) in str(caught.value)
    assert "again" in str(caught.value)


@pytest.mark.parametrize(
    "packed", [gzip.compress(b"<html>"), gzip.compress(b"{}")[:-4], b"plain"], ids=["a page", "torn", "not packed"]
)
def test_a_body_that_matches_its_checksum_but_is_no_answer_is_refused(packed: bytes, tmp_path: Path):
    capture = Capture(folder=tmp_path, manifest=manifest_of(), packed=packed)

    with pytest.raises(BrokenEvidenceError, match="Record it again"):
        _ = capture.answer


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "reliability.capture/2"}, "schema = 'reliability.capture/2'"),
        ({"schema": None}, "schema"),
        ({"colour": "red"}, "colour"),
        ({"name": 5}, "name = 5"),
        ({"recorded_at": "2026-11-26T18:40:00"}, "timezone info"),
        ({"recorded_at": "yesterday"}, "recorded_at = 'yesterday'"),
        ({"window": {"start": "2026-11-26T18:25:00Z", "end": "2026-11-26T18:25:00Z"}}, "is empty"),
        ({"window": {"start": "2026-11-26T18:25:00Z"}}, "window.end is missing"),
        ({"scrape_interval_seconds": 0}, "scrape_interval_seconds = 0"),
        ({"scrape_interval_seconds": "10"}, "scrape_interval_seconds = '10'"),
        ({"capture_sha256": "abc"}, "capture_sha256 = 'abc'"),
        ({"arms": {"canary": {"matchers": "", "release": "1"}}}, "arm baseline is missing"),
        ({"metrics": {**DOCUMENT["metrics"], "unit": "minutes"}}, "unit = 'minutes'"),
        ({"metrics": {**DOCUMENT["metrics"], "error_matchers": "code"}}, "cannot be read"),
        ({"metrics": {**DOCUMENT["metrics"], "error_matchers": ""}}, "at least 1 character"),
        ({"metrics": {**DOCUMENT["metrics"], "latency": "rate(x)"}}, "latency = 'rate(x)'"),
    ],
)
def test_a_manifest_with_an_impossible_value_is_refused_with_place_and_value(changes: dict[str, Any], words: str):
    with pytest.raises(BrokenEvidenceError) as caught:
        manifest_of(**changes)

    assert words in str(caught.value)
    assert str(caught.value).startswith("manifest.json")


@pytest.mark.parametrize("text", ["", "[]", "null", '{"schema":', "\ufeff{}"])
def test_what_is_no_manifest_is_refused(text: str):
    with pytest.raises(BrokenEvidenceError, match=r"manifest\.json is no manifest"):
        parse_manifest(text.encode(), where="manifest.json")


def test_a_folder_that_exists_is_left_alone(folder: Path):
    with pytest.raises(WriteError, match="could not be written"):
        write_capture(folder, b"{}", manifest_of(name="newer"))

    assert read_capture(folder).manifest.name == "pass"
    assert [path.name for path in folder.parent.iterdir()] == ["pass"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(WriteError, match="could not be written"):
        write_capture(tmp_path / "file" / "capture", b"{}", manifest_of())

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def bare_body(**changes: Any) -> bytes:
    body = recording().body(metrics=NAMES.fetched(), matchers=(), start=0, end=ZERO + 1e6)
    return json.dumps({**json.loads(body), **changes}).encode()


@pytest.mark.parametrize(("name", "pack"), [("capture.json.gz", gzip.compress), ("mine.json", bytes)])
def test_a_body_without_a_manifest_tells_its_window_and_is_judged_at_its_last_sample(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
):
    (tmp_path / name).write_bytes(pack(bare_body()))

    capture = read_bare_capture(tmp_path / name)

    manifest = capture.manifest
    assert manifest.name == name.split(".", maxsplit=1)[0]
    assert manifest.window == Window(start=START + timedelta(seconds=-27.5), end=START + timedelta(seconds=312.5))
    assert manifest.as_of == manifest.window.end
    assert manifest.scrape_interval_seconds == 10
    assert manifest.arms["canary"].matchers == 'arm="canary"'
    answer = capture.fetch(metrics=NAMES.fetched(), matchers=CANARY, window=manifest.window)
    assert as_plain(answer.series) == as_plain(recording().fetch(
        metrics=NAMES.fetched(), matchers=CANARY, window=manifest.window).series)  # fmt: skip


def test_the_body_of_a_whole_capture_is_opened_with_its_manifest(folder: Path):
    assert read_bare_capture(folder / BODY_NAME).manifest.service == "staging reservations"


def test_warnings_of_a_bare_body_are_kept(tmp_path: Path):
    (tmp_path / "mine.json").write_bytes(bare_body(warnings=["a store is down"]))

    capture = read_bare_capture(tmp_path / "mine.json")

    answer = capture.fetch(metrics=["up"], matchers=(), window=capture.manifest.window)
    assert answer.warnings == capture.manifest.warnings == ("a store is down",)


ONE = {"metric": {"__name__": "up"}, "value": [0, "1"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (gzip.compress(b""), "an empty body"),
        (gzip.compress(b"{}")[:-4], "no whole gzip file"),
        (b"<html>", "an HTML or XML page"),
        (b'{"status":"error","errorType":"bad_data","error":"parse error"}', "bad_data: parse error"),
        (bare_body(data={"resultType": "matrix", "result": []}), "no samples of two instants"),
        (bare_body(data={"resultType": "vector", "result": [ONE]}), "no samples of two instants"),
    ],
    ids=["curl failed", "torn", "login page", "error", "nothing matched", "one instant"],
)
def test_a_bare_body_that_cannot_be_judged_says_why(tmp_path: Path, body: bytes, words: str):
    (tmp_path / "capture.json.gz").write_bytes(body)

    with pytest.raises(BrokenEvidenceError, match=words) as caught:
        read_bare_capture(tmp_path / "capture.json.gz")

    assert "Record it again with 'reliability capture'" in str(caught.value)


def test_a_body_with_an_error_beside_its_samples_is_no_evidence(tmp_path: Path):
    body = recording().body(metrics=NAMES.fetched(), matchers=(), start=0, end=ZERO + 1e6)
    (tmp_path / "prom.json").write_bytes(body.replace(b'"success"', b'"error", "error": "half of it"'))

    with pytest.raises(BrokenEvidenceError, match=r"prom\.json reports unknown: half of it"):
        read_bare_capture(tmp_path / "prom.json")
