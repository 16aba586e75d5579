import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.counts import WindowCounts
from reliability.judge.load import compare_load
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import known
from tests.unit.judge.windows import requests_only, successive, window

SCRAPES = 40


def by_shares(shares, *, total=300.0, swing=0.0) -> WindowCounts:
    """Return a window whose routes have these shares; the first route's traffic swings once."""
    wander = 1 + swing * np.sin(2 * np.pi * np.arange(SCRAPES) / SCRAPES)
    routes = {name: np.full(SCRAPES, total * share) for name, share in shares.items()}
    first = next(iter(routes))
    routes[first] = routes[first] * wander
    return window(requests_only(sum(routes.values())), routes={n: requests_only(r) for n, r in routes.items()})


def reasons(before, after):
    return tuple(check.reason for check in compare_load(successive(before, after)).checks)


@given(ratio=st.floats(0.2, 5.0), load=st.floats(20, 1e5))
@settings(max_examples=30)
def test_a_changed_load_counts_alike_both_ways(ratio, load):
    light, busy = (window(requests_only(np.full(SCRAPES, rate))) for rate in (load, load * ratio))

    there, back = compare_load(successive(light, busy)), compare_load(successive(busy, light))

    assert there.checks[0].reason == back.checks[0].reason
    assert there.change_fraction == pytest.approx(ratio - 1)
    assert (1 + known(there.change_fraction)) * (1 + known(back.change_fraction)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("ratio", "reason", "verdict"),
    [
        (1.0, "load-alike", Verdict.PASS),
        (1.09, "load-alike", Verdict.PASS),
        (1.2, "load-changed", Verdict.PASS),
        (1.3, "load-differs", Verdict.INCONCLUSIVE),
        (0.75, "load-differs", Verdict.INCONCLUSIVE),
        (0.0, "load-not-known", Verdict.PASS),
    ],
)
def test_a_load_that_changed_by_more_than_a_quarter_is_another_load(ratio, reason, verdict):
    load = compare_load(
        successive(window(requests_only(np.full(SCRAPES, 100.0))), window(requests_only(np.full(SCRAPES, 100 * ratio))))
    ).checks[0]

    assert (load.id, load.reason, load.verdict) == ("load", reason, verdict)


def test_windows_of_different_lengths_compare_by_the_second():
    loaded = compare_load(
        successive(window(requests_only(np.full(20, 150.0))), window(requests_only(np.full(80, 150.0))))
    )

    assert loaded.baseline_per_second == loaded.canary_per_second == pytest.approx(10.0)


def test_without_a_route_label_the_mix_is_not_known():
    loaded = compare_load(successive(*[window(requests_only(np.full(SCRAPES, 100.0)))] * 2))

    assert (loaded.checks[1].verdict, loaded.checks[1].reason) == (Verdict.PASS, "mix-not-known")
    assert loaded.largest_share_change_fraction is None


def test_a_mix_that_moved_by_more_than_ten_points_is_another_mix():
    few, some, many = (by_shares({"a": 1 - share, "b": share}) for share in (0.20, 0.28, 0.35))

    assert reasons(few, some)[1] == "mix-alike"
    assert reasons(few, many)[1] == reasons(many, few)[1] == "mix-differs"


def test_a_route_that_came_new_counts_with_its_whole_share():
    loaded = compare_load(successive(by_shares({"a": 1.0}), by_shares({"a": 0.8, "b": 0.2})))

    assert loaded.checks[1].reason == "mix-differs"
    assert loaded.largest_share_change_fraction == pytest.approx(0.2)
    assert {share.route: share.canary_fraction for share in loaded.shares} == pytest.approx({"a": 0.8, "b": 0.2})


def test_a_mix_that_wanders_that_much_anyway_is_no_other_mix():
    before, after = by_shares({"a": 0.7, "b": 0.3}), by_shares({"a": 0.55, "b": 0.45}, swing=0.8)

    loaded = compare_load(successive(before, after))

    assert known(loaded.largest_share_change_fraction) > 0.10
    assert loaded.checks[1].reason == "mix-alike"


def test_too_few_scrapes_say_nothing_of_the_mix():
    short = [
        window(requests_only(np.full(5, 100.0)), routes={"a": requests_only(np.full(5, 100.0 * share))})
        for share in (0.2, 0.9)
    ]

    assert reasons(*short)[1] == "mix-alike"


@given(shares=st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_the_routes_does_not_matter(shares):
    parts = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    ordered = by_shares({name: parts[name] for name in sorted(shares)})
    shuffled = window(ordered.total, routes={name: ordered.routes[name] for name in shares})
    moved = by_shares({"a": 0.4, "b": 0.2, "c": 0.3, "d": 0.1})

    assert compare_load(successive(ordered, moved)) == compare_load(successive(shuffled, moved))
