"""What was judged comes back from its file as the same numbers; anything else is refused with its place."""

import gzip
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.judge.counts import ArmCounts, PairedCounts, ReplicaTotals, RouteCounts, SuccessiveCounts, WindowCounts
from reliability.sources.increments_file import inputs_text, read_inputs, write_inputs
from reliability.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """All kinds of values that inputs hold."""

    counts: PairedCounts | SuccessiveCounts | None
    window: Window
    share: float | None = None
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (0, "")


COUNT = st.floats(min_value=0, max_value=1e300, allow_subnormal=True)
SUM = st.floats()  # unknown where it is NaN
WINDOW = Window(start=datetime(2026, 11, 26, 18, 0, 0, 1, tzinfo=UTC), end=datetime(2026, 11, 26, 18, 20, tzinfo=UTC))


def arrays(kind, *shape):
    size = math.prod(shape)
    return st.lists(kind, min_size=size, max_size=size).map(lambda values: np.array(values, dtype=float).reshape(shape))


def arms(length, bounds):
    return st.builds(
        ArmCounts, bucket_counts=arrays(COUNT, length, bounds), requests=arrays(COUNT, length),
        errors=arrays(COUNT, length), latency_sum_seconds=arrays(SUM, length),
    )  # fmt: skip


@st.composite
def counted(draw):
    length, bounds = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    edges = np.cumsum([1e9 + draw(st.floats(0, 1)), *[draw(st.floats(0.1, 60))] * length])
    upper = np.array([*np.cumsum([draw(st.floats(1e-6, 10))] * (bounds - 1)), math.inf])
    arm, name = arms(length, bounds), st.text(max_size=3)
    replica = st.builds(ReplicaTotals, instance=name, bucket_counts=arrays(COUNT, bounds), errors=COUNT)
    replicas = st.lists(replica, max_size=2).map(tuple)
    if draw(st.booleans()):
        route = st.builds(RouteCounts, route=name, baseline=arm, canary=arm)
        return PairedCounts(
            edges_seconds=edges, upper_bounds_seconds=upper, baseline=draw(arm), canary=draw(arm),
            scrape_interval_seconds=10.0, routes=tuple(draw(st.lists(route, max_size=2))),
            baseline_replicas=draw(replicas),
        )  # fmt: skip
    window = st.builds(
        WindowCounts, edges_seconds=st.just(edges), total=arm, routes=st.dictionaries(name, arm, max_size=2),
        replicas=replicas,
    )  # fmt: skip
    return SuccessiveCounts(
        upper_bounds_seconds=upper, baseline=draw(window), canary=draw(window), scrape_interval_seconds=0.1 + 0.2
    )


JUDGED = st.builds(
    Judged, counts=st.none() | counted(), window=st.just(WINDOW), share=st.none() | st.floats(),
    names=st.lists(st.text()).map(tuple), pair=st.tuples(st.integers(), st.text()),
)  # fmt: skip


@settings(max_examples=20)
@given(judged=JUDGED, suffix=st.sampled_from(["json", "json.gz"]))
def test_every_number_comes_back_as_it_was(tmp_path_factory, judged, suffix):
    path = tmp_path_factory.getbasetemp() / f"increments.{suffix}"

    write_inputs(path, judged)
    read = read_inputs(path, Judged)

    assert inputs_text(read) == inputs_text(judged)  # floats by repr, which tells any two apart
    assert type(read.counts) is type(judged.counts)
    assert read.window == judged.window


def test_the_file_is_json_that_any_program_reads(tmp_path):
    write_inputs(tmp_path / "kept.json", Judged(counts=None, window=WINDOW, share=math.nan, names=("\x9b\ud800",)))

    text = (tmp_path / "kept.json").read_text("ascii")

    document = json.loads(text, parse_constant=pytest.fail)
    assert (document["schema"], document["inputs"]["share"]) == ("reliability.increments/1", "nan")


def paired():
    arm = ArmCounts(
        bucket_counts=np.array([[1.0, 2.0]]), requests=np.array([2.0]), errors=np.zeros(1),
        latency_sum_seconds=np.array([np.nan]),
    )  # fmt: skip
    return PairedCounts(
        edges_seconds=np.array([0.0, 10.0]), upper_bounds_seconds=np.array([0.1, np.inf]), baseline=arm, canary=arm,
        scrape_interval_seconds=10.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda inputs: inputs.pop("names"), "inputs.names is missing"),
        (lambda inputs: inputs.update(nam=1), "inputs.nam is not a known key"),
        (lambda inputs: inputs.update(share="0.5"), "inputs.share = '0.5' is not a float"),
        (lambda inputs: inputs.update(share=True), "inputs.share = True is not a float"),
        (lambda inputs: inputs.update(names=["a", 1]), "inputs.names[1] = 1 is not a str"),
        (lambda inputs: inputs.update(names="ab"), "inputs.names = 'ab' is not a list"),
        (lambda inputs: inputs.update(pair=[1]), "inputs.pair = [1] is not a list of 2"),
        (lambda inputs: inputs["window"].update(end="yesterday"), "'yesterday' is no instant"),
        (lambda inputs: inputs["window"].update(end=inputs["window"]["start"]), "is empty"),
        (lambda inputs: inputs.update(counts=[]), "inputs.counts = [] is not an object"),
        (lambda inputs: inputs["counts"].update(edges_seconds=[10, 0]), "do not fit each other"),
        (lambda inputs: inputs["counts"].update(upper_bounds_seconds=[0.1, 0.2]), "do not fit each other"),
        (lambda inputs: inputs["counts"]["canary"].update(requests=[1, 2]), "do not fit each other"),
        (lambda inputs: inputs["counts"]["canary"].update(requests=[-1]), "do not fit each other"),
        (lambda inputs: inputs["counts"]["canary"].update(requests=["x"]), "canary.requests[0] = 'x' is not a float"),
        (lambda inputs: inputs["counts"]["canary"].update(bucket_counts=[[1], [1, 2]]), "of equal rows"),
        (lambda inputs: inputs["counts"]["canary"].update(bucket_counts=None), "canary.bucket_counts is not a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_file_is_refused_with_its_place(tmp_path, change, told):
    path = tmp_path / "kept.json"
    write_inputs(path, Judged(counts=paired(), window=WINDOW))
    document = json.loads(path.read_text())
    change(document["inputs"])
    path.write_text(json.dumps(document))

    with pytest.raises(BrokenEvidenceError) as refused:
        read_inputs(path, Judged)

    assert told in str(refused.value)
    assert str(path) in str(refused.value)
    assert "Judge the capture or the server again" in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": "other", "inputs": {}}',
        gzip.compress(b"{}")[:-4],
        b"\xff",
        b"NaN",
        b"[" * 100_000,
    ],
    ids=["empty", "torn", "a list", "foreign", "torn gzip", "no text", "NaN", "deep"],
)
def test_a_torn_or_foreign_file_is_broken_evidence(tmp_path, content):
    (tmp_path / "kept.json").write_bytes(content)

    with pytest.raises(BrokenEvidenceError, match=r"kept\.json"):
        read_inputs(tmp_path / "kept.json", Judged)


def test_a_file_that_is_not_there_is_missing_evidence(tmp_path):
    with pytest.raises(MissingEvidenceError, match="gone"):
        read_inputs(tmp_path / "gone.json", Judged)
