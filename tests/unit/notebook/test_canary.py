"""The canary report on the shipped samples: its JSON, its cells, its refusals."""

import gzip
import json
import shutil
from functools import cache

import pytest

from reliability import notebook as nb
from reliability.clock import format_instant
from reliability.errors import ParameterError, ReliabilityError, SelectorError
from reliability.notebook import canary
from reliability.notebook.run import close_run, open_run
from reliability.report.blocks import render_block
from reliability.sources.samples import open_sample
from tests.fakes import ManualClock
from tests.unit.notebook.reported import capture_reports

CELLS = (nb.latency, nb.errors, nb.buckets, nb.routes, nb.exposure, nb.checks, nb.queries)
TWO_WINDOWS = {
    "baseline": 'arm="baseline"', "canary": 'arm="baseline"', "window_minutes": 8.0, "warmup_minutes": 0.5,
    "window_end": "2026-11-27T17:05:00Z", "baseline_window_end": "2026-11-27T16:50:00Z", "route_label": "route",
}  # fmt: skip


def run_canary(folder, **parameters):
    (folder / "reliability.toml").touch()
    return open_run("canary_comparison", canary, parameters, folder=folder, clock=ManualClock())


def report(folder, **parameters):
    return json.loads(json.dumps(close_run(run_canary(folder, **parameters)).data, allow_nan=False))


@pytest.fixture(scope="module")
def run_of_sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    return cache(lambda sample: run_canary(folder, source=f"sample:{sample}"))


@pytest.mark.parametrize(
    ("sample", "verdict", "reason"),
    [
        ("pass", "PASS", "inside-budget"),
        ("fail", "FAIL", "over-budget-both"),
        ("unsure", "INCONCLUSIVE", "not-enough-evidence"),
        ("nodata", "NO_DATA", "no-traffic-canary"),
    ],
)
def test_each_sample_has_its_verdict_and_reason(tmp_path, sample, verdict, reason):
    data = report(tmp_path, source=f"sample:{sample}")

    assert (data["verdict"], data["reason"], data["sample"]) == (verdict, reason, sample)


@pytest.mark.parametrize(
    ("told", "without", "refused"),
    [
        ({"payment_outage": {"began_at": "..."}}, "-", 10),
        ({"payment_outage": {"began_at": "..."}}, "reliability_circuit", None),
        ({"kill": None}, "-", None),
    ],
    ids=["outage", "no-breaker", "no-outage"],
)
def test_an_outage_on_purpose_is_told_with_the_calls_that_the_breakers_refused(tmp_path, told, without, refused):
    capture = capture_reports(tmp_path / "shop", without=without, experiment=told)

    experiment = report(tmp_path, source=str(capture))["experiment"]

    assert experiment == told | ({} if refused is None else {"breaker_refused_calls": refused})


def test_requests_of_the_arm_that_served_are_told_the_same_in_figure_and_check(tmp_path):
    data = report(tmp_path, source="sample:nodata")

    figure = next(figure for figure in data["figures"] if figure["id"] == "requests")
    values = next(check["values"] for check in data["checks"] if check["id"] == "traffic")
    assert values["baseline_count"] == figure["baseline_count"] > 30_000
    assert values["canary_count"] == 0


@pytest.mark.parametrize("sample", ["pass", "fail"])
def test_the_true_change_lies_inside_the_likely_range_and_the_true_p95_inside_its_bucket(tmp_path, sample):
    latency = report(tmp_path, source=f"sample:{sample}")["latency"]
    truth = open_sample(sample).capture.manifest.truth["judged"]

    low, high = latency["increase_interval"]
    assert low <= truth["canary"]["p95_seconds"] / truth["baseline"]["p95_seconds"] - 1 <= high
    for arm in ("baseline", "canary"):
        below, above = latency["bucket_bounds"][f"{arm}_seconds"]
        assert below < truth[arm]["p95_seconds"] <= above


def test_the_json_carries_the_agreed_fields(tmp_path):
    data = report(tmp_path)

    assert set(data["latency"]) >= {
        "baseline_p95_seconds", "canary_p95_seconds", "increase_fraction", "increase_interval", "margin_fraction",
        "verdict", "reason", "bucket_bounds",
    }  # fmt: skip
    assert set(data["errors"]) >= {
        "baseline_fraction", "canary_fraction", "difference_fraction", "interval", "allowed_fraction", "verdict",
        "reason",
    }  # fmt: skip
    assert set(data["exposure"]) >= {"baseline", "canary"}
    assert data["as_of"] == "2026-11-27T17:05:31Z"


@pytest.mark.parametrize(
    ("sample", "change", "shown"),
    [("pass", "resilience-layers", True), ("fail", None, False)],
    ids=["layers alone", "layers and a delay"],
)
def test_the_head_of_the_page_names_the_change_under_test_where_it_is_one(tmp_path, sample, change, shown):
    data = report(tmp_path, source=f"sample:{sample}")

    assert data["change_under_test"] == change
    assert ("resilience layers: circuit breaker" in render_block("report", data, language="en")) is shown
    assert ("capas de resiliencia: circuit breaker" in render_block("report", data, language="es")) is shown


def test_a_narrow_margin_changes_the_verdict_but_not_the_measurement(tmp_path):
    wide, narrow = report(tmp_path), report(tmp_path, margin_percent=2.0)

    assert (wide["verdict"], narrow["verdict"]) == ("PASS", "INCONCLUSIVE")
    assert wide["latency"]["increase_interval"] == pytest.approx(narrow["latency"]["increase_interval"], abs=1e-6)


@pytest.mark.parametrize("sample", ["pass", "fail", "unsure", "nodata"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)
def test_every_cell_shows_both_mime_forms(run_of_sample, sample, cell):
    bundle = cell(run_of_sample(sample))._repr_mimebundle_()

    assert bundle["application/vnd.reliability+json"]["block"] == cell.__name__
    json.dumps(bundle["application/vnd.reliability+json"], allow_nan=False)
    assert 'class="reliability"' in bundle["text/html"]


def test_a_hostile_label_is_shown_as_text(tmp_path):
    hostile = "<script>alert(1)</script>\"'"
    block = nb.queries(run_canary(tmp_path, canary='arm="canary",zone!="<script>alert(1)</script>\\"\'"'))

    html = str(block._repr_mimebundle_()["text/html"])

    assert "<script>alert" not in html
    assert hostile.split(">", maxsplit=1)[0] not in html
    assert "&lt;script&gt;" in html


def test_missing_evidence_is_a_result_and_every_cell_says_so(tmp_path):
    run = run_canary(tmp_path, source="gone")

    data = dict(close_run(run).data)

    assert (data["verdict"], data["reason"]) == ("NO_DATA", "missing-evidence")
    assert "gone" in str(data["error"])
    assert {cell(run).kind for cell in CELLS} == {"missing"}


@pytest.mark.parametrize(
    ("file", "content"),
    [("capture.json.gz", b"\x1f\x8b torn"), ("manifest.json", b'{"schema": "other"}'), ("manifest.json", b"{")],
    ids=["torn body", "foreign manifest", "torn manifest"],
)
def test_a_torn_or_foreign_capture_is_broken_evidence_that_names_the_file(tmp_path, file, content):
    shutil.copytree(open_sample("pass").capture.folder, tmp_path / "copy")
    (tmp_path / "copy" / file).write_bytes(content)

    data = report(tmp_path, source="copy")

    assert (data["verdict"], data["reason"]) == ("NO_DATA", "broken-evidence")
    assert file in data["error"]["message"]


@pytest.mark.parametrize(
    ("parameters", "error", "named"),
    [
        ({"window_minutes": 4.0}, ParameterError, "leaves nothing behind the warm-up"),
        ({"window_end": "yesterday"}, ParameterError, "window_end: 'yesterday'"),
        ({"canary": "arm=canary"}, SelectorError, "arm=canary"),
        ({"canary": 'arm="canary"} or vector(1'}, SelectorError, "canary"),
        ({"latency_metric": "a b"}, SelectorError, "a b"),
        ({"source": "sample:pas"}, ReliabilityError, "pass"),
    ],
    ids=["window too short", "no instant", "no quotes", "injection", "no metric name", "unknown sample"],
)
def test_an_impossible_parameter_is_refused_with_its_value(tmp_path, parameters, error, named):
    with pytest.raises(error, match=named.replace("(", r"\(")):
        report(tmp_path, **parameters)


def test_a_window_outside_the_recording_is_no_data(tmp_path):
    data = report(tmp_path, window_end="2020-01-01T00:00:00Z", window_minutes=20.0)

    assert (data["verdict"], data["reason"]) == ("NO_DATA", "missing-evidence")


def test_an_arm_that_mixes_releases_decides_nothing_and_the_page_names_label_and_values(tmp_path):
    data = report(tmp_path, baseline='arm=~"baseline|standby"')

    assert (data["verdict"], data["reason"]) == ("INCONCLUSIVE", "mixed-releases")
    assert data["mixed_labels"] == [{"arm": "baseline", "label": "release", "values": ["2.7.3", "2.8.0"]}]
    for language in ("en", "es"):
        assert "release = 2.7.3, 2.8.0" in render_block("report", data, language=language)
    assert "baseline release = 2.7.3, 2.8.0" in render_block("checks", data, language="en")


def test_the_json_says_why_and_what_would_speak_for_the_other_verdict(tmp_path):
    data = report(tmp_path, source="sample:unsure")

    assert data["comparison"] == "canary"
    assert data["looks"] == {"used": 1, "planned": 1}
    assert data["thresholds"]["alpha_pass"] == 0.05
    assert data["other_case"]["for"] is None
    (missing,) = data["undecided"]
    assert missing["check"] == "latency"
    assert missing["more_count"] == missing["needed_count"] - missing["had_count"] > 0
    assert data["latency"]["more_requests_needed"] == missing["more_count"]
    assert (data["history"], data["routes"], data["load"]) == (None, None, None)


def test_routes_are_judged_and_named_when_their_label_is(tmp_path):
    run = run_canary(tmp_path, route_label="route")

    routes = close_run(run).data["routes"]

    assert {row["route"] for row in routes["judged"] + routes["not_judged"]} == {"search", "session", "reserve"}
    assert nb.routes(run).data["routes"] == routes
    assert routes["gates"] is False


def test_two_windows_of_one_arm_are_compared_each_by_its_own_clock(tmp_path):
    run = run_canary(tmp_path, **TWO_WINDOWS)

    data = json.loads(json.dumps(close_run(run).data, allow_nan=False))

    assert (data["comparison"], data["verdict"]) == ("before-after", "PASS")
    assert data["provenance"]["baseline_window"] == "2026-11-27T16:42:00Z / 2026-11-27T16:50:00Z"
    assert {check["id"] for check in data["checks"]} >= {"load", "mix"}
    assert sum(share["baseline_fraction"] for share in data["load"]["shares"]) == pytest.approx(1)
    assert nb.latency(run).data["by_minute"]["starts"][:3] == [0, 1, 2]
    assert "Measured at different times" in render_block("report", data, language="en")
    frame = nb.frame(run)
    ends = frame.groupby("arm")["end"].max()
    assert ends["baseline"] < frame[frame["arm"] == "canary"]["start"].min() < ends["canary"]


def test_a_body_that_curl_recorded_is_compared_like_its_capture(tmp_path):
    packed = (open_sample("pass").capture.folder / "capture.json.gz").read_bytes()
    (tmp_path / "body.json").write_bytes(gzip.decompress(packed))
    manifest = open_sample("pass").capture.manifest

    data = report(
        tmp_path, source="body.json", window_end=format_instant(manifest.window.end),
        window_minutes=manifest.window.seconds / 60,
    )  # fmt: skip

    whole = report(tmp_path)
    assert data["figures"] == whole["figures"]
    assert data["sample"] is None


def test_remarks_of_the_server_are_shown_and_change_nothing(tmp_path):
    info = "PromQL info: metric might not be a counter"
    packed = (open_sample("pass").capture.folder / "capture.json.gz").read_bytes()
    body = json.loads(gzip.decompress(packed))
    (tmp_path / "body.json").write_text(json.dumps({**body, "infos": [info]}))
    run = run_canary(tmp_path, source="body.json")

    assert nb.exposure(run).data["notes"][-1] == info
    assert close_run(run).data["verdict"] == "PASS"


def test_names_of_releases_can_be_given(tmp_path):
    assert report(tmp_path, canary_release="1.10")["latency"]["canary_release"] == "1.10"
