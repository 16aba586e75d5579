import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.judge.canary import judge_canary
from reliability.judge.check import Check
from reliability.judge.error_rate import ErrorJudgement
from reliability.judge.holm import holm_adjusted
from reliability.judge.latency import LatencyJudgement
from reliability.judge.routes import RouteJudgement, RoutesJudgement, UnjudgedRoute
from reliability.judge.simpson import Simpson
from reliability.verdicts import Verdict
from tests.unit.judge.simulated import known

LATENCY = LatencyJudgement(
    reason="inside-budget",
    margin_fraction=0.10,
    baseline_request_count=1000,
    canary_request_count=900,
    increase_fraction=0.03,
    deciding_upper_fraction=0.05,
    deciding_lower_fraction=0.01,
    fail_p_value=0.9,
)
SLOW = replace(
    LATENCY, reason="over-budget", deciding_lower_fraction=0.12, deciding_upper_fraction=0.3, fail_p_value=0.001
)
OPEN_LATENCY = replace(LATENCY, reason="not-enough-evidence", deciding_upper_fraction=0.2, requests_needed=3000)
NO_LATENCY = LatencyJudgement(reason="no-traffic-canary", margin_fraction=0.10, baseline_request_count=1000)
ERRORS = ErrorJudgement(
    reason="inside-budget",
    margin_absolute_fraction=0.005,
    margin_relative_fraction=0.5,
    baseline_request_count=1000,
    canary_request_count=900,
    baseline_fraction=0.001,
    canary_fraction=0.001,
    deciding_upper_fraction=0.002,
    deciding_lower_fraction=-0.002,
    fail_p_value=0.95,
)
FAILING = replace(
    ERRORS, reason="over-budget", deciding_lower_fraction=0.01, deciding_upper_fraction=0.03, fail_p_value=0.001
)
OPEN_ERRORS = replace(ERRORS, reason="not-enough-evidence", deciding_upper_fraction=0.01, requests_needed=5000)
NO_ERRORS = replace(
    ErrorJudgement(reason="no-traffic-canary", margin_absolute_fraction=0.005, margin_relative_fraction=0.5),
    baseline_request_count=1000,
)

GAP = Check(id="scrapes", verdict=Verdict.INCONCLUSIVE, reason="data-gap", values={})
WARNING = Check(id="warnings", verdict=Verdict.INCONCLUSIVE, reason="server-warning", values={})
SOUND = (replace(GAP, verdict=Verdict.PASS, reason="few-missing"),)
SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.FAIL)

latencies = st.sampled_from([LATENCY, SLOW, OPEN_LATENCY, NO_LATENCY])
errors = st.sampled_from([ERRORS, FAILING, OPEN_ERRORS, NO_ERRORS])
health = st.lists(st.sampled_from([*SOUND, GAP, WARNING]), max_size=3)
probabilities = st.lists(st.floats(0, 1), max_size=6)


def routes_of(*judged, simpson=None):
    """Judge routes that have these judgements; the fold corrects their p-values itself when they gate."""
    p_values = holm_adjusted([1.0 if own.fail_p_value is None else own.fail_p_value for own in judged])
    return RoutesJudgement(
        label="route",
        judged=tuple(
            RouteJudgement(route=f"/{n}", latency=own, adjusted_p_value=p, alpha_fail=0.025)
            for n, (own, p) in enumerate(zip(judged, p_values, strict=True))
        ),
        not_judged=(),
        simpson=simpson,
    )


gated = st.lists(st.sampled_from([LATENCY, SLOW, OPEN_LATENCY]), min_size=1, max_size=4).map(
    lambda own: routes_of(*own)
)


# Laws


@given(latency=latencies, errors=errors, data=health, routes=gated)
@settings(max_examples=25)
def test_a_pass_needs_every_mandatory_check(latency, errors, data, routes):
    judged = judge_canary(latency, errors, data=data, routes=routes, gate_routes=True)

    wanted = [
        latency is LATENCY, errors is ERRORS, *(own.latency is LATENCY for own in routes.judged),
        *(check.verdict is Verdict.PASS for check in data),
    ]  # fmt: skip
    assert (judged.verdict is Verdict.PASS) == all(wanted)
    assert (judged.verdict is Verdict.PASS) == all(check.verdict is Verdict.PASS for check in judged.checks)


@given(latency=latencies, errors=errors, data=health, routes=gated)
@settings(max_examples=25)
def test_data_that_cannot_be_trusted_decides_nothing(latency, errors, data, routes):
    judged = judge_canary(latency, errors, data=[*data, GAP], routes=routes, gate_routes=True)

    assert judged.verdict in {Verdict.INCONCLUSIVE, Verdict.NO_DATA}
    if judged.verdict is Verdict.INCONCLUSIVE:
        assert judged.reason == ("server-warning" if WARNING in data else "data-gap")


@given(latency=latencies, errors=errors, data=health, routes=gated, gates=st.booleans())
@settings(max_examples=25)
def test_one_more_failing_route_never_improves_a_verdict(latency, errors, data, routes, gates):
    failing = replace(SLOW, fail_p_value=1e-9)
    more = routes_of(*(own.latency for own in routes.judged), failing)

    before = judge_canary(latency, errors, data=data, routes=routes, gate_routes=gates)
    after = judge_canary(latency, errors, data=data, routes=more, gate_routes=gates)

    assert SEVERITY.index(after.verdict) >= SEVERITY.index(before.verdict)
    assert not gates or after.verdict is not Verdict.PASS


@given(latency=latencies, errors=errors, smaller=st.floats(0, 1), routes=gated)
@settings(max_examples=25)
def test_a_smaller_p_value_never_takes_a_fail_away(latency, errors, smaller, routes):
    more_certain = replace(SLOW, fail_p_value=smaller * known(SLOW.fail_p_value))

    before = judge_canary(SLOW, errors, data=SOUND, routes=routes, gate_routes=True)
    after = judge_canary(more_certain, errors, data=SOUND, routes=routes, gate_routes=True)

    assert before.verdict is not Verdict.FAIL or after.verdict is Verdict.FAIL


@given(p_values=probabilities)
@settings(max_examples=25)
def test_holm_is_the_closed_test_of_bonferroni(p_values):
    members = range(len(p_values))
    families = [chosen for size in members for chosen in itertools.combinations(members, size + 1)]

    adjusted = holm_adjusted(p_values)

    for i, p_value in enumerate(adjusted):
        alone = [min(1.0, len(family) * min(p_values[k] for k in family)) for family in families if i in family]
        assert p_value == pytest.approx(max(alone))


@given(latency=latencies, errors=errors, data=health, routes=gated)
@settings(max_examples=25)
def test_the_checks_stand_in_page_order_and_the_reason_is_a_word(latency, errors, data, routes):
    judged = judge_canary(latency, errors, data=[*SOUND, *data], load=SOUND, routes=routes)

    wanted = ["traffic", "scrapes", *(check.id for check in data), "scrapes", "latency", "errors", "routes"]
    assert [check.id for check in judged.checks] == wanted
    assert judged.reason
    assert judged.reason != "nothing-checked"


@given(latency=latencies, errors=errors, data=health, routes=gated)
@settings(max_examples=25)
def test_only_an_open_verdict_names_what_is_undecided_and_then_all_of_it(latency, errors, data, routes):
    judged = judge_canary(latency, errors, data=data, routes=routes, gate_routes=True)

    if judged.verdict is not Verdict.INCONCLUSIVE:
        assert judged.undecided == ()
        return
    named = [(each.check, each.route) for each in judged.undecided]
    assert [name for name, _ in named if name == "latency"] == ["latency"] * (latency is OPEN_LATENCY)
    assert [name for name, _ in named if name == "errors"] == ["errors"] * (errors is OPEN_ERRORS)
    assert {route for name, route in named if name == "route"} == set(known(judged.routes).undecided)
    assert len([name for name, _ in named if name in {"scrapes", "warnings"}]) == sum(c not in SOUND for c in data)


@given(latency=latencies, errors=errors, data=health, routes=gated, gates=st.booleans())
@settings(max_examples=25)
def test_the_other_case_speaks_for_the_other_side(latency, errors, data, routes, gates):
    judged = judge_canary(latency, errors, data=data, routes=routes, gate_routes=gates)

    if judged.verdict is Verdict.NO_DATA:
        assert judged.other_case is None
        return
    case = known(judged.other_case)
    opposite = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS, Verdict.INCONCLUSIVE: None}
    assert case.speaks_for is opposite[judged.verdict]
    assert [each.measure for each in case.measures[:2]] == ["latency", "errors"]


# The fold


@pytest.mark.parametrize(
    ("latency", "errors", "verdict", "reason"),
    [
        (LATENCY, ERRORS, Verdict.PASS, "inside-budget"),
        (SLOW, ERRORS, Verdict.FAIL, "over-budget-latency"),
        (LATENCY, FAILING, Verdict.FAIL, "over-budget-errors"),
        (SLOW, FAILING, Verdict.FAIL, "over-budget-both"),
        (SLOW, OPEN_ERRORS, Verdict.FAIL, "over-budget-latency"),
        (SLOW, NO_ERRORS, Verdict.FAIL, "over-budget-latency"),
        (replace(SLOW, reason="over-budget-late"), ERRORS, Verdict.FAIL, "over-budget-late"),
        (OPEN_LATENCY, ERRORS, Verdict.INCONCLUSIVE, "not-enough-evidence"),
        (LATENCY, OPEN_ERRORS, Verdict.INCONCLUSIVE, "not-enough-evidence"),
        (LATENCY, NO_ERRORS, Verdict.NO_DATA, "no-traffic-canary"),
        (NO_LATENCY, NO_ERRORS, Verdict.NO_DATA, "no-traffic-canary"),
        (
            replace(LATENCY, mean_lower_fraction=0.15, reason="mean-over-budget"),
            ERRORS,
            Verdict.INCONCLUSIVE,
            "mean-over-budget",
        ),
        (replace(OPEN_LATENCY, reason="buckets-too-coarse"), OPEN_ERRORS, Verdict.INCONCLUSIVE, "buckets-too-coarse"),
        (OPEN_LATENCY, replace(OPEN_ERRORS, reason="too-few-scrapes"), Verdict.INCONCLUSIVE, "too-few-scrapes"),
    ],
)
def test_two_measures_fold_into_one_verdict(latency, errors, verdict, reason):
    judged = judge_canary(latency, errors, data=SOUND)

    assert (judged.verdict, judged.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("own", "gates", "verdict", "reason", "cautions"),
    [
        ([LATENCY], True, Verdict.PASS, "inside-budget", ()),
        ([LATENCY, SLOW], True, Verdict.FAIL, "over-budget-routes", ()),
        ([LATENCY, OPEN_LATENCY], True, Verdict.INCONCLUSIVE, "routes-undecided", ()),
        ([], True, Verdict.INCONCLUSIVE, "no-route-judged", ()),
        ([LATENCY, SLOW], False, Verdict.PASS, "inside-budget", ("route-over-budget",)),
        ([LATENCY, OPEN_LATENCY], False, Verdict.PASS, "inside-budget", ()),
        ([], False, Verdict.PASS, "inside-budget", ()),
    ],
)
def test_routes_advise_and_gate_only_when_told_to(own, gates, verdict, reason, cautions):
    judged = judge_canary(LATENCY, ERRORS, data=SOUND, routes=routes_of(*own), gate_routes=gates)

    assert (judged.verdict, judged.reason, judged.cautions) == (verdict, reason, cautions)


def test_a_gate_without_a_judged_route_says_what_the_nearest_one_needs():
    far, near = (
        UnjudgedRoute(route=f"/{needed}", reason="too-few-requests", baseline_count=50, canary_count=10,
                      needed_count=needed)
        for needed in (900, 300)
    )  # fmt: skip
    routes = replace(routes_of(), not_judged=(far, near))

    (needs,) = judge_canary(LATENCY, ERRORS, data=SOUND, routes=routes, gate_routes=True).undecided
    (lost,) = judge_canary(LATENCY, ERRORS, data=SOUND, routes=routes_of(), gate_routes=True).undecided

    assert (needs.route, needs.reason, needs.more_count) == ("/300", "no-route-judged", 290)
    assert (lost.check, lost.reason, lost.more_count) == ("routes", "no-route-judged", None)


@pytest.mark.parametrize("reason", ["requests-missing", "buckets-missing"])
def test_an_arm_without_a_metric_is_no_data_whatever_its_checks_say(reason):
    latency, errors = replace(NO_LATENCY, reason=reason), replace(NO_ERRORS, reason=reason)

    judged = judge_canary(latency, errors, data=[GAP])

    assert (judged.verdict, judged.reason) == (Verdict.NO_DATA, reason)


def test_routes_that_only_advise_and_of_which_none_was_judged_are_no_check():
    judged = judge_canary(LATENCY, ERRORS, data=SOUND, routes=routes_of())

    assert "routes" not in {check.id for check in judged.checks}


def test_a_gate_on_routes_that_nobody_named_decides_nothing():
    judged = judge_canary(LATENCY, ERRORS, data=SOUND, gate_routes=True)

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "no-route-judged")


def test_without_data_in_the_data_checks_there_is_no_verdict():
    judged = judge_canary(SLOW, ERRORS, data=[replace(GAP, verdict=Verdict.NO_DATA, reason="nothing-scraped")])

    assert (judged.verdict, judged.reason) == (Verdict.NO_DATA, "nothing-scraped")


def test_a_single_fail_must_stand_after_the_correction_for_two_looks():
    barely = replace(SLOW, fail_p_value=0.02)

    judged = judge_canary(barely, ERRORS, data=SOUND, minutes=20.0)
    needs = judged.undecided[0]

    assert barely.verdict is Verdict.FAIL
    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "over-budget-not-after-holm")
    assert judged.check("latency").verdict is Verdict.INCONCLUSIVE
    assert 900 < known(needs.needed_count) < 4 * 900
    assert known(needs.more_minutes) == pytest.approx(20.0 * known(needs.more_count) / 900)


def test_one_fail_that_stands_lets_the_other_stand_at_the_full_level():
    judged = judge_canary(SLOW, replace(FAILING, fail_p_value=0.02), data=SOUND)

    assert judged.reason == "over-budget-both"


def test_a_gating_route_is_corrected_for_all_measures_an_advising_one_for_the_routes():
    barely = replace(SLOW, fail_p_value=0.010)
    routes = routes_of(barely, LATENCY)

    advising = judge_canary(LATENCY, ERRORS, data=SOUND, routes=routes)
    gating = judge_canary(LATENCY, ERRORS, data=SOUND, routes=routes, gate_routes=True)

    assert known(advising.routes).judged[0].adjusted_p_value == pytest.approx(0.020)
    assert advising.cautions == ("route-over-budget",)
    assert known(gating.routes).judged[0].adjusted_p_value == pytest.approx(0.040)
    assert gating.verdict is Verdict.INCONCLUSIVE


def test_an_open_measure_says_how_many_more_requests_and_minutes_it_needs():
    open_latency = replace(OPEN_LATENCY, requests_needed=3000, minutes_needed=30.0)

    (latency,) = judge_canary(open_latency, ERRORS, data=SOUND).undecided

    assert (latency.check, latency.reason) == ("latency", "not-enough-evidence")
    assert (latency.had_count, latency.needed_count, latency.more_count) == (900, 3000, 2100)
    assert latency.more_minutes == pytest.approx(21.0)


def test_the_other_case_of_a_pass_tells_the_largest_rise_that_is_still_possible():
    latency, errors = known(judge_canary(LATENCY, ERRORS, data=SOUND).other_case).measures

    assert (latency.estimate_fraction, latency.highest_fraction, latency.allowed_fraction) == (0.03, 0.05, 0.10)
    assert (errors.estimate_fraction, errors.highest_fraction, errors.allowed_fraction) == (0.0, 0.002, 0.005)


def test_the_checks_carry_numbers_for_the_page():
    judged = judge_canary(OPEN_LATENCY, ERRORS, data=SOUND, routes=routes_of(LATENCY, SLOW))

    assert judged.check("traffic").values == {"baseline_count": 1000, "canary_count": 900, "needed_count": 3000}
    assert judged.check("latency").values["deciding_fraction"] == 0.2
    assert judged.check("errors").values["allowed_difference_fraction"] == 0.005
    assert judged.check("routes").values["over_budget"] == ["/1"]


def test_an_arm_without_traffic_shows_in_the_traffic_check():
    assert judge_canary(NO_LATENCY, NO_ERRORS, data=SOUND).check("traffic").verdict is Verdict.NO_DATA


def test_too_few_slow_requests_show_in_the_traffic_check():
    judged = judge_canary(replace(OPEN_LATENCY, reason="too-few-requests"), ERRORS, data=SOUND)

    assert judged.check("traffic").verdict is Verdict.INCONCLUSIVE
    assert judged.reason == "too-few-requests"


# Cautions


@pytest.mark.parametrize(
    ("latency", "cautions"),
    [
        (LATENCY, ()),
        (replace(LATENCY, deciding_upper_fraction=0.095), ("little-room",)),
        (replace(LATENCY, settling_seconds=120.0), ("late-ramp",)),
        (replace(SLOW, mean_lower_fraction=0.15), ()),
        (replace(LATENCY, noisier_than_history=True), ("noisier-than-history",)),
    ],
)
def test_cautions_leave_a_pass_a_pass(latency, cautions):
    judged = judge_canary(latency, ERRORS, data=SOUND)

    assert judged.cautions == cautions
    assert judged.verdict is latency.verdict


def test_cautions_of_the_data_the_mix_and_the_history_are_kept_each_once():
    merged = Check(id="bounds", verdict=Verdict.PASS, reason="bounds-merged", values={})
    simpson = Simpson(pooled_increase_fraction=0.2, stratified_increase_fraction=0.03, differs=True)

    judged = judge_canary(
        LATENCY, ERRORS, data=[merged], routes=routes_of(simpson=simpson), cautions=["old-history", "old-history"]
    )

    assert judged.cautions == ("bounds-merged", "simpson", "old-history")
    assert judged.verdict is Verdict.PASS
