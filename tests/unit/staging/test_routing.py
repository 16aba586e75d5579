from hypothesis import given
from hypothesis import strategies as st

from reliability.staging.routing import EJECT_SECONDS, Balancer, Target, read_routing, write_routing

FIRST, SECOND, THIRD = Target("a-1", 20_001), Target("a-2", 20_002), Target("b-1", 20_003)


@given(turns=st.integers(0, 200))
def test_healthy_targets_share_the_requests_evenly(turns):
    balancer = Balancer([FIRST, SECOND])

    picked = [balancer.pick(now_seconds=0.0) for _ in range(turns)]

    assert abs(picked.count(FIRST) - picked.count(SECOND)) <= 1


def test_a_target_that_refused_is_left_alone_for_a_moment():
    balancer = Balancer([FIRST, SECOND])

    balancer.eject(FIRST, now_seconds=100.0)

    assert {balancer.pick(now_seconds=100.0 + EJECT_SECONDS / 2) for _ in range(10)} == {SECOND}
    assert {balancer.pick(now_seconds=100.0 + EJECT_SECONDS) for _ in range(10)} == {FIRST, SECOND}


def test_when_all_refused_requests_still_go_somewhere():
    balancer = Balancer([FIRST])

    balancer.eject(FIRST, now_seconds=0.0)

    assert balancer.pick(now_seconds=0.0) == FIRST


def test_after_a_switch_nothing_goes_to_the_old_targets():
    balancer = Balancer([FIRST, SECOND])
    balancer.pick(now_seconds=0.0)

    balancer.switch_to([THIRD])

    assert {balancer.pick(now_seconds=0.0) for _ in range(10)} == {THIRD}


def test_the_routing_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "routing.json"

    write_routing(path, {"baseline": [FIRST, SECOND], "standby": []})

    assert read_routing(path) == {"baseline": (FIRST, SECOND), "standby": ()}


def test_a_switch_leaves_no_other_file_behind(tmp_path):
    path = tmp_path / "routing.json"

    for targets in ([FIRST], [SECOND], [THIRD]):
        write_routing(path, {"guests": targets})

    assert [entry.name for entry in tmp_path.iterdir()] == ["routing.json"]
    assert read_routing(path) == {"guests": (THIRD,)}
