"""What the bench asks: settings of simulated canaries, their noise, and the true changes.

The noise regimes are judged, not fitted to production: `od` has shared and own noise with a memory,
`hard` own noise whose memory is as long as the run. Drawing them is the business of `generator`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Mixture: TypeAlias = list[tuple[float, float, float]]  # weight, log median, log standard deviation

WARMUP_SECONDS = 120.0
SCRAPE_SECONDS = 15.0
MARGIN = 0.10
ERROR_MARGIN_ABSOLUTE = 0.005
ERROR_MARGIN_RELATIVE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviations and memory (lag-one correlation) of each kind of noise."""

    shared_sd: float = 0.0
    shared_memory: float = 0.0
    own_sd: float = 0.0
    own_memory: float = 0.0
    burst_share: float = 0.0
    load_sd: float = 0.0
    error_sd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting of the bench.

    Attributes:
        rps: Requests per second of the canary.
        ratio: Traffic of the baseline over that of the canary.
        minutes: Length after the warm-up.
        noise: Key of `NOISE`.
        layout: Key of `LAYOUTS`, the bucket bounds.
        shape: Key of `SHAPES`, the latency law.
        slow_path_only: Only the slowest part of the law changes, with the same P95.
        settling: Amplitude and seconds of a canary that starts slow.
        ramp: The canary's share of traffic grows while both arms slow down.
        mess: A counter reset, 4 % missing scrapes and a hole of two minutes.
        baseline_error_fraction: True error fraction of the baseline.
        drifting: The change grows from nothing to all of it at the end, in the canary only.
        note: `low`, `coarse` or `hard`: not counted in the means.
    """

    rps: float = 50.0
    ratio: float = 1.0
    minutes: float = 30.0
    noise: str = "od"
    layout: str = "l1.1"
    shape: str = "ln"
    slow_path_only: bool = False
    settling: tuple[float, float] | None = None
    ramp: bool = False
    mess: bool = False
    baseline_error_fraction: float = 0.005
    drifting: bool = False
    note: str = ""


def ladder(factor: float, *, low: float = 0.004, high: float = 12.0) -> FloatArray:
    """Return bounds that grow by a constant factor."""
    steps = np.arange(int(np.ceil(np.log(high / low) / np.log(factor))) + 1)
    return np.asarray(low * factor**steps, dtype=np.float64)


LAYOUTS: Mapping[str, FloatArray] = {
    "l1.1": ladder(1.1),
    "native3": 2.0 ** (np.arange(-64, 29) / 8.0),
    "f1.25": ladder(1.25),
    "f1.5": ladder(1.5),
    "prom": np.array([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]),
}
SHAPES: Mapping[str, Mixture] = {
    "ln": [(1.0, 0.07, 0.6)],
    "bimodal": [(0.88, 0.04, 0.4), (0.12, 0.16, 0.35)],
    "heavy": [(0.9, 0.06, 0.5), (0.1, 0.15, 0.9)],
}  # here with medians, not their logarithms
NOISE: Mapping[str, Noise] = {
    "iid": Noise(),
    "od": Noise(
        shared_sd=0.15, shared_memory=0.95, own_sd=0.04, own_memory=0.8, burst_share=0.01, load_sd=0.2, error_sd=0.5
    ),
    "hard": Noise(
        shared_sd=0.15, shared_memory=0.95, own_sd=0.08, own_memory=0.95, burst_share=0.02, load_sd=0.3, error_sd=0.5
    ),
}
LATENCY_CELLS: Mapping[str, Cell] = {
    "A1": Cell(noise="iid", rps=5),
    "A2": Cell(noise="iid", minutes=10),
    "A3": Cell(rps=5),
    "A4": Cell(rps=5, minutes=60),
    "A5": Cell(minutes=10),
    "A6": Cell(),
    "A7": Cell(minutes=60),
    "A8": Cell(rps=0.5, minutes=60, note="low"),
    "A9": Cell(rps=0.5, minutes=10, note="low"),
    "A10": Cell(ratio=19.0, rps=5),
    "A11": Cell(shape="bimodal"),
    "A12": Cell(shape="heavy"),
    "A13": Cell(shape="bimodal", slow_path_only=True),
    "A14": Cell(settling=(1.0, 120.0)),
    "A15": Cell(settling=(3.0, 120.0), rps=5, minutes=60),
    "A16": Cell(ramp=True),
    "A17": Cell(mess=True),
    "A18": Cell(mess=True, rps=5, ratio=19.0, minutes=60, settling=(1.0, 120.0)),
    "A19": Cell(layout="native3"),
    "A20": Cell(layout="f1.25"),
    "A21": Cell(layout="f1.5", note="coarse"),
    "A22": Cell(layout="prom", note="coarse"),
    "A23": Cell(layout="prom", noise="iid", rps=500, note="coarse"),
    "A24": Cell(noise="hard", note="hard"),
    "A25": Cell(noise="hard", minutes=60, note="hard"),
}
ERROR_CELLS: Mapping[str, Cell] = {
    "B1": Cell(noise="iid", rps=5),
    "B2": Cell(noise="iid", minutes=10),
    "B3": Cell(rps=5),
    "B4": Cell(),
    "B5": Cell(minutes=10),
    "B6": Cell(baseline_error_fraction=0.05),
    "B7": Cell(rps=5, baseline_error_fraction=0.0),
    "B8": Cell(rps=0.5, minutes=60, note="low"),
    "B9": Cell(rps=5, ratio=19.0, minutes=60),
    "B10": Cell(ramp=True),
    "B11": Cell(mess=True),
}
DRIFT_CELLS: Mapping[str, Cell] = {
    "D1": Cell(minutes=60, drifting=True),
    "D2": Cell(minutes=60, rps=5, drifting=True),
    "D3": Cell(minutes=30, drifting=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Cells and true changes of one question.

    Attributes:
        name: `latency`, `errors` or `drift`.
        cells: Settings by name.
        effects: True changes; of errors in shares of the allowed rise, of drift at the end.
        boundary: The change that sits on the margin; None when no change does.
        stream: Added to the cell's number in the seed.
    """

    name: str
    cells: Mapping[str, Cell]
    effects: tuple[float, ...]
    boundary: float | None
    stream: int

    @property
    def measure(self) -> str:
        """What is judged: `latency` or `errors`."""
        return "errors" if self.name == "errors" else "latency"


LATENCY = Question(
    name="latency", cells=LATENCY_CELLS, effects=(0.0, 0.05, 0.10, 0.15, 0.20, 0.50), boundary=MARGIN, stream=0
)
ERRORS = Question(name="errors", cells=ERROR_CELLS, effects=(0.0, 0.5, 1.0, 2.0, 4.0), boundary=1.0, stream=1000)
DRIFT = Question(name="drift", cells=DRIFT_CELLS, effects=(0.0, 0.20, 0.30, 0.50), boundary=None, stream=4000)
QUESTIONS = (LATENCY, ERRORS, DRIFT)
