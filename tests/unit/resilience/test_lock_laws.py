"""The lock service against a model of a few lines: whatever is asked in whatever order, both say the same."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from reliability.errors import LockError
from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.sqlite_leases import SqliteLeases
from tests.fakes import ManualClock
from tests.unit.resilience.lock_contract import hour

HOURS = st.integers(0, 12)
RESOURCES = st.sampled_from(["a", "b"])


@dataclass
class Held:
    """A lease as the model has it: hours for instants, seconds for the clock."""

    resource: str
    start: int
    end: int
    expires: int
    extensions_left: int
    longest: int

    def in_the_way_of(self, resource, start, end):
        return self.resource == resource and self.start < end and start < self.end


class LocksAgainstAModel(RuleBasedStateMachine):
    granted = Bundle("granted")

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = ManualClock()
        self.service = LockService(SqliteLeases(Path(self.folder.name) / "leases.sqlite3", clock=self.clock))
        self.now = 0
        self.held = {}
        self.last_token = 0

    def teardown(self):
        self.service.close()
        self.folder.cleanup()

    def blocked(self, resource, start, end):
        others = [held for held in self.held.values() if held.in_the_way_of(resource, start, end)]
        if any(held.expires > self.now for held in others):
            return True
        self.held = {token: held for token, held in self.held.items() if held not in others}
        return False

    def why(self, ask):
        try:
            ask()
        except LockError as err:
            return err.slug
        return "ok"

    @rule(
        target=granted,
        resource=RESOURCES,
        start=HOURS,
        length=st.integers(1, 5),
        ttl=st.integers(1, 20),
        extensions=st.integers(0, 2),
        spare=st.integers(0, 4),
    )
    def acquire(self, *, resource, start, length, ttl, extensions, spare):
        longest = length + spare
        lease = None

        def ask():
            nonlocal lease
            lease = self.service.acquire(
                resource,
                hour(start),
                hour(start + length),
                holder="ana",
                ttl_seconds=ttl,
                max_extensions=extensions,
                max_total_seconds=longest * 3600,
            )

        expected = "range-conflict" if self.blocked(resource, start, start + length) else "ok"
        assert self.why(ask) == expected
        if lease is None:
            return multiple()
        assert lease.fencing_token > self.last_token
        self.last_token = lease.fencing_token
        self.held[lease.fencing_token] = Held(resource, start, start + length, self.now + ttl, extensions, longest)
        return lease

    def standing(self, lease):
        held = self.held.get(lease.fencing_token)
        if held is None:
            return None, "not-holder"
        return held, "lease-expired" if held.expires <= self.now else None

    @rule(lease=granted, end=st.integers(0, 20))
    def extend(self, lease, end):
        held, expected = self.standing(lease)
        if expected is None and end <= held.end:
            expected = "not-forward"
        elif expected is None and held.extensions_left == 0:
            expected = "max-extensions"
        elif expected is None and end - held.start > held.longest:
            expected = "max-total"
        elif expected is None and self.blocked(held.resource, held.end, end):
            expected = "range-conflict"

        assert self.why(lambda: self.service.extend(lease, new_end_at=hour(end))) == (expected or "ok")
        if expected is None:
            held.end, held.extensions_left = end, held.extensions_left - 1

    @rule(lease=granted, ttl=st.integers(1, 20))
    def renew(self, lease, ttl):
        held, expected = self.standing(lease)

        assert self.why(lambda: self.service.renew(lease, ttl_seconds=ttl)) == (expected or "ok")
        if expected is None:
            held.expires = self.now + ttl

    @rule(lease=granted)
    def release(self, lease):
        _, expected = self.standing(lease)

        assert self.service.release(lease) is (expected is None)
        self.held.pop(lease.fencing_token, None)

    @rule(lease=granted)
    def guard(self, lease):
        _, expected = self.standing(lease)

        assert self.why(lambda: self.service.guard(lease.resource, lease.fencing_token)) == (expected or "ok")

    @rule(seconds=st.integers(1, 10))
    def let_pass(self, seconds):
        self.clock.advance(seconds)
        self.now += seconds

    @invariant()
    def the_living_are_the_same(self):
        living = {
            token: (held.resource, hour(held.start), hour(held.end))
            for token, held in self.held.items()
            if held.expires > self.now
        }

        listed = self.service.list_leases()

        assert {lease.fencing_token: (lease.resource, lease.start_at, lease.end_at) for lease in listed} == living


@pytest.mark.requirement("RES-LOCK-01")
@pytest.mark.requirement("RES-LOCK-02")
def test_whatever_is_asked_in_whatever_order_the_model_says_the_same():
    steps = settings(max_examples=30, stateful_step_count=25)

    run_state_machine_as_test(LocksAgainstAModel, settings=steps)
