import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reliability import cli
from reliability.clock import SystemClock
from reliability.judge.counts import PairedCounts
from reliability.notebook.canary_evidence import load_evidence
from reliability.notebook.run import Place
from reliability.settings import FILE_NAME, CanarySettings, PrometheusSettings
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.promql import Matcher, parse_matchers
from reliability.workbench.presets import presets
from tests.fake_query_api import FakeQueryApi, serving, target


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(api: FakeQueryApi, folder: Path, *options: str) -> dict[str, Any]:
    with serving(api) as url:
        assert cli.run(["init", "--prometheus", url, *options]) == 0
    settings: dict[str, Any] = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    assert settings["prometheus"]["url"] == url
    canary: dict[str, Any] = settings["canary"]
    return canary


def two(label: str = "track", values: tuple[str, str] = ("stable", "canary"), **options: Any) -> FakeQueryApi:
    series = [
        each
        for number, value in enumerate(values)
        for each in target({"job": "api", "instance": f"{number}:80", label: value}, **options)
    ]
    return FakeQueryApi(series=series)


def test_a_usual_service_needs_nothing_filled_in(folder: Path):
    assert init(two(), folder) == {
        "source": "prometheus",
        "baseline": 'track="stable", job="api"',
        "canary": 'track="canary", job="api"',
        "latency_metric": "http_request_duration_seconds",
        "latency_unit": "seconds",
        "requests_metric": "http_requests_total",
        "error_matchers": 'code=~"5.."',
    }


def test_every_option_stands_in_the_file_with_its_description(folder: Path):
    init(two(), folder)

    text = (folder / FILE_NAME).read_text(encoding="utf-8")
    plain = " ".join(line.removeprefix("#").strip() for line in text.splitlines())
    for model in (PrometheusSettings, CanarySettings):
        for name, option in model.model_fields.items():
            assert f"\n{name} = " in text or f"\n# {name} = " in text
            assert str(option.description) in plain


EXPORTERS: Mapping[str, tuple[dict[str, Any], dict[str, str]]] = {
    "prometheus_client": (
        {"label": "version", "values": ("1.0", "1.1")},
        {"latency_unit": "seconds", "requests_metric": "http_requests_total", "error_matchers": 'code=~"5.."'},
    ),
    "otel": (
        {
            "label": "service_version", "values": ("1.0", "1.1"), "histogram": "http_server_request_duration_seconds",
            "counter": None, "status_label": "http_response_status_code", "status_on_histogram": True,
        },
        {
            "latency_unit": "seconds", "requests_metric": "http_server_request_duration_seconds_count",
            "error_matchers": 'http_response_status_code=~"5.."',
        },
    ),
    "otel-milliseconds": (
        {
            "label": "service_version", "values": ("1.0", "1.1"), "histogram": "http_server_duration_milliseconds",
            "counter": None, "status_label": "http_status_code", "status_on_histogram": True,
            "bounds": ("50", "100", "250", "+Inf"),
        },
        {
            "latency_unit": "milliseconds", "requests_metric": "http_server_duration_milliseconds_count",
            "error_matchers": 'http_status_code=~"5.."',
        },
    ),
    "envoy": (
        {
            "label": "envoy_cluster_name", "values": ("shop", "shop-canary"),
            "histogram": "envoy_cluster_upstream_rq_time", "counter": "envoy_cluster_upstream_rq_xx",
            "status_label": "envoy_response_code_class", "status": {"2": 0.9, "5": 0.1},
            "bounds": ("0.5", "100", "3600000", "+Inf"),
        },
        {
            "latency_unit": "milliseconds", "requests_metric": "envoy_cluster_upstream_rq_xx",
            "error_matchers": 'envoy_response_code_class="5"',
        },
    ),
    "istio": (
        {
            "label": "destination_version", "values": ("v1", "v2"), "histogram": "istio_request_duration_milliseconds",
            "counter": "istio_requests_total", "status_label": "response_code", "bounds": ("1", "5", "1000", "+Inf"),
            "reporter": "destination",
        },
        {
            "latency_unit": "milliseconds", "requests_metric": "istio_requests_total",
            "error_matchers": 'response_code=~"5.."',
        },
    ),
    "caddy": (
        {
            "label": "track", "values": ("stable", "canary"), "histogram": "caddy_http_request_duration_seconds",
            "counter": None, "status_on_histogram": True,
        },
        {
            "latency_unit": "seconds", "requests_metric": "caddy_http_request_duration_seconds_count",
            "error_matchers": 'code=~"5.."',
        },
    ),
    "nginx-ingress": (
        {
            "label": "service", "values": ("shop", "shop-canary"),
            "histogram": "nginx_ingress_controller_request_duration_seconds",
            "counter": "nginx_ingress_controller_requests", "status_label": "status",
        },
        {
            "latency_unit": "seconds", "requests_metric": "nginx_ingress_controller_requests",
            "error_matchers": 'status=~"5.."',
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("forced", [False, True], ids=["found", "forced"])
@pytest.mark.parametrize("name", presets())
def test_each_preset_is_found_by_its_metrics_or_forced(name: str, forced: bool, folder: Path):
    options, expected = EXPORTERS[name]
    options = dict(options)
    reporter = options.pop("reporter", None)
    api = two(**options)
    if reporter:
        api.series = [({**labels, "reporter": reporter}, samples) for labels, samples in api.series]

    canary = init(api, folder, *(["--preset", name] if forced else []))

    assert {key: canary[key] for key in expected} == expected
    assert canary["latency_metric"] == options.get("histogram", "http_request_duration_seconds")
    label, values = options["label"], options["values"]
    for arm, value in zip(("baseline", "canary"), values, strict=True):
        assert Matcher(name=label, op="=", value=value) in parse_matchers(canary[arm])
        assert (reporter is None) == ("reporter" not in canary[arm])


@pytest.mark.parametrize("name", presets())
def test_what_init_wrote_counts_each_request_and_each_failure(name: str, folder: Path):
    options = dict(EXPORTERS[name][0])
    reporter = {"reporter": options.pop("reporter")} if "reporter" in options else {}
    api = two(**options, per_second=20.0)
    if name in ("envoy", "istio", "nginx-ingress"):  # one proxy serves both arms
        reporter["instance"] = "proxy:9901"
    api.series = [({**labels, **reporter}, samples) for labels, samples in api.series]
    with serving(api) as url:
        assert cli.run(["init", "--prometheus", url]) == 0
        settings = read_settings(folder, {})
        place = Place(
            project=folder, settings=settings, now=SystemClock().now(), answers=folder / "answers", increments=None
        )
        found = load_evidence(resolve_parameters(settings, "canary", {}, report=name), place=place)

    counts = found.inputs.counts
    assert isinstance(counts, PairedCounts), found.inputs.health
    failed = 0.1 if name == "envoy" else 0.01
    for arm in (counts.baseline, counts.canary):
        requests = float(arm.requests.sum())
        assert requests == pytest.approx(20.0 * 30 * 60, rel=0.02)
        assert float(arm.errors.sum()) == pytest.approx(failed * requests, rel=0.02)
    assert "requests-differ" not in found.inputs.health.notes


def test_a_forced_preset_is_written_even_before_the_first_request(folder: Path):
    canary = init(FakeQueryApi(), folder, "--preset", "caddy")

    assert canary["latency_metric"] == "caddy_http_request_duration_seconds"
    assert canary["requests_metric"] == "caddy_http_request_duration_seconds_count"
    assert "baseline" not in canary


@pytest.mark.parametrize("name", ["envoy", "istio", "nginx-ingress", "caddy"])
def test_a_forced_preset_whose_metrics_are_absent_keeps_its_own_names_and_says_so(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    canary = init(two(), folder, "--preset", name)

    own = presets()[name][0]
    text = " ".join(line.removeprefix("#").strip() for line in (folder / FILE_NAME).read_text().splitlines())
    found = (canary["latency_metric"], canary["requests_metric"], canary["error_matchers"])
    assert found == (own.latency_metric, own.requests_metric, own.error_matchers)
    assert "the server has no such histogram yet" in text
    assert "the server has no such histogram yet" in capsys.readouterr().out
    assert "check it: the server has no such counter yet" in text
    assert not own.matchers or f"both arms need {own.matchers}" in text


def test_a_counter_that_no_traffic_compares_is_marked(folder: Path):
    init(two(per_second=0), folder)

    assert "check it: without traffic it cannot be compared" in (folder / FILE_NAME).read_text(encoding="utf-8")


def test_the_older_process_is_the_baseline_where_names_do_not_tell(folder: Path):
    young = target({"job": "api", "instance": "a:1", "version": "1.9"}, started_ago=600)
    old = target({"job": "api", "instance": "b:1", "version": "1.10"}, started_ago=6000)

    canary = init(FakeQueryApi(series=young + old), folder)

    assert canary["baseline"] == 'version="1.10", job="api"'
    assert canary["baseline_release"] == "1.10"
    assert canary["canary_release"] == "1.9"


def test_without_starts_the_baseline_is_called_a_guess(folder: Path):
    quiet = target({"job": "api", "instance": "a:1", "version": "1"}, started_ago=None, per_second=1)
    busy = target({"job": "api", "instance": "b:1", "version": "2"}, started_ago=None, per_second=9)

    canary = init(FakeQueryApi(series=quiet + busy), folder)

    assert canary["baseline"] == 'version="2", job="api"'
    assert "a guess: it has more requests" in (folder / FILE_NAME).read_text(encoding="utf-8")


def test_three_values_are_listed_and_left_to_the_user(folder: Path, capsys: pytest.CaptureFixture[str]):
    series = [each for v in "123" for each in target({"job": "api", "instance": f"{v}:1", "version": v})]

    canary = init(FakeQueryApi(series=series), folder)

    assert not {"baseline", "canary"} & canary.keys()
    text = " ".join((folder / FILE_NAME).read_text(encoding="utf-8").split())
    assert "version could tell arms apart (3 values with traffic" in text
    assert "# baseline = " in text
    assert "fill in baseline: no label has exactly two values" in capsys.readouterr().out


def test_a_place_is_no_release(folder: Path):
    canary = init(two("region", ("eu", "us")), folder)

    assert "baseline" not in canary


def test_two_clusters_behind_one_proxy_are_arms(folder: Path):
    options = EXPORTERS["envoy"][0]
    api = two(**options)
    api.series = [({**labels, "instance": "proxy:9901"}, samples) for labels, samples in api.series]

    assert init(api, folder)["canary"] == 'envoy_cluster_name="shop-canary", job="api"'


def test_two_of_three_values_are_arms_when_their_names_single_them_out(folder: Path):
    series = [
        each
        for value in ("stable", "canary", "standby")
        for each in target({"job": "api", "instance": f"{value}:1", "track": value})
    ]

    assert init(FakeQueryApi(series=series), folder)["canary"] == 'track="canary", job="api"'


@pytest.mark.parametrize("value", ['say "hi"', "back\\slash", "it's", "'\"", "zwei\nZeilen", "ñ#=]"])
def test_a_label_value_of_any_kind_comes_back_from_the_file_as_it_was(value: str, folder: Path):
    canary = init(two(values=(f"stable {value}", f"canary {value}")), folder)

    found = {matcher.name: matcher.value for matcher in parse_matchers(canary["canary"])}
    assert found == {"track": f"canary {value}", "job": "api"}


def test_without_a_classic_histogram_the_name_is_left_to_the_user_with_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    api = FakeQueryApi(series=target({"job": "api", "instance": "a:1"}, histogram="http.server.request.duration"))
    vmrange = {"__name__": "vm_request_duration_seconds_bucket", "vmrange": "1.0e-1...1.1e-1"}
    native = {"__name__": "http_request_duration_seconds", "job": "api"}
    api.series += [(labels, [(api.now(), 1.0)]) for labels in (vmrange, native)]

    assert init(api, folder) == {"source": "prometheus"}
    said = "the server has no classic histogram, a metric NAME_bucket with the label le; native histograms, summaries"
    assert f"fill in latency_metric: {said}" in capsys.readouterr().out
    text = " ".join(line.removeprefix("#").strip() for line in (folder / FILE_NAME).read_text().splitlines())
    assert f"fill this in: {said}" in text


def test_the_busiest_likely_histogram_is_taken_and_the_others_are_named(folder: Path):
    sizes = target({"job": "api", "instance": "0:80"}, histogram="http_response_size_bytes", per_second=90)
    slow = target({"job": "api", "instance": "0:80"}, histogram="jobs_http_seconds", per_second=1)
    api = two(histogram="shop_http_seconds", per_second=5)
    api.series += sizes + slow

    canary = init(api, folder)

    assert canary["latency_metric"] == "shop_http_seconds"
    text = " ".join((folder / FILE_NAME).read_text(encoding="utf-8").split())
    assert "other histograms with traffic: jobs_http_seconds, http_response_size_bytes" in text


def test_a_name_without_unit_takes_it_from_its_bounds(folder: Path):
    canary = init(two(histogram="shop_request_latency", bounds=("10", "100", "1000", "+Inf")), folder)

    assert canary["latency_unit"] == "milliseconds"


def test_a_coarse_bucket_is_named_with_bounds_that_would_help(folder: Path, capsys: pytest.CaptureFixture[str]):
    init(two(), folder)

    text = " ".join(line.removeprefix("#").strip() for line in (folder / FILE_NAME).read_text().splitlines())
    note = "the P95 lies between 0.2 and 0.4 s, a coarse bucket: only large changes can be judged"
    assert note in text
    assert "for example 0.173, 0.19, " in text
    assert f"note: {note}; let the service count at more bounds" in capsys.readouterr().out


def test_a_fine_bucket_is_said_to_be_fine(folder: Path):
    init(two(bounds=("0.2", "0.3", "0.32", "+Inf")), folder)

    text = (folder / FILE_NAME).read_text(encoding="utf-8")
    assert "the P95 lies between 0.3 and 0.32 s, a fine bucket" in text


def test_a_counter_that_counts_something_else_gives_way_to_the_right_one(folder: Path):
    api = two(histogram="shop_request_seconds", counter="shop_requests_total")
    api.series += [
        each
        for each in target(
            {"job": "api", "instance": "0:80"}, counter="shop_request_seconds_retries_total", per_second=9
        )
        if each[0]["__name__"] == "shop_request_seconds_retries_total"
    ]

    assert init(api, folder)["requests_metric"] == "shop_requests_total"


def test_classes_of_statuses_are_matched_as_classes(folder: Path):
    canary = init(two(status={"2xx": 0.9, "5xx": 0.1}, status_label="status"), folder)

    assert canary["error_matchers"] == 'status=~"5[xX]{2}"'


def test_no_status_anywhere_is_left_to_the_user(folder: Path):
    canary = init(two(counter=None), folder)

    assert not {"requests_metric", "error_matchers"} & canary.keys()
    assert "fill this in: no counter with the status" in (folder / FILE_NAME).read_text(encoding="utf-8")


def test_the_scrapes_of_the_metrics_page_are_left_out(folder: Path):
    api = two(on_histogram={"handler": "/search"}, per_second=1)
    for number, track in enumerate(("stable", "canary")):
        labels = {"job": "api", "instance": f"{number}:80", "track": track}
        api.series += target(labels, on_histogram={"handler": "/metrics"}, counter=None, per_second=1)

    assert init(api, folder)["canary"] == 'track="canary", job="api", handler!="/metrics"'


def test_scrapes_are_what_there_is_when_nobody_asks_anything_else(folder: Path):
    api = two(on_histogram={"handler": "/metrics"}, per_second=1)

    assert init(api, folder)["canary"] == 'track="canary", job="api"'


def test_a_short_history_is_said_but_never_written_as_a_window_that_is_wrong_tomorrow(folder: Path):
    canary = init(two(minutes=10), folder)

    assert not {"window_minutes", "warmup_minutes"} & canary.keys()
    text = (folder / FILE_NAME).read_text(encoding="utf-8")
    assert "scraped every 15 s; samples of both arms go back 10.0 minutes; until that is enough" in text


def test_another_product_is_told_by_its_own_metric(folder: Path):
    api = two()
    api.build = {"version": "2.24.0"}
    api.series.append(({"__name__": "vm_app_version", "short_version": "v1.79.5"}, [(api.now(), 1.0)]))

    init(api, folder)

    assert "(victoria-metrics v1.79.5)" in (folder / FILE_NAME).read_text(encoding="utf-8")


def test_a_file_that_exists_is_left_alone_and_its_place_is_said(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / FILE_NAME).write_text("# mine\n")

    status = cli.run(["init", "--prometheus", "http://127.0.0.1:9"])

    assert status == 2
    assert str(folder / FILE_NAME) in capsys.readouterr().err
    assert (folder / FILE_NAME).read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--prometheus", "http://127.0.0.1:9"], 4, "Connection refused"),
        (["--prometheus", "127.0.0.1:9090"], 2, "write the address as"),
        (["--prometheus", "http://ana:hunter2@127.0.0.1:9"], 2, "without user and query"),
        (["--prometheus", "http://127.0.0.1:9", "--preset", "nonsense"], 2, "there are: prometheus_client, otel"),
        (["--prometheus", "http://127.0.0.1:9", "--bearer-token-file", "gone"], 2, "file gone cannot be read"),
        ([], 2, "give --prometheus http://host:9090"),
    ],
    ids=["nobody there", "no scheme", "a password", "no such preset", "no such file", "no address"],
)
def test_what_cannot_be_looked_at_writes_nothing(
    options: list[str], status: int, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run(["init", *options]) == status

    said = capsys.readouterr().err
    assert words in said
    assert "hunter2" not in said
    assert list(folder.iterdir()) == []


def test_a_token_is_sent_and_named_but_never_copied(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "token").write_text("hunter2\n")
    api = two()
    api.token = "hunter2"  # noqa: S105 -- of a fake

    init(api, folder, "--bearer-token-file", "token")

    text = (folder / FILE_NAME).read_text(encoding="utf-8")
    assert 'bearer_token_file = "token"' in text
    assert "hunter2" not in text + capsys.readouterr().out


def test_a_token_named_by_the_environment_serves_too(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RELIABILITY_PROMETHEUS_BEARER_TOKEN_VARIABLE", "SHOP_TOKEN")
    monkeypatch.setenv("SHOP_TOKEN", "hunter2")
    api = two()
    api.token = "hunter2"  # noqa: S105 -- of a fake

    assert init(api, folder)["canary"] == 'track="canary", job="api"'
