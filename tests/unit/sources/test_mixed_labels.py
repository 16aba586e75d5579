import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.sources.answer import Answer, decode_answer
from reliability.sources.mixed_labels import mixed_labels
from reliability.sources.promql import parse_matchers

NAME = "http_requests_total"


def answer(*labels: Mapping[str, str]) -> Answer:
    usual = {"__name__": NAME, "job": "api"}
    result = [{"metric": usual | dict(one), "value": [0, "1"]} for one in labels]
    body = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return decode_answer(json.dumps(body).encode(), where="a test")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from("xyz")), max_size=12))
def test_only_a_label_that_no_target_has_twice_is_a_mixture(rows):
    found = mixed_labels(answer(*({"instance": i, "version": v, "code": c} for i, v, c in rows)), ())

    for label, place in (("version", 1), ("code", 2)):
        by_target = {i: {row[place] for row in rows if row[0] == i} for i in "ab"}
        constant = all(len(values) <= 1 for values in by_target.values())
        values = sorted({row[place] for row in rows})
        assert found.get(label) == (tuple(values) if constant and len(values) > 1 else None)


def test_two_versions_in_one_arm_are_named_unless_a_matcher_selects_them():
    both = answer({"instance": "a", "version": "1.0"}, {"instance": "b", "version": "1.1"})

    assert mixed_labels(both, parse_matchers('track="canary"')) == {"version": ("1.0", "1.1")}
    assert mixed_labels(both, parse_matchers('version=~"1.*"')) == {}


def test_a_target_without_the_label_counts_as_one_of_its_own():
    both = answer({"instance": "a", "version": "1.0"}, {"instance": "b"})

    assert mixed_labels(both, ()) == {"version": ("", "1.0")}


@pytest.mark.parametrize("label", ["pod", "host", "k8s_node_name", "container_id", "hostname", "pod_ip", "instance_id"])
def test_a_label_that_names_a_target_is_no_mixture(label):
    assert mixed_labels(answer({"instance": "a", label: "1"}, {"instance": "b", label: "2"}), ()) == {}


def test_scrape_health_and_process_starts_do_not_count():
    series = [{"__name__": name, "instance": "b", "version": "2"} for name in ("up", "process_start_time_seconds")]

    assert mixed_labels(answer({"instance": "a", "version": "1"}, *series), ()) == {}


def test_two_jobs_in_one_arm_are_a_mixture():
    both = answer({"instance": "a"}, {"instance": "b", "job": "worker"})

    assert mixed_labels(both, ()) == {"job": ("api", "worker")}
