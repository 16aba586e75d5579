"""The experiments that can be recorded, fixed here before they are run.

Plain data: who serves, how much traffic, which delay and failures are injected,
which arm has the resilience layers, when a replica is killed
and when the payment system is down. Running a plan is the recorder's business.
"""

import math
import random
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from reliability.errors import UsageError
from reliability.staging.service_model import BASE_ERROR_FRACTION

BASELINE_RELEASE: Final = "2.7.3"
CANARY_RELEASE: Final = "2.8.0"
SERVICE: Final = "staging reservations"
LAYERS: Final = "circuit breaker around the payment, lease on room and days, sessions in the session manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlan:
    """One arm: replicas of one release with one injected behaviour.

    Attributes:
        arm: Label `arm`.
        release: Label `release`.
        replica_count: Processes of this arm.
        requests_per_second: Mean rate of the arm's Poisson arrivals; 0 means no traffic.
        delay_factor: Multiplier of every service time.
        delay_name: What the delay stands for, for the page.
        error_fraction: Share of the requests that answer 500.
        layers: Whether circuit breaker, lock service and session manager are used.
        expected_increase_fraction: Increase of the P95 that the load is planned for; None means that of
            the delay.
    """

    arm: str
    release: str
    replica_count: int
    requests_per_second: float
    delay_factor: float = 1.0
    delay_name: str = "none"
    error_fraction: float = BASE_ERROR_FRACTION
    layers: bool = False
    expected_increase_fraction: float | None = None

    @property
    def planned_increase_fraction(self) -> float:
        """Increase of the P95 that the load is planned for."""
        expected = self.expected_increase_fraction
        return self.delay_factor - 1 if expected is None else expected

    @property
    def has_traffic(self) -> bool:
        """Whether any request is sent to this arm."""
        return self.requests_per_second > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillPlan:
    """SIGKILL one replica and start it again on the same port.

    Attributes:
        instance: Label `instance` of the victim.
        after_fraction: When, as a share of the load's length.
        down_seconds: How long until it is started again.
    """

    instance: str
    after_fraction: float
    down_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutagePlan:
    """The payment system fails every charge of both arms for a while.

    Attributes:
        after_fraction: When, as a share of the load's length.
        down_seconds: For how long.
    """

    after_fraction: float
    down_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPlan:
    """One experiment from its first arrival to its last.

    Attributes:
        name: Name of the capture.
        load_seconds: Length of the load; arrivals stop `drain_seconds` before its end, so
            that the last answers fall inside.
        arms: Arms in the order of the page; an arm without traffic is scraped all the same.
        seed: Every random number of the experiment follows from it.
        kill: The replica to kill, or None.
        payment_outage: When the payment system is down, or None; not before the kill is over.
        scrape_interval_seconds: Of Prometheus.
        warmup_minutes: Head of the load that the judged truth leaves out.
        drain_seconds: Time without arrivals at the end of the load.
    """

    name: str
    load_seconds: float
    arms: tuple[ArmPlan, ...]
    seed: int
    kill: KillPlan | None = None
    payment_outage: OutagePlan | None = None
    scrape_interval_seconds: int = 10
    warmup_minutes: float = 5.0
    drain_seconds: float = 3.0

    @property
    def kill_after_seconds(self) -> float:
        """When the replica is killed, after the start of the load; never without a kill."""
        return math.inf if self.kill is None else self.kill.after_fraction * self.load_seconds

    @property
    def outage_after_seconds(self) -> float:
        """When the payment system goes down, after the start of the load; never without an outage."""
        return math.inf if self.payment_outage is None else self.payment_outage.after_fraction * self.load_seconds

    def lasting(self, *, minutes: float) -> "ExperimentPlan":
        """Return the same experiment with another length.

        Raises:
            UsageError: It has no end, or none that comes after its beginning.
        """
        if not 0 < minutes < math.inf:
            raise UsageError(f"an experiment cannot last {minutes:g} minutes; give --minutes a number above 0.")
        return replace(self, load_seconds=minutes * 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPlan:
    """One rehearsal of the way back from the canary to the baseline.

    Attributes:
        baseline: Replicas of the release that must come back.
        canary: Replicas of the release that is taken out.
        seed: Every random number of the drill follows from it.
        requests_per_second: Mean rate of the guests' Poisson arrivals.
        reference_answers: Answers of the baseline before the canary gets the traffic.
        decision_answers: Answers of the canary before the drill begins.
        release_answers: Answers that must name the release that came back.
        latency_answers: Answers whose P95 and errors must be those of the baseline again.
    """

    baseline: ArmPlan
    canary: ArmPlan
    seed: int
    requests_per_second: float = 60.0
    reference_answers: int = 1200
    decision_answers: int = 600
    release_answers: int = 200
    latency_answers: int = 600


_REQUESTS_PER_SECOND: Final = 36.0  # power above 99 % to pass at +3 % over 25 minutes; see planner.py

_BASELINE: Final = ArmPlan(
    arm="baseline", release=BASELINE_RELEASE, replica_count=2, requests_per_second=_REQUESTS_PER_SECOND
)
_STANDBY: Final = ArmPlan(arm="standby", release=CANARY_RELEASE, replica_count=1, requests_per_second=0.0, layers=True)

_SLOW_CANARY: Final = ArmPlan(
    arm="canary",
    release=CANARY_RELEASE,
    replica_count=2,
    requests_per_second=_REQUESTS_PER_SECOND,
    delay_factor=1.25,
    delay_name="+25 % of every service time, standing for an unindexed verification query",
    error_fraction=0.03,
    layers=True,
)

PASS_PLAN: Final = ExperimentPlan(
    name="pass",
    load_seconds=30 * 60,
    seed=273_280,
    arms=(
        _BASELINE,
        ArmPlan(
            arm="canary",
            release=CANARY_RELEASE,
            replica_count=2,
            requests_per_second=_REQUESTS_PER_SECOND,
            layers=True,  # the change under test, and the only one
            expected_increase_fraction=0.03,
        ),
        _STANDBY,
    ),
    kill=KillPlan(instance="canary-2", after_fraction=0.5, down_seconds=25.0),
    payment_outage=OutagePlan(after_fraction=0.7, down_seconds=15.0),
)

FAIL_PLAN: Final = ExperimentPlan(
    name="fail", load_seconds=10 * 60, seed=273_281, arms=(_BASELINE, _SLOW_CANARY, _STANDBY)
)

PLANS: Final = MappingProxyType({plan.name: plan for plan in (PASS_PLAN, FAIL_PLAN)})

DRILL_PLAN: Final = DrillPlan(baseline=_BASELINE, canary=_SLOW_CANARY, seed=273_282)

_SOAK_REQUESTS_PER_SECOND: Final = 84.0  # power 97 % to FAIL at +20 %; three at once stay below 40 % of two cores
_SOAK_FACTOR: Final = 1.20


def soak_plans(*, seed: int, pairs: int = 20) -> tuple[ExperimentPlan, ...]:
    """Return short experiments of two kinds in a drawn order: nothing changed, and all service times x1.20.

    Args:
        seed: Decides the order and all random numbers.
        pairs: Experiments of each kind.

    Returns:
        Plans with names that do not tell the kind.
    """
    factors = [1.0, _SOAK_FACTOR] * pairs
    random.Random(seed).shuffle(factors)  # noqa: S311 -- a drawn order, not a secret
    return tuple(_soak_plan(number, factor, seed=seed + number) for number, factor in enumerate(factors, start=1))


def _soak_plan(number: int, delay_factor: float, *, seed: int) -> ExperimentPlan:
    baseline = replace(_BASELINE, requests_per_second=_SOAK_REQUESTS_PER_SECOND)
    slowed = delay_factor > 1
    canary = replace(
        baseline,
        arm="canary",
        release=CANARY_RELEASE,
        delay_factor=delay_factor,
        delay_name=f"x{delay_factor:g} of every service time" if slowed else "none",
    )
    return ExperimentPlan(
        name=f"soak-{number:02d}",
        load_seconds=220,
        seed=seed,
        arms=(baseline, canary),
        scrape_interval_seconds=1,
        warmup_minutes=0.2,
    )
