"""Our judges as the bench calls them: counters of two arms in, a verdict with its reason out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reliability.judge.counts import ArmCounts, FloatArray, PairedCounts
from reliability.judge.error_rate import judge_errors
from reliability.judge.history import NoiseHistory, measure_history
from reliability.judge.latency import LatencyJudgement, judge_latency
from tests.bench.generator import Arm

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a judge says.

    Attributes:
        text: Verdict and reason, for example `PASS:inside-budget`.
        interval: 95 % interval of the change of P95, or of the error fraction; None: none given.
    """

    text: str
    interval: tuple[float, float] | None = None


def fixed(baseline: Arm, canary: Arm, settings: Settings) -> str:
    """Judge one simulated canary after a fixed horizon.

    Args:
        baseline: Counters of the baseline, in the layout of `tests.bench.generator`.
        canary: Counters of the canary.
        settings: Question, margins, levels, clock, and perhaps `history`: two arms of one version.

    Returns:
        Verdict and reason.
    """
    return answer(baseline, canary, settings).text


def answer(baseline: Arm, canary: Arm, settings: Settings) -> Answer:
    """Judge like `fixed`, with the interval."""
    counts, history = pair(baseline, canary, settings), history_of(settings)
    levels = {"alpha_fail": settings["alpha_fail"], "alpha_pass": settings["alpha_pass"]}
    if settings["question"] == "latency":
        latency = judge_latency(
            counts, margin_fraction=settings["budget"], quantile=settings["p"], history=history, **levels
        )
        return Answer(text=_latency_text(latency), interval=latency.increase_interval)
    errors = judge_errors(
        counts,
        margin_absolute_fraction=settings["err_abs"],
        margin_relative_fraction=settings["err_rel"],
        history=history,
        **levels,
    )
    return Answer(text=f"{errors.verdict.value}:{errors.reason}", interval=errors.interval)


def _latency_text(latency: LatencyJudgement) -> str:
    """Say also whether one that coarse buckets keep undecided names better bounds."""
    text = f"{latency.verdict.value}:{latency.reason}"
    named = latency.suggested_bounds_seconds and latency.reason == "buckets-too-coarse"
    return f"{text}, bounds named" if named else text


def history_of(settings: Settings) -> NoiseHistory | None:
    """Measure the noise of `settings["history"]`, when there is one."""
    if "history" not in settings:
        return None
    baseline, canary = settings["history"]
    return measure_history(pair(baseline, canary, settings), quantile=settings["p"])


def pair(baseline: Arm, canary: Arm, settings: Settings) -> PairedCounts:
    """Put both arms on their common scrapes, without the warm-up, resets repaired.

    Args:
        baseline: Counters of the baseline.
        canary: Counters of the canary.
        settings: `scrape_s` and `warmup_s`.

    Returns:
        Increments as the sources would deliver them.
    """
    step = settings["scrape_s"]
    points = [np.round(arm["timestamps"] / step).astype(int) for arm in (baseline, canary)]
    common, *rows = np.intersect1d(points[0], points[1], return_indices=True)
    first = int(np.searchsorted((common - common[0]) * step, settings["warmup_s"]))
    arms = [_counts(arm, row[first:]) for arm, row in zip((baseline, canary), rows, strict=True)]
    return PairedCounts(
        edges_seconds=(common[first:] * step).astype(np.float64),
        upper_bounds_seconds=baseline["le"],
        baseline=arms[0],
        canary=arms[1],
        scrape_interval_seconds=step,
    )


def _counts(arm: Arm, rows: "np.ndarray[tuple[int], np.dtype[np.int_]]") -> ArmCounts:
    reset = np.r_[False, np.diff(arm["requests"]) < 0]

    def gains(counter: FloatArray) -> FloatArray:
        steps = np.diff(counter, axis=0, prepend=counter[:1])
        steps[reset] = counter[reset]
        return np.diff(np.cumsum(steps, axis=0)[rows], axis=0)

    return ArmCounts(
        bucket_counts=gains(arm["buckets"]),
        requests=gains(arm["requests"]),
        errors=gains(arm["errors"]),
        latency_sum_seconds=gains(arm["sum"]),
    )
