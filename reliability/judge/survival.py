"""Share of requests slower than x, between and beyond the bucket bounds of a histogram.

Between two bounds the logarithm of the share is a monotone cubic (PCHIP) of the logarithm of
the latency: for the ratio of two quantiles that is about ten times nearer to the truth than
the straight line of `histogram_quantile`. Fed by the latency judge; how sure one may be of a
bucket belongs to `bucket_limits`.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from reliability.judge.counts import FloatArray
from reliability.judge.inversion import root

_ADD_AFTER_LAST = 0.5  # requests assumed above the first bound that nothing exceeded; log(0) has no curve


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """Survival curve of one arm.

    Attributes:
        edges_seconds: 0, then the bucket bounds, last `inf`; shape `(K + 1,)`.
        shares: Share of requests above each edge, 1 first, 0 last, not increasing.
        knots: Logarithms of the bounds the cubic runs through.
        pieces: Cubic coefficients per gap between knots, highest power first.
        first_share: Share that the curve gives at the first bound.
        last_log_share: Logarithm of the share at the last knot.
        tail_slope: Fall of the log share per log second beyond the last knot, above zero.
    """

    edges_seconds: tuple[float, ...]
    shares: tuple[float, ...]
    knots: tuple[float, ...]
    pieces: tuple[tuple[float, float, float, float], ...]
    first_share: float
    last_log_share: float
    tail_slope: float

    def above(self, seconds: float) -> float:
        """Return the share of requests slower than `seconds` (above zero)."""
        first = self.edges_seconds[1]
        if seconds <= first:  # nothing is known of the inside of the first bucket: straight line
            return 1.0 - (1.0 - self.first_share) * seconds / first
        x = math.log(seconds)
        if x >= self.knots[-1]:
            return math.exp(self.last_log_share - self.tail_slope * (x - self.knots[-1]))
        i = max(bisect_left(self.knots, x) - 1, 0)
        a, b, c, d = self.pieces[i]
        dx = x - self.knots[i]
        return math.exp(((a * dx + b) * dx + c) * dx + d)

    def bucket_index(self, seconds: float) -> int:
        """Return the bucket `(edge[i], edge[i + 1]]` that holds `seconds`."""
        return max(bisect_left(self.edges_seconds, seconds) - 1, 0)

    def bucket(self, seconds: float) -> tuple[float, float]:
        """Return the bounds of the bucket that holds `seconds`."""
        i = self.bucket_index(seconds)
        return self.edges_seconds[i], self.edges_seconds[i + 1]

    def position(self, seconds: float) -> tuple[int, float]:
        """Say where the curve puts `seconds` in its bucket.

        Args:
            seconds: Latency above zero.

        Returns:
            Index of the bucket and the part of its requests that are faster, 0 to 1.
        """
        i = self.bucket_index(seconds)
        inside = self.shares[i] - self.shares[i + 1]
        if inside <= 0:
            return i, 0.5
        return i, min(max((self.shares[i] - self.above(seconds)) / inside, 0.0), 1.0)

    def quantile_seconds(self, slower_share: float) -> float:
        """Return the latency that `slower_share` of the requests exceed; `inf` in the last bucket."""
        i = next(k for k, share in enumerate(self.shares) if share <= slower_share) - 1
        low, high = self.edges_seconds[i], self.edges_seconds[i + 1]
        if math.isinf(high):
            return math.inf
        at_high = self.above(high)
        if self.shares[i + 1] == slower_share or at_high >= slower_share:
            return high
        if low == 0.0:
            return high * (1.0 - slower_share) / (1.0 - self.first_share)
        at_low = self.above(low)
        if at_low <= slower_share:
            return math.nextafter(low, high)
        ends = (low, at_low - slower_share), (high, at_high - slower_share)
        found = root(lambda x: self.above(x) - slower_share, *ends, tolerance=1e-12 * high)
        return max(found, math.nextafter(low, high))  # the bucket is open below; a root may round onto its edge


_UNKNOWN = SurvivalCurve(
    edges_seconds=(0.0, math.inf),
    shares=(1.0, 0.0),
    knots=(),
    pieces=(),
    first_share=1.0,
    last_log_share=0.0,
    tail_slope=1.0,
)


def survival_curve(upper_bounds_seconds: FloatArray, shares: FloatArray, *, request_count: float) -> SurvivalCurve:
    """Lay the curve through the shares above the bucket bounds.

    Args:
        upper_bounds_seconds: Bucket bounds, shape `(K,)`, increasing, last `inf`. No latency is at or below
            0: a bound there tells nothing and is left out.
        shares: Share of requests above each bound, shape `(K,)`, not increasing, last 0.
        request_count: Requests behind the shares; sets what a share of zero may hide.

    Returns:
        The curve.

    Source:
        Fritsch and Carlson 1980 (monotone cubic interpolation), as in SciPy.
    """
    shares, upper_bounds_seconds = shares[upper_bounds_seconds > 0], upper_bounds_seconds[upper_bounds_seconds > 0]
    bounds = upper_bounds_seconds[:-1]
    if not bounds.size:  # only +Inf: nothing is known of any latency
        return _UNKNOWN
    finite = np.minimum.accumulate(np.clip(shares[:-1], 0.0, 1.0))
    seen = int(np.count_nonzero(finite))
    values = finite[: seen + 1].copy()
    if seen < finite.size:
        values[seen] = min(_ADD_AFTER_LAST / request_count, _ADD_AFTER_LAST * (values[seen - 1] if seen else 1.0))
    x, y = np.log(bounds[: values.size]), np.log(values)
    pieces: tuple[tuple[float, float, float, float], ...] = ()
    slope = 1.0
    if x.size > 1:
        pieces = tuple((a, b, c, d) for a, b, c, d in _monotone_cubic(x, y).tolist())
        slope = max(1.0, -float(y[-1] - y[-2]) / float(x[-1] - x[-2]))
    return SurvivalCurve(
        edges_seconds=(0.0, *upper_bounds_seconds.tolist()),
        shares=(1.0, *finite.tolist(), 0.0),
        knots=tuple(x.tolist()),
        pieces=pieces,
        first_share=float(values[0]),
        last_log_share=float(y[-1]),
        tail_slope=slope,
    )


def counted_curve(upper_bounds_seconds: FloatArray, cumulative: FloatArray) -> SurvivalCurve:
    """Lay the curve through requests at or below the bounds, shape `(K,)`, at least one; see `survival_curve`."""
    total = float(cumulative[-1])
    return survival_curve(upper_bounds_seconds, 1.0 - cumulative / total, request_count=total)


def _monotone_cubic(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the coefficients of the monotone cubic between knots, shape `(K - 1, 4)`, highest power first.

    The same as SciPy's `PchipInterpolator`, without its checks: those took most of a verdict's time.
    """
    step = np.diff(x)
    chord = np.diff(y) / step
    slope = np.empty_like(y)
    if chord.size == 1:
        slope[:] = chord
    else:
        left, right = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
        same = chord[:-1] * chord[1:] > 0
        first, second = np.where(same, chord[:-1], 1.0), np.where(same, chord[1:], 1.0)
        slope[1:-1] = np.where(same, (left + right) / (left / first + right / second), 0.0)
        slope[0] = _end_slope(step[0], step[1], chord[0], chord[1])
        slope[-1] = _end_slope(step[-1], step[-2], chord[-1], chord[-2])
    bend = (slope[:-1] + slope[1:] - 2 * chord) / step
    return np.column_stack([bend / step, (chord - slope[:-1]) / step - bend, slope[:-1], y[:-1]])


def _end_slope(step: float, next_step: float, chord: float, next_chord: float) -> float:
    """Return the slope at an end: three points, kept monotone."""
    slope = ((2 * step + next_step) * chord - step * next_chord) / (step + next_step)
    if slope * chord <= 0:
        return 0.0
    return 3 * chord if chord * next_chord < 0 and abs(slope) > 3 * abs(chord) else slope


def tail_index(curve: SurvivalCurve, *, slower_share: float) -> float | None:
    """Measure how fast the share falls around a quantile: `-d log S / d log x`.

    Args:
        curve: Survival curve, best of both arms together.
        slower_share: Share at the quantile, for example 0.05.

    Returns:
        Slope of the chord between twice and half the share; None where that leaves the
        finite buckets.
    """
    near, far = curve.quantile_seconds(min(2 * slower_share, 0.9)), curve.quantile_seconds(slower_share / 2)
    if math.isinf(far) or near <= 0 or far <= near:
        return None
    return math.log(min(2 * slower_share, 0.9) / (slower_share / 2)) / math.log(far / near)
