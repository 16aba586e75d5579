"""Services that a fake Prometheus scraped, for the tests of the counting: by hand and drawn by chance."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from reliability.judge.counts import PairedCounts
from reliability.sources.answer import Answer
from reliability.sources.increments import Pairing, pair_counts
from reliability.sources.metrics import MetricNames
from reliability.window import Window
from tests.fake_prometheus import NAMES, FakePrometheus, FakeReplica, FakeRequest

START = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ZERO = START.timestamp()
MINUTES = 5
WINDOW = Window(start=START, end=START + timedelta(minutes=MINUTES))
LONG_AGO = ZERO - 86_400
FOREVER = ZERO + 86_400


def steady(
    every_seconds: float = 2.0, *, start: float = -30, end: float = 330, code: str = "200", latency: float = 0.15
) -> list[FakeRequest]:
    count = int((end - start) / every_seconds)
    return [FakeRequest(ZERO + start + number * every_seconds, latency, code) for number in range(count)]


def replica(arm: str = "canary", *, number: int = 0, **changes: Any) -> FakeReplica:
    given = {"requests": steady(), "phase_seconds": ZERO, "lives": ((LONG_AGO, FOREVER),), **changes}
    return FakeReplica(arm=arm, instance=f"{arm}-{number}:8000", **given)


def pair(
    canary: Sequence[FakeReplica],
    baseline: Sequence[FakeReplica] | None = None,
    *,
    names: MetricNames = NAMES,
    window: Window = WINDOW,
    label: str | None = None,
    **server: Any,
) -> Pairing:
    everyone = [*(baseline or [replica("baseline")]), *canary]
    prometheus = FakePrometheus(replicas=everyone, rounds=range(-6, 34), **server)
    return pair_counts(*prometheus.both_arms(window, names=names), names=names, window=window, route_label=label)


def counts_of(pairing: Pairing) -> PairedCounts:
    assert pairing.counts is not None, pairing.health.reason
    return pairing.counts


def both_answers(canary: Sequence[FakeReplica], **server: Any) -> tuple[Answer, Answer]:
    everyone = [replica("baseline"), *canary]
    return FakePrometheus(replicas=everyone, rounds=range(-6, 34), **server).both_arms(WINDOW)


INTERVAL = 10.0
ROUNDS = 24


def window_of(start_seconds: float, end_seconds: float) -> Window:
    return Window(start=START + timedelta(seconds=start_seconds), end=START + timedelta(seconds=end_seconds))


@st.composite
def drawn_replicas(draw: st.DrawFn, arm: str, base: float) -> list[FakeReplica]:
    return [draw(drawn_replica(arm, f"{arm}-{number}", base)) for number in range(draw(st.integers(1, 3)))]


@st.composite
def drawn_replica(draw: st.DrawFn, arm: str, instance: str, base: float) -> FakeReplica:
    chance = draw(st.randoms(use_true_random=True))
    span = INTERVAL * ROUNDS
    requests = tuple(
        FakeRequest(
            at_seconds=ZERO + chance.uniform(-30, span),
            latency_seconds=chance.expovariate(5),
            code=chance.choices(("200", "500", "503"), (90, 5, 5))[0],
            route=chance.choice(("/search", "/reserve")),
        )
        for _ in range(chance.randint(0, 60))
    )
    turns = sorted(draw(st.lists(st.floats(5, span - 5), max_size=4, unique=True)))
    life_starts = [ZERO - 1000.0, *(ZERO + round(turn, 1) for turn in turns[1::2])]
    life_ends = [*(ZERO + round(turn, 1) for turn in turns[0::2]), ZERO + 1e6]
    lives = tuple(zip(life_starts, life_ends, strict=False))
    return FakeReplica(
        arm=arm,
        instance=instance,
        requests=requests,
        phase_seconds=base + draw(st.sampled_from([0.0, 0.25, 1.5, 2.999])),
        lives=lives,
        missed=frozenset(draw(st.lists(st.integers(-3, ROUNDS), max_size=3))),
    )


@st.composite
def services(draw: st.DrawFn) -> FakePrometheus:
    base = ZERO + draw(st.sampled_from([0.0, 3.5, 9.9]))
    everyone = [*draw(drawn_replicas("baseline", base)), *draw(drawn_replicas("canary", base))]
    return FakePrometheus(replicas=everyone, rounds=range(-4, ROUNDS + 2), interval_seconds=INTERVAL)


def as_plain(pairing: Pairing) -> tuple[object, ...]:
    counts = pairing.counts
    if counts is None:
        return (pairing.health,)
    arms = (counts.baseline, counts.canary)
    return (
        pairing.health,
        counts.edges_seconds.tolist(),
        counts.upper_bounds_seconds.tolist(),
        *(arm.bucket_counts.tolist() for arm in arms),
        *(arm.errors.tolist() for arm in arms),
        *(arm.latency_sum_seconds.round(9).tolist() for arm in arms),
    )
