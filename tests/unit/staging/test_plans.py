from dataclasses import replace

import pytest

from reliability.staging.plans import PASS_PLAN, PLANS


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_both_arms_get_the_same_traffic_and_as_many_replicas(plan):
    baseline, canary = (arm for arm in plan.arms if arm.has_traffic)

    assert baseline.requests_per_second == canary.requests_per_second
    assert baseline.replica_count == canary.replica_count


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_delay_has_a_name_and_the_baseline_has_none(plan):
    for arm in plan.arms:
        assert (arm.delay_factor == 1) == (arm.delay_name == "none")
    assert plan.arms[0].delay_factor == 1


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_canary_has_the_layers_and_the_baseline_has_not(plan):
    assert [arm.layers for arm in plan.arms if arm.has_traffic] == [False, True]


def test_the_layers_are_all_that_the_canary_of_the_pass_does_differently():
    baseline, canary, _ = PASS_PLAN.arms

    assert replace(canary, arm="baseline", release=baseline.release, layers=False, expected_increase_fraction=None) == (
        baseline
    )


def test_the_load_is_planned_for_the_delay_unless_the_plan_expects_another_increase():
    assert PASS_PLAN.arms[1].planned_increase_fraction == 0.03
    assert PLANS["fail"].arms[1].planned_increase_fraction == 0.25


def test_the_payment_system_goes_down_after_the_killed_replica_is_back():
    assert PASS_PLAN.kill is not None
    assert PASS_PLAN.payment_outage is not None
    back_seconds = PASS_PLAN.kill_after_seconds + PASS_PLAN.kill.down_seconds

    assert (
        back_seconds < PASS_PLAN.outage_after_seconds < PASS_PLAN.load_seconds - PASS_PLAN.payment_outage.down_seconds
    )
    assert PLANS["fail"].outage_after_seconds == float("inf")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_one_arm_never_receives_traffic(plan):
    assert [arm.arm for arm in plan.arms if not arm.has_traffic] == ["standby"]


def test_another_length_keeps_the_kill_in_the_middle():
    assert PASS_PLAN.kill_after_seconds == 900
    assert PASS_PLAN.lasting(minutes=2).kill_after_seconds == 60


def test_a_plan_without_a_kill_never_kills():
    assert PLANS["fail"].kill_after_seconds == float("inf")
