import json

from hypothesis import given
from hypothesis import strategies as st

from reliability.sources.answer import Answer, decode_answer
from reliability.workbench.history import History, read_history

intervals = st.floats(0.1, 300)
reaches = st.floats(0, 1e5)


def arm(*samples: list[float]) -> Answer:
    result = [{"metric": {"n": str(n)}, "values": [[t, "1"] for t in times]} for n, times in enumerate(samples)]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return decode_answer(json.dumps(body).encode(), where="a test")


@given(intervals, reaches)
def test_a_window_lies_inside_the_history_and_leaves_something_behind_its_warm_up(interval, seconds):
    history = History(interval_seconds=interval, seconds=seconds)

    if history.minutes is None:
        assert history.wait_seconds > 0
    else:
        window, warmup = history.minutes
        assert 0 <= warmup < window
        assert 60 * window <= seconds - interval
        assert history.covers(60 * window)


@given(intervals, reaches, st.floats(0, 1e4))
def test_more_history_never_gives_a_shorter_window(interval, seconds, more):
    before = History(interval_seconds=interval, seconds=seconds).minutes
    after = History(interval_seconds=interval, seconds=seconds + more).minutes

    assert before is None or (after is not None and after[0] >= before[0])


def test_the_shorter_arm_counts():
    old, young = [0.0, 10, 20, 30, 40, 50], [30.0, 40, 50]

    history = read_history([arm(old), arm(young, [40.0, 50])], end_seconds=55)

    assert history == History(interval_seconds=10, seconds=25)


def test_an_arm_without_samples_has_no_history():
    assert read_history([arm([0.0, 10]), arm()], end_seconds=20).seconds == 0
