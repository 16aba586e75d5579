import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.judge.data_facts import ArmFacts, DataFacts, MixedLabel
from reliability.judge.data_health import DATA_CAUTIONS, judge_data
from reliability.judge.replica_spread import OddReplica
from reliability.verdicts import Verdict

IDS = (
    "scrapes", "clock", "split", "restarts", "births", "gone", "replicas", "labels", "errors-label", "warnings",
    "units", "counters", "bounds",
)  # fmt: skip
ARM = ArmFacts(
    requests=1000,
    counted_requests=1000,
    replicas=2,
    effective_replicas=2.0,
    started_after_scrape_seconds=-3600.0,
    newest_before_end_seconds=8.0,
    mean_seconds=0.1,
    mean_low_seconds=0.08,
    mean_high_seconds=0.12,
)
GOOD = DataFacts(
    baseline=ARM,
    canary=ARM,
    expected_scrapes=100,
    used_scrapes=99,
    missing_fraction=0.01,
    scrape_interval_seconds=15.0,
    share_error_fraction=0.01,
    newest_after_as_of_seconds=-8.0,
    metric="http_request_duration_seconds",
    common_bounds=12,
)
SLOW = OddReplica(
    instance="b-1", measure="latency", difference_fraction=0.2, sibling_fraction=0.05, p_value_fraction=1e-6
)
FAILING = replace(SLOW, measure="errors", difference_fraction=0.02, sibling_fraction=0.01)


def outcome(facts: DataFacts, check_id: str, **options: Any) -> tuple[Verdict, str]:
    check = next(one for one in judge_data(facts, **{"canary_share_fraction": None, **options}) if one.id == check_id)
    return check.verdict, check.reason


def arms(baseline: dict[str, Any] | None = None, canary: dict[str, Any] | None = None, **facts: Any) -> DataFacts:
    return replace(GOOD, baseline=replace(ARM, **(baseline or {})), canary=replace(ARM, **(canary or {})), **facts)


def test_good_data_passes_every_check_in_the_order_of_the_page():
    checks = judge_data(GOOD, canary_share_fraction=0.5)

    assert tuple(check.id for check in checks) == IDS
    assert {check.verdict for check in checks} == {Verdict.PASS}
    assert not DATA_CAUTIONS & {check.reason for check in checks}


FRACTION = st.floats(0, 1)
COUNT = st.integers(0, 10**6)
SECONDS = st.none() | st.floats(-1e6, 1e6)
ARM_FACTS = st.builds(
    ArmFacts,
    requests=COUNT, counted_requests=st.none() | COUNT, effective_replicas=st.floats(0, 100),
    gone_replicas=st.sampled_from([(), ("b-1",)]), missing_error_labels=st.sampled_from([(), ("code",)]),
    replicas=COUNT, restarts=COUNT, lost_requests_at_most=COUNT, births=COUNT, uncounted_births=COUNT,
    uncounted_requests_at_most=COUNT, odd_replicas=st.sampled_from([(), (SLOW,), (FAILING, SLOW)]),
    started_after_scrape_seconds=SECONDS, newest_before_end_seconds=SECONDS,
    mixed_labels=st.sampled_from([(), (MixedLabel(label="zone", values=("", "b")),)]),
    mean_seconds=SECONDS, mean_low_seconds=SECONDS, mean_high_seconds=SECONDS,
)  # fmt: skip


@given(
    st.builds(
        DataFacts,
        baseline=ARM_FACTS, canary=ARM_FACTS, expected_scrapes=COUNT, used_scrapes=COUNT, missing_fraction=FRACTION,
        scrape_interval_seconds=st.none() | st.floats(0.1, 300), share_error_fraction=st.none() | FRACTION,
        newest_after_as_of_seconds=SECONDS, warnings=st.sampled_from([(), ("slow",)]), common_bounds=COUNT,
        dropped_bounds=COUNT,
    ),
    st.none() | st.floats(0.01, 0.99),
)  # fmt: skip
def test_whatever_the_facts_no_check_fails_a_canary_and_all_are_plain_numbers(facts: DataFacts, share: float | None):
    checks = judge_data(facts, canary_share_fraction=share)

    assert tuple(check.id for check in checks) == IDS
    assert {check.verdict for check in checks} <= {Verdict.PASS, Verdict.INCONCLUSIVE}
    json.dumps([check.to_json() for check in checks], allow_nan=False)


def test_no_data_at_all_is_a_gap():
    assert outcome(DataFacts(), "scrapes") == (Verdict.INCONCLUSIVE, "data-gap")


@pytest.mark.parametrize(
    ("facts", "check_id", "reason"),
    [
        (replace(GOOD, missing_fraction=0.21), "scrapes", "data-gap"),
        (arms(canary={"lost_requests_at_most": 60}), "restarts", "restart-loss"),
        (arms(baseline={"uncounted_requests_at_most": 60}), "births", "birth-unknown"),
        (arms(canary={"gone_replicas": ("c-1",)}), "gone", "replica-gone"),
        (arms(baseline={"gone_replicas": ("b-1",)}), "gone", "replica-gone"),
        (arms(canary={"missing_error_labels": ("code",)}), "errors-label", "error-label-missing"),
        (arms(canary={"counted_requests": 1060}), "counters", "requests-differ"),
        (arms(baseline={"counted_requests": 940}), "counters", "requests-differ"),
        (arms(baseline={"odd_replicas": (SLOW,)}), "replicas", "replicas-differ"),
        (arms(canary={"odd_replicas": (FAILING,)}), "replicas", "replicas-differ"),
        (arms(canary={"started_after_scrape_seconds": 6.0}), "clock", "clock-skew"),
        (replace(GOOD, newest_after_as_of_seconds=6.0), "clock", "clock-skew"),
        (arms(canary={"newest_before_end_seconds": 31.0}), "clock", "stale-data"),
        (arms(canary={"mixed_labels": (MixedLabel(label="version", values=("1", "2")),)}), "labels", "mixed-releases"),
        (replace(GOOD, warnings=("partial answer",)), "warnings", "server-warning"),
        (replace(GOOD, unit="milliseconds"), "units", "unit-doubtful"),
        (replace(GOOD, metric="http_server_duration_ms"), "units", "unit-doubtful"),
        (arms(canary={"mean_seconds": 100.0}), "units", "unit-doubtful"),
        (arms(baseline={"mean_seconds": 0.0001}), "units", "unit-doubtful"),
        (arms({"mean_seconds": 119.0, "mean_low_seconds": 90.0, "mean_high_seconds": 140.0}), "units", "unit-doubtful"),
        (arms({"mean_seconds": None, "mean_low_seconds": 90.0, "mean_high_seconds": None}), "units", "unit-doubtful"),
        (replace(GOOD, common_bounds=0, dropped_bounds=7), "bounds", "bounds-differ"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_evidence_decides_nothing(facts: DataFacts, check_id: str, reason: str):
    assert outcome(facts, check_id) == (Verdict.INCONCLUSIVE, reason)


@pytest.mark.parametrize(
    ("facts", "check_id", "reason"),
    [
        (arms(canary={"restarts": 1, "lost_requests_at_most": 40}), "restarts", "restarted"),
        (arms(canary={"births": 1}), "births", "birth-counted"),
        (arms(canary={"births": 1, "uncounted_births": 1}), "births", "birth-uncounted"),
        (arms(canary={"mixed_labels": (MixedLabel(label="zone", values=("a", "b")),)}), "labels", "mixed-labels"),
        (arms(canary={"counted_requests": 1040}), "counters", "requests-agree"),
        (arms(canary={"counted_requests": None}), "counters", "requests-agree"),
        (arms({"requests": 40, "counted_requests": 45}), "counters", "requests-agree"),
        (arms({"replicas": 1}, {"replicas": 1}), "replicas", "one-replica"),
        (arms(canary={"mean_seconds": None}), "units", "unit-plausible"),
        (arms(canary={"mean_seconds": 40.0, "mean_high_seconds": None}), "units", "unit-plausible"),
        (replace(GOOD, metric="latency", unit="milliseconds"), "units", "unit-plausible"),
        (replace(GOOD, dropped_bounds=2), "bounds", "bounds-merged"),
        (replace(GOOD, share_error_fraction=None), "split", "not-compared"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_leaves_the_data_usable_passes_and_is_named(facts: DataFacts, check_id: str, reason: str):
    assert outcome(facts, check_id) == (Verdict.PASS, reason)


@pytest.mark.parametrize(
    ("declared", "error", "reason"),
    [
        (0.5, 0.01, "as-declared"),
        (0.45, 0.001, "as-declared"),
        (0.3, 0.01, "traffic-split"),
        (0.3, 0.06, "as-declared"),
        (None, 0.01, "not-declared"),
    ],
    ids=["as said", "within a fifth", "far off", "far off but by chance", "nothing said"],
)
def test_a_split_is_off_when_it_is_far_off_and_not_by_chance(declared: float | None, error: float, reason: str):
    facts = replace(GOOD, share_error_fraction=error)

    assert outcome(facts, "split", canary_share_fraction=declared)[1] == reason


@pytest.mark.parametrize(
    ("odd", "options", "differs"),
    [
        (replace(SLOW, difference_fraction=0.09), {}, False),
        (replace(SLOW, difference_fraction=0.09), {"margin_fraction": 0.05}, True),
        (replace(SLOW, difference_fraction=-0.095), {}, True),
        (replace(FAILING, difference_fraction=0.004, sibling_fraction=0.0), {}, False),
        (replace(FAILING, sibling_fraction=0.05), {}, False),
        (replace(FAILING, sibling_fraction=0.05), {"error_margin_relative_fraction": 0.3}, True),
    ],
    ids=["small", "small margin", "its siblings are slower", "few points", "small part", "small relative margin"],
)  # fmt: skip
def test_replicas_differ_by_more_than_what_would_matter_between_releases(
    odd: OddReplica, options: dict[str, float], differs: bool
):
    facts = arms(canary={"odd_replicas": (odd,)})

    assert (outcome(facts, "replicas", **options)[1] == "replicas-differ") == differs


@pytest.mark.parametrize(
    ("baseline", "canary", "options", "carried"),
    [
        (3.0, 2.5, {}, True),
        (3.0, 2.4, {}, False),
        (1.04, 3.0, {}, False),
        (3.0, 3.0, {"gate_routes": True}, False),
    ],
    ids=["three alike", "fewer than they look", "one serves nearly all", "routes gate"],
)
def test_a_slow_replica_is_left_to_the_noise_only_where_the_noise_knows_of_replicas(
    baseline: float, canary: float, options: dict[str, bool], carried: bool
):
    facts = arms({"effective_replicas": baseline, "odd_replicas": (SLOW,)}, {"effective_replicas": canary})

    verdict, reason = outcome(facts, "replicas", **options)

    assert (verdict is Verdict.PASS) == carried
    assert reason == "replicas-differ"


def test_a_failing_replica_decides_nothing_however_many_siblings_it_has():
    facts = arms({"effective_replicas": 9.0}, {"effective_replicas": 9.0, "odd_replicas": (SLOW, FAILING)})

    check = next(one for one in judge_data(facts, canary_share_fraction=None) if one.id == "replicas")

    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.values["measure"] == "errors"


@pytest.mark.parametrize(
    "label", ["version", "app_version", "release", "image_tag", "git_commit", "pod_template_hash", "Revision", "build"]
)
def test_a_label_of_releases_with_two_values_is_two_releases(label: str):
    mixed = {"mixed_labels": (MixedLabel(label=label, values=("a", "b")),)}

    assert outcome(arms(mixed), "labels") == (Verdict.INCONCLUSIVE, "mixed-releases")
