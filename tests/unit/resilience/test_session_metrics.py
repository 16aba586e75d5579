"""The gauge of living sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest

from reliability.errors import BackendUnavailableError
from reliability.resilience.session_manager import SessionManager
from reliability.resilience.session_metrics import SessionGauge
from tests.memory_sessions import MemorySessions
from tests.unit.resilience.session_contract import MemoryPlace, SqlitePlace, manager_at


class LostStore(MemorySessions):
    """A store that has gone away."""

    def count_active(self):
        raise BackendUnavailableError("Redis at 127.0.0.1:1 did not answer.")


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    (family,) = registry.collect()
    assert (family.name, family.type) == ("session_active_total", "gauge")
    return {sample.labels["kind"]: sample.value for sample in family.samples}


@pytest.mark.requirement("RES-SES-03")
@given(steps=st.lists(st.tuples(st.sampled_from(["guest", "watch"]), st.sampled_from([0, 300, 1000])), max_size=8))
def test_the_gauge_is_the_truth_at_every_scrape(steps):
    place, registry = MemoryPlace(), CollectorRegistry()
    manager = manager_at(place)
    SessionGauge(registry, manager, kinds=["guest", "watch"])
    now = 0
    ends: dict[str, list[int]] = {"guest": [], "watch": []}

    for kind, seconds in steps:
        manager.create(kind=kind)
        ends[kind].append(now + 1000)
        place.advance(seconds)
        now += seconds

        truth = {kind: sum(end > now for end in known) for kind, known in ends.items()}
        assert scraped(registry) == truth


@pytest.mark.requirement("RES-SES-03")
def test_every_exporter_reports_the_number_of_the_whole_store(tmp_path):
    place, registries = SqlitePlace(tmp_path / "a.sqlite3"), [CollectorRegistry(), CollectorRegistry()]
    managers = [manager_at(place) for _ in registries]
    for registry, manager in zip(registries, managers, strict=True):
        SessionGauge(registry, manager, kinds=["guest"])
    managers[0].create(kind="watch")

    assert [scraped(registry) for registry in registries] == [{"guest": 0, "watch": 1}] * 2
    assert b'\nsession_active_total{kind="watch"} 1.0\n' in generate_latest(registries[1])


def test_a_kind_without_a_session_left_is_reported_as_none_and_not_left_out():
    registry, manager = CollectorRegistry(), manager_at(MemoryPlace())
    SessionGauge(registry, manager)
    at_first = scraped(registry)
    made = manager.create(kind="watch")
    before = scraped(registry)
    manager.end(made.session_id)

    assert at_first == {"guest": 0}
    assert (before, scraped(registry)) == ({"guest": 0, "watch": 1}, {"guest": 0, "watch": 0})


def test_without_the_store_there_is_no_number_and_the_other_metrics_stay(caplog):
    registry = CollectorRegistry()
    SessionGauge(registry, SessionManager(LostStore()), kinds=["guest"])
    Counter("other", "Another metric.", registry=registry)

    text = generate_latest(registry).decode()

    assert "session_active_total{" not in text
    assert "other_total 0.0" in text
    assert "living sessions were not counted: Redis at 127.0.0.1:1 did not answer." in caplog.text


def test_a_registry_takes_the_gauge_once():
    registry = CollectorRegistry()
    SessionGauge(registry, manager_at(MemoryPlace()))

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        SessionGauge(registry, manager_at(MemoryPlace()))
