"""What the lock service does is counted by what came of it, and leases are counted at scrape."""

import re
from contextlib import closing, suppress

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from reliability.errors import BackendBrokenError, BackendBusyError, BackendUnavailableError, LockError
from reliability.resilience.lock_metrics import LockMetrics
from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.sqlite_leases import SqliteLeases
from tests.fakes import ManualClock
from tests.unit.resilience.lock_contract import hour


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def service(tmp_path, registry, clock):
    store = SqliteLeases(tmp_path / "leases.sqlite3", clock=clock)
    with closing(LockService(store, metrics=LockMetrics(registry))) as service:
        yield service


def happened(registry):
    pattern = r'^reliability_lock_operations_total\{operation="(\w+)",outcome="(\w+)"\} (\d+)\.0$'
    found = re.findall(pattern, generate_latest(registry).decode(), flags=re.MULTILINE)
    return {(operation, outcome): int(count) for operation, outcome, count in found if count != "0"}


def take(service, start, end, **options):
    return service.acquire("a", hour(start), hour(end), holder="ana", **{"ttl_seconds": 60, **options})


def test_every_outcome_has_its_counter(service, registry, clock):
    def refused(ask, *args, **options):
        with pytest.raises(LockError):
            ask(*args, **options)

    lease = take(service, 1, 2, max_extensions=2, max_total_seconds=3 * 3600)
    refused(take, service, 1, 2)
    refused(service.extend, lease, new_end_at=hour(2))
    refused(service.extend, lease, new_end_at=hour(9))
    lease = service.extend(service.extend(lease, new_end_at=hour(3)), new_end_at=hour(4))
    refused(service.extend, lease, new_end_at=hour(3.5))
    refused(service.extend, lease, new_end_at=hour(5))
    service.renew(lease, ttl_seconds=5)
    clock.advance(5)
    refused(service.renew, lease, ttl_seconds=5)
    service.release(lease)
    refused(service.renew, lease, ttl_seconds=5)

    assert happened(registry) == {
        ("acquire", "ok"): 1,
        ("acquire", "conflict"): 1,
        ("extend", "ok"): 2,
        ("extend", "not_forward"): 2,
        ("extend", "max_total"): 1,
        ("extend", "max_extensions"): 1,
        ("renew", "ok"): 1,
        ("renew", "expired"): 1,
        ("renew", "not_holder"): 1,
        ("release", "ok"): 1,
    }
    assert registry.get_sample_value("reliability_lock_operation_seconds_count", {"operation": "extend"}) == 6
    assert 0 < registry.get_sample_value("reliability_lock_operation_seconds_sum", {"operation": "extend"}) < 60


def test_usage_errors_are_no_operations(service, registry):
    with pytest.raises(Exception, match="range"):
        take(service, 2, 1)

    assert happened(registry) == {}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BackendBusyError, "busy"),
        (BackendUnavailableError, "unavailable"),
        (BackendBrokenError, "unavailable"),
        (KeyboardInterrupt, "unavailable"),
    ],
)
def test_a_store_that_fails_is_counted(registry, error, outcome):
    metrics = LockMetrics(registry)

    with suppress(error), metrics.observe("acquire"):
        raise error("it failed")

    assert happened(registry) == {("acquire", outcome): 1}


def test_every_series_is_there_from_the_start(registry):
    LockMetrics(registry)

    text = generate_latest(registry).decode()

    assert len(re.findall(r"^reliability_lock_operations_total\{.*\} 0\.0$", text, flags=re.MULTILINE)) == 4 * 9
    assert registry.get_sample_value("reliability_lock_leases") is None  # nobody was asked: no zero


def test_the_metrics_say_what_they_are(registry):
    LockMetrics(registry)

    assert {(metric.name, metric.type, metric.documentation) for metric in registry.collect()} == {
        ("reliability_lock_operations", "counter", "Operations of the lock service by what came of them."),
        (
            "reliability_lock_operation_seconds",
            "histogram",
            "Duration of an operation of the lock service, refused ones included.",
        ),
        ("reliability_lock_leases", "gauge", "Leases that are held now."),
    }


def test_a_registry_takes_them_only_once(registry):
    LockMetrics(registry)

    for name in ("reliability_lock_leases", "reliability_lock_operations"):
        with pytest.raises(ValueError, match="Duplicated timeseries"):
            Gauge(name, "again", registry=registry)


def test_living_leases_are_counted_at_scrape(service, registry, clock):
    def gauge():
        return registry.get_sample_value("reliability_lock_leases")

    counts = [gauge()]
    take(service, 1, 2)
    lease = take(service, 2, 3, ttl_seconds=120)
    counts.append(gauge())
    clock.advance(60)
    counts.append(gauge())
    service.release(lease)
    counts.append(gauge())

    assert counts == [0, 2, 1, 0]


def test_several_stores_are_added_up_and_one_that_fails_gives_no_number(registry):
    metrics = LockMetrics(registry)
    metrics.watch(lambda: 2)
    metrics.watch(lambda: 3)
    assert registry.get_sample_value("reliability_lock_leases") == 5

    def fails():
        raise BackendBusyError("others")

    metrics.watch(fails)

    assert registry.get_sample_value("reliability_lock_leases") is None
    assert b"reliability_lock_operations_total" in generate_latest(registry)
