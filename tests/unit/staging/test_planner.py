import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.staging.planner import power_to_decide, tail_index
from reliability.staging.plans import PASS_PLAN
from reliability.staging.service_model import model_quantile_seconds, survival


def power(**changes):
    options = {"requests_per_arm": 10_000.0, "true_increase_fraction": 0.03, "margin_fraction": 0.10, "alpha": 0.05}
    return power_to_decide(**(options | changes))


@given(requests=st.floats(100, 1e6), more=st.floats(1.0, 10.0))
def test_more_traffic_never_lowers_the_power(requests, more):
    assert power(requests_per_arm=requests * more) >= power(requests_per_arm=requests)


@given(requests=st.floats(100, 1e6), alpha=st.floats(0.001, 0.2))
def test_at_the_margin_the_power_is_the_level(requests, alpha):
    reached = power(requests_per_arm=requests, true_increase_fraction=0.10, alpha=alpha)

    assert reached == pytest.approx(alpha, rel=1e-6)


def test_the_tail_index_is_the_slope_of_the_survival_at_the_p95():
    p95_seconds = model_quantile_seconds(0.95)
    step = 1e-5

    drop = survival(p95_seconds * (1 - step)) - survival(p95_seconds * (1 + step))

    assert tail_index() == pytest.approx(drop / (2 * step) / 0.05, rel=1e-3)


def test_the_pass_recording_was_planned_with_power_to_pass():
    judged_seconds = PASS_PLAN.load_seconds - PASS_PLAN.warmup_minutes * 60
    canary = next(arm for arm in PASS_PLAN.arms if arm.arm == "canary")

    planned = power(
        requests_per_arm=canary.requests_per_second * judged_seconds, true_increase_fraction=canary.delay_factor - 1
    )

    assert planned >= 0.95
