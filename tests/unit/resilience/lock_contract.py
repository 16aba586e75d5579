"""What every store of leases must do, as one suite: a test module subclasses it and gives the world to live in.

The world tells how to open one more service on the same store and lets time pass for the leases.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

import pytest

from reliability.errors import (
    LeaseExpiredError,
    MaxExtensionsError,
    MaxTotalError,
    NotForwardError,
    NotHolderError,
    RangeConflictError,
    RangeError,
)
from reliability.resilience.lock_service import Lease, LockService

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


class World(Protocol):
    service: LockService

    def let_pass(self, seconds: float) -> None: ...

    def write_under(self, *, resource: str, fencing_token: int) -> bool:
        """Write in a transaction that checks the token and gives the lease back; False when it is refused."""
        ...


def hour(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def take(world: World, start: float, end: float, *, holder: str = "ana", resource: str = "room-7", **options) -> Lease:
    options = {"ttl_seconds": 60, **options}
    return world.service.acquire(resource, hour(start), hour(end), holder=holder, **options)


class LockContract:
    @pytest.mark.requirement("RES-LOCK-01")
    def test_a_lease_says_what_was_granted(self, world):
        lease = take(world, 1, 2, max_extensions=3, max_total_seconds=7200.5, ttl_seconds=1.5)

        assert (lease.resource, lease.holder, lease.start_at, lease.end_at) == ("room-7", "ana", hour(1), hour(2))
        assert lease.expires_at - lease.acquired_at == timedelta(seconds=1.5)
        assert (lease.extension_count, lease.max_extensions, lease.max_total_seconds) == (0, 3, 7200.5)
        assert lease.fencing_token >= 1
        assert world.service.list_leases() == (lease,)

    def test_without_options_a_lease_may_be_extended_twice_to_any_length(self, world):
        lease = take(world, 1, 2)

        assert (lease.max_extensions, lease.max_total_seconds) == (2, None)

    @pytest.mark.requirement("RES-LOCK-01")
    @pytest.mark.parametrize(
        ("start", "end"),
        [(4, 8), (5, 7), (3, 9), (3, 5), (7, 9), (4, 5), (3, 4.000_001), (7.999_999, 9)],
        ids=["same", "inside", "around", "begin", "end", "begins with it", "first instants", "last instants"],
    )
    def test_an_overlapping_range_is_refused_and_the_holder_is_named(self, world, start, end):
        held = take(world, 4, 8)

        with pytest.raises(RangeConflictError) as caught:
            take(world, start, end, holder="eva")

        assert caught.value.holders == ("ana",)
        assert "'ana' holds [2026-11-27T16:00:00Z, 2026-11-27T20:00:00Z) since" in str(caught.value)
        assert world.service.list_leases() == (held,)

    @pytest.mark.requirement("RES-LOCK-01")
    def test_ranges_that_touch_do_not_overlap(self, world):
        leases = [take(world, start, end, holder="eva") for start, end in [(4, 8), (8, 9), (3, 4)]]

        assert len({lease.fencing_token for lease in leases}) == 3

    def test_another_resource_is_free(self, world):
        take(world, 4, 8)

        assert take(world, 4, 8, resource="room-8", holder="eva").resource == "room-8"

    @pytest.mark.requirement("RES-LOCK-01")
    def test_even_the_same_holder_gets_a_range_only_once(self, world):
        take(world, 4, 8)

        with pytest.raises(RangeConflictError):
            take(world, 4, 8)

    def test_holders_are_named_once_each_the_earliest_range_first(self, world):
        for start, holder in [(6, "eva"), (2, "ana"), (8, "ana"), (4, "ben")]:
            take(world, start, start + 1, holder=holder)

        with pytest.raises(RangeConflictError) as caught:
            take(world, 0, 24, holder="zoe")

        assert caught.value.holders == ("ana", "ben", "eva")

    def test_tokens_grow_though_the_largest_was_given_back(self, world):
        tokens = []
        for _ in range(3):
            lease = take(world, 1, 2)
            tokens.append(lease.fencing_token)
            world.service.release(lease)

        assert tokens == sorted(set(tokens))

    @pytest.mark.requirement("RES-LOCK-01")
    def test_an_expired_range_goes_to_the_next_with_a_larger_token(self, world):
        old = take(world, 4, 8)
        world.let_pass(60)

        new = take(world, 5, 7, holder="eva")

        assert new.fencing_token > old.fencing_token
        assert world.service.list_leases() == (new,)
        for late in (
            lambda: world.service.extend(old, new_end_at=hour(9)),
            lambda: world.service.renew(old, ttl_seconds=60),
            lambda: world.service.guard("room-7", old.fencing_token),
        ):
            with pytest.raises(NotHolderError, match="take a new one"):
                late()
        assert world.service.release(old) is False
        assert world.service.guard("room-7", new.fencing_token) == new

    def test_a_range_is_held_until_its_time_is_over(self, world):
        take(world, 4, 8)
        world.let_pass(50)

        with pytest.raises(RangeConflictError):
            take(world, 4, 8, holder="eva")

    def test_an_expired_lease_that_nobody_took_is_told_as_such(self, world):
        old = take(world, 4, 8)
        world.let_pass(60)

        for late in (
            lambda: world.service.extend(old, new_end_at=hour(9)),
            lambda: world.service.renew(old, ttl_seconds=60),
            lambda: world.service.guard("room-7", old.fencing_token),
        ):
            with pytest.raises(LeaseExpiredError, match="its time to live has ended"):
                late()
        assert world.service.list_leases() == ()
        assert world.service.release(old) is False

    def test_taking_elsewhere_removes_only_what_is_long_dead(self, world):
        old = take(world, 4, 8)
        world.let_pass(60)
        take(world, 10, 11)
        with pytest.raises(LeaseExpiredError):
            world.service.guard("room-7", old.fencing_token)

        world.let_pass(86_400)
        take(world, 12, 13)

        with pytest.raises(NotHolderError):
            world.service.guard("room-7", old.fencing_token)

    @pytest.mark.requirement("RES-LOCK-02")
    def test_an_extension_grows_the_range_and_nothing_else(self, world):
        lease = take(world, 4, 8)

        longer = world.service.extend(lease, new_end_at=hour(9))

        assert longer == replace(lease, end_at=hour(9), extension_count=1)
        assert world.service.list_leases() == (longer,)
        with pytest.raises(RangeConflictError):
            take(world, 8, 9, holder="eva")

    @pytest.mark.requirement("RES-LOCK-02")
    def test_a_lease_is_extended_only_as_often_as_allowed(self, world):
        lease = take(world, 4, 5, max_extensions=2)
        for end in (6, 7):
            lease = world.service.extend(lease, new_end_at=hour(end))

        with pytest.raises(MaxExtensionsError, match="extended as often as it may be"):
            world.service.extend(lease, new_end_at=hour(8))

        assert world.service.list_leases() == (lease,)

    @pytest.mark.requirement("RES-LOCK-02")
    def test_a_lease_that_may_not_be_extended_is_not(self, world):
        with pytest.raises(MaxExtensionsError):
            world.service.extend(take(world, 4, 5, max_extensions=0), new_end_at=hour(6))

    @pytest.mark.requirement("RES-LOCK-02")
    def test_a_range_becomes_only_as_long_as_allowed(self, world):
        lease = take(world, 4, 5, max_total_seconds=2 * 3600)

        with pytest.raises(MaxTotalError, match="longer than it may be"):
            world.service.extend(lease, new_end_at=hour(6) + timedelta(microseconds=1))

        assert world.service.extend(lease, new_end_at=hour(6)).end_at == hour(6)

    @pytest.mark.requirement("RES-LOCK-02")
    @pytest.mark.parametrize("end", [3, 4.5, 5], ids=["before the start", "shorter", "the same"])
    def test_an_extension_goes_forward(self, world, end):
        lease = take(world, 4, 5)

        with pytest.raises(NotForwardError, match="give a later end"):
            world.service.extend(lease, new_end_at=hour(end))

        assert world.service.list_leases() == (lease,)

    @pytest.mark.requirement("RES-LOCK-01")
    def test_an_extension_into_somebody_elses_range_is_refused(self, world):
        lease = take(world, 4, 5)
        take(world, 6, 7, holder="eva")

        with pytest.raises(RangeConflictError) as caught:
            world.service.extend(lease, new_end_at=hour(6.5))

        assert caught.value.holders == ("eva",)
        assert f"the lease {lease.fencing_token} of 'room-7' by 'ana', until 2026-11-27T18:30:00Z," in str(caught.value)
        assert world.service.extend(lease, new_end_at=hour(6)).end_at == hour(6)

    def test_an_extension_takes_what_has_expired(self, world):
        gone = take(world, 6, 7, holder="eva", ttl_seconds=10)
        lease = take(world, 4, 5)
        world.let_pass(10)

        assert world.service.extend(lease, new_end_at=hour(7)).end_at == hour(7)
        with pytest.raises(NotHolderError):
            world.service.renew(gone, ttl_seconds=10)

    def test_an_extension_does_not_lengthen_the_life(self, world):
        lease = world.service.extend(take(world, 4, 5), new_end_at=hour(6))
        world.let_pass(60)

        with pytest.raises(LeaseExpiredError):
            world.service.renew(lease, ttl_seconds=60)

    def test_the_first_reason_is_told(self, world):
        lease = take(world, 4, 5, max_extensions=0, max_total_seconds=3600)
        take(world, 5, 6, holder="eva")

        with pytest.raises(NotForwardError):
            world.service.extend(lease, new_end_at=hour(5))
        with pytest.raises(MaxExtensionsError):
            world.service.extend(lease, new_end_at=hour(6))
        other = take(world, 7, 8, max_total_seconds=3600)
        take(world, 8, 9, holder="eva")
        with pytest.raises(MaxTotalError):
            world.service.extend(other, new_end_at=hour(9))

    def test_a_renewed_lease_lives_on_from_now_and_keeps_its_range(self, world):
        lease = take(world, 4, 5)
        world.let_pass(50)

        renewed = world.service.renew(lease, ttl_seconds=60)
        world.let_pass(50)

        assert replace(renewed, expires_at=lease.expires_at) == lease
        assert world.service.guard("room-7", lease.fencing_token).extension_count == 0

    def test_a_lease_may_be_renewed_for_less(self, world):
        lease = world.service.renew(take(world, 4, 5), ttl_seconds=10)
        world.let_pass(10)

        with pytest.raises(LeaseExpiredError):
            world.service.guard("room-7", lease.fencing_token)

    @pytest.mark.requirement("RES-LOCK-01")
    def test_a_released_range_is_free_and_releasing_twice_is_no_error(self, world):
        lease = take(world, 4, 5)

        assert [world.service.release(lease), world.service.release(lease)] == [True, False]

        take(world, 4, 5, holder="eva")
        assert world.service.release(lease) is False
        assert len(world.service.list_leases()) == 1

    @pytest.mark.parametrize(
        "stranger",
        [
            {"resource": "room-8"},
            {"holder": "eva"},
            {"fencing_token": 999},
            {"acquired_at": NOON - timedelta(microseconds=1)},
        ],
        ids=["of another resource", "of another holder", "of no token", "of another service"],
    )
    def test_a_lease_that_was_not_granted_here_does_nothing(self, world, stranger):
        held = take(world, 4, 5)
        shown = replace(held, **stranger)

        with pytest.raises(NotHolderError, match="it is of another store"):
            world.service.extend(shown, new_end_at=hour(6))
        with pytest.raises(NotHolderError):
            world.service.renew(shown, ttl_seconds=60)
        assert world.service.release(shown) is False
        assert world.service.list_leases() == (held,)

    def test_living_leases_are_listed_by_resource_and_start(self, world):
        for resource, start in [("b", 2), ("a", 3), ("a", 1), ("B", 2)]:
            take(world, start, start + 1, resource=resource)
        take(world, 9, 10, resource="a", ttl_seconds=1)
        world.let_pass(1)

        def listed(*args, **options):
            return [(lease.resource, lease.start_at) for lease in world.service.list_leases(*args, **options)]

        assert listed() == [("B", hour(2)), ("a", hour(1)), ("a", hour(3)), ("b", hour(2))]
        assert listed("a") == [("a", hour(1)), ("a", hour(3))]
        assert listed(at=hour(2)) == [("B", hour(2)), ("b", hour(2))]
        assert listed("a", at=hour(1.5)) == [("a", hour(1))]
        assert listed("a", at=hour(2)) == []
        assert listed("nobody's") == []

    @pytest.mark.parametrize("token", [0, -1, 2**63, 10**30])
    def test_a_guard_holds_no_lease_of_a_token_that_cannot_be(self, world, token):
        with pytest.raises(NotHolderError, match=f"the lease {token} of 'room-7' is not held"):
            world.service.guard("room-7", token)

    def test_a_guard_knows_the_token_of_its_own_resource_only(self, world):
        lease = take(world, 4, 5)

        assert world.service.guard("room-7", lease.fencing_token) == lease
        with pytest.raises(NotHolderError, match=f"the lease {lease.fencing_token} of 'room-8' is not held"):
            world.service.guard("room-8", lease.fencing_token)
        with pytest.raises(NotHolderError):
            world.service.guard("room-7", lease.fencing_token + 1)

    @pytest.mark.requirement("RES-LOCK-01")
    def test_the_protected_side_checks_and_gives_back_in_its_own_transaction(self, world):
        lease = take(world, 4, 5)

        assert world.write_under(resource="room-8", fencing_token=lease.fencing_token) is False
        assert world.write_under(resource="room-7", fencing_token=lease.fencing_token) is True
        assert world.write_under(resource="room-7", fencing_token=lease.fencing_token) is False
        assert world.service.list_leases() == ()
        dying = take(world, 4, 5)
        world.let_pass(60)
        assert world.write_under(resource="room-7", fencing_token=dying.fencing_token) is False

    def test_instants_keep_their_microseconds_and_mean_the_same_in_every_zone(self, world):
        west = timezone(timedelta(hours=-5))
        start = datetime(2026, 11, 27, 7, 0, 0, 1, tzinfo=west)

        lease = world.service.acquire("a", start, start + timedelta(microseconds=1), holder="ana", ttl_seconds=9)

        assert lease.start_at == datetime(2026, 11, 27, 12, 0, 0, 1, tzinfo=UTC)
        assert lease.start_at.utcoffset() == timedelta(0)
        assert lease.end_at - lease.start_at == timedelta(microseconds=1)

    def test_the_whole_calendar_can_be_taken(self, world):
        first, last = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

        lease = world.service.acquire("a", first, last, holder="ana", ttl_seconds=9)

        assert (lease.start_at, lease.end_at) == (first, last)

    @pytest.mark.parametrize(
        "name",
        ['ñandú\'s "room"; --', "%s {} ?", "\U0001f3e8", "x" * 200],
        ids=["quotes and more", "placeholders", "an emoji", "the longest"],
    )
    def test_names_are_kept_as_they_are(self, world, name):
        lease = take(world, 1, 2, resource=name, holder=name)

        assert world.service.list_leases(name) == (lease,)
        assert (lease.resource, lease.holder) == (name, name)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"end_at": hour(1)}, "ends at 2026-11-27T13:00:00Z, not after its start at 2026-11-27T13:00:00Z"),
            ({"end_at": hour(0)}, "give an end that is later"),
            ({"start_at": datetime(2026, 11, 27)}, "start_at is 2026-11-27T00:00:00, without a time zone"),
            ({"end_at": datetime(2026, 11, 27)}, "end_at is 2026-11-27T00:00:00, without a time zone"),
            ({"end_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))}, "which has no date in UTC"),
            ({"holder": ""}, r"holder is '\.*'; give 1 to 200 printable"),
            ({"holder": "  "}, "holder is '  '; give 1 to 200"),
            ({"holder": "x" * 201}, "holder is 'x{200}'; give 1 to 200"),
            ({"resource": "a\x00b"}, r"resource is 'a\\x00b'; give"),
            ({"resource": "\ud800"}, "resource is '.ud800'; give"),
            ({"ttl_seconds": 0}, "ttl_seconds is 0; give seconds above 0, at most 3.16224e"),
            ({"ttl_seconds": -1}, "ttl_seconds is -1;"),
            ({"ttl_seconds": float("nan")}, "ttl_seconds is nan;"),
            ({"ttl_seconds": float("inf")}, "ttl_seconds is inf;"),
            ({"ttl_seconds": 366 * 86400 + 1}, "ttl_seconds is 3.16224e"),
            ({"max_extensions": -1}, "max_extensions is -1; give a whole number from 0 to 1000000"),
            ({"max_extensions": 1_000_001}, "max_extensions is 1000001;"),
            ({"max_extensions": True}, "max_extensions is True;"),
            ({"max_total_seconds": 3599}, "lasts 3600 s, and max_total_seconds is 3599; ask for a shorter"),
            ({"max_total_seconds": 0}, "max_total_seconds is 0; give seconds above 0, at most 3.16224e"),
            ({"max_total_seconds": 4e10}, r"max_total_seconds is 4e\+10;"),
        ],
        ids=[
            "an empty range",
            "end before start",
            "a naive start",
            "a naive end",
            "no date in UTC",
            "no holder",
            "a blank holder",
            "a long holder",
            "a control character",
            "half a character",
            "no life",
            "a negative life",
            "a life of nan",
            "an endless life",
            "a life above a year",
            "negative extensions",
            "too many extensions",
            "extensions that are no number",
            "longer than its limit",
            "no length",
            "a length of ages",
        ],
    )
    def test_what_makes_no_sense_is_refused_and_nothing_is_granted(self, world, changes, words):
        asked = {"resource": "a", "start_at": hour(1), "end_at": hour(2), "holder": "ana", "ttl_seconds": 60, **changes}

        with pytest.raises(RangeError, match=words):
            world.service.acquire(**asked)

        assert world.service.list_leases() == ()

    def test_the_limits_themselves_are_allowed(self, world):
        lease = take(world, 1, 2, ttl_seconds=366 * 86400, max_extensions=1_000_000, max_total_seconds=366_000 * 86400)
        short = take(world, 2, 3, ttl_seconds=0.000_001, max_total_seconds=3600, max_extensions=0)

        assert lease.max_extensions == 1_000_000
        assert short.expires_at - short.acquired_at == timedelta(microseconds=1)

    def test_bad_input_to_a_lease_that_is_held_changes_nothing(self, world):
        lease = take(world, 1, 2)

        for wrong in (
            lambda: world.service.extend(lease, new_end_at=datetime(2027, 1, 1)),
            lambda: world.service.renew(lease, ttl_seconds=-5),
            lambda: world.service.list_leases(at=datetime(2027, 1, 1)),
        ):
            with pytest.raises(RangeError, match=r"new_end_at is|ttl_seconds is -5|at is 2027"):
                wrong()
        assert world.service.list_leases() == (lease,)

    def test_a_closed_service_opens_again_by_itself(self, world):
        lease = take(world, 1, 2)
        world.service.close()
        world.service.close()

        assert world.service.list_leases() == (lease,)
