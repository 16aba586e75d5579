"""A stored noise history: read strictly, written in one form, lent to nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError, MissingEvidenceError, UsageError
from reliability.sources.history_file import NoiseEntry, StoredHistory, read_history, write_history
from reliability.sources.manifest import MetricsEntry
from reliability.sources.metrics import MetricNames
from reliability.sources.promql import parse_matchers
from reliability.window import Window

END = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
positive = st.floats(1e-9, 1e6)


def history(*, seconds=7200.0, **noise):
    numbers = {
        "latency_log_variance_seconds": 0.4,
        "latency_degrees": 25,
        "error_relative_variance_seconds": 3.0,
        "error_degrees": 25,
        "seconds": seconds,
    }
    return StoredHistory(
        schema="reliability.history/1",
        version="0.1.0",
        window=Window(start=END - timedelta(hours=2), end=END),
        scrape_interval_seconds=15.0,
        quantile=0.95,
        metrics=MetricsEntry(
            latency="http_request_duration_seconds",
            requests="http_requests_total",
            error_matchers='code=~"5..", route!="/health"',
            unit="seconds",
        ),
        groups={"a": 'pod="1"', "b": 'pod="2"'},
        source="Prometheus",
        counts_sha256="0" * 64,
        noise=NoiseEntry(**{**numbers, **noise}),
    )


def names(**changed):
    usual = {
        "latency": "http_request_duration_seconds",
        "requests": "http_requests_total",
        "error_matchers": parse_matchers('route!="/health", code=~"5.."'),
    }
    return MetricNames(**{**usual, **changed})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.json"


@settings(max_examples=15)
@given(variance=positive, errors=positive | st.none(), degrees=st.integers(1, 1000), seconds=positive)
def test_what_is_written_is_read_again_to_the_last_digit(tmp_path_factory, variance, errors, degrees, seconds):
    path = tmp_path_factory.mktemp("history") / "history.json"
    written = history(
        latency_log_variance_seconds=variance,
        error_relative_variance_seconds=errors,
        latency_degrees=degrees,
        seconds=seconds,
    )

    write_history(path, written)
    read = read_history(path)

    assert read == written
    assert read.noise_history.latency_log_variance_seconds == variance
    assert (
        path.read_text(encoding="utf-8") == json.dumps(json.loads(path.read_bytes()), indent=1, sort_keys=True) + "\n"
    )


def test_a_file_that_exists_is_only_replaced_when_asked(path):
    write_history(path, history())
    before = path.read_bytes()

    with pytest.raises(UsageError, match="--replace"):
        write_history(path, history(seconds=9000.0))
    assert path.read_bytes() == before

    write_history(path, history(seconds=9000.0), replace=True)
    assert read_history(path).noise.seconds == 9000


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "reliability.capture/1"}, "schema"),
        ({"password": "x"}, "not a known key"),
        ({"quantile": 95}, "quantile"),
        ({"noise": {"latency_degrees": 0}}, "noise"),
        ({"counts_sha256": "abc"}, "counts_sha256"),
    ],
    ids=["another schema", "an unknown key", "an impossible quantile", "torn numbers", "no digest"],
)
def test_a_foreign_file_is_refused_with_the_place_and_a_cure(path, change, told):
    write_history(path, history())
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))

    with pytest.raises(BrokenEvidenceError, match=rf"{told}.*calibrate"):
        read_history(path)


def test_a_file_that_is_not_there_or_torn_is_no_history(path):
    with pytest.raises(MissingEvidenceError, match="calibrate"):
        read_history(path)

    write_history(path, history())
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(BrokenEvidenceError):
        read_history(path)


def test_the_noise_of_the_same_thing_fits_whatever_the_order_of_its_matchers():
    history().check_fits(names(), quantile=0.95, where="history.json")


@pytest.mark.parametrize(
    ("changed", "quantile"),
    [
        ({"latency": "grpc_seconds"}, 0.95),
        ({"requests": "grpc_total"}, 0.95),
        ({"error_matchers": parse_matchers('code="500"')}, 0.95),
        ({}, 0.99),
    ],
    ids=["another histogram", "another counter", "other errors", "another quantile"],
)
def test_the_noise_of_one_thing_is_not_lent_to_another(changed, quantile):
    with pytest.raises(BrokenEvidenceError, match=r"history\.json was measured with"):
        history().check_fits(names(**changed), quantile=quantile, where="history.json")


@pytest.mark.parametrize(
    ("age", "seconds", "cautions"),
    [
        (timedelta(days=30), 7200.0, ()),
        (timedelta(days=30, seconds=1), 7200.0, ("old-history",)),
        (timedelta(days=1), 7199.0, ("short-history",)),
        (timedelta(days=31), 60.0, ("old-history", "short-history")),
    ],
)
def test_age_and_length_of_a_history_are_cautions(age, seconds, cautions):
    assert history(seconds=seconds).cautions(at=END + age) == cautions
