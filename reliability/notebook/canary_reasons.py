"""Why a canary's verdict is what it is: thresholds, looks, both sides, noise known before, routes, load.

Fed with judged evidence; gives parts of the report's JSON. Words belong to `reliability.report`.
"""

import math
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from reliability.notebook.canary_evidence import CanaryEvidence
from reliability.report.formats import DASH

Data = dict[str, Any]
_LOAD_FIELDS: Final = (
    "baseline_per_second", "canary_per_second", "change_fraction", "largest_share_change_fraction",
)  # fmt: skip
_SHARE_FIELDS: Final = ("route", "baseline_fraction", "canary_fraction", "change_fraction")


def reasons(found: CanaryEvidence) -> Data:
    """Say what the verdict rests on beyond the measures: thresholds, looks, noise known before, both sides."""
    judgement, case = found.judgement, found.judgement.other_case
    return {
        "comparison": found.comparison,
        "thresholds": asdict(found.thresholds),
        "looks": {"used": 1, "planned": 1},
        "undecided": judgement.undecided,
        "other_case": case and {"for": case.speaks_for, "measures": case.measures},
        "history": _history(found),
    }


def _history(found: CanaryEvidence) -> Data | None:
    stored, counts = found.history, found.inputs.counts
    if stored is None:
        return None
    seconds = float(np.ptp(counts.edges[1])) if counts else found.judged_window.seconds
    noise = stored.noise_history
    return {
        "minutes": noise.seconds / 60,
        "measured_at": stored.window.end,
        "latency_log_sd": math.sqrt(noise.latency_log_variance_seconds / seconds),
        "latency_degrees": noise.latency_degrees,
        "error_degrees": noise.error_degrees,
        "version": stored.version,
    }


def by_route(found: CanaryEvidence) -> Data:
    """Give the routes as they were judged; None without a route label."""
    judged, thresholds = found.judgement.routes, found.thresholds
    return {
        "comparison": found.comparison,
        "margin_fraction": thresholds.margin_fraction,
        "routes": judged and judged.to_json(gates=thresholds.gate_routes),
    }


def load_change(found: CanaryEvidence) -> Data | None:
    """Compare load and traffic mix of two windows; None when both arms ran at once."""
    load = found.load
    if load is None:
        return None
    shares = [{name: getattr(share, name) for name in _SHARE_FIELDS} for share in load.shares]
    return {**{name: getattr(load, name) for name in _LOAD_FIELDS}, "shares": shares}


def mixed_labels(found: CanaryEvidence) -> list[Data]:
    """List the labels, by arm, in which an arm mixes targets that differ."""
    return [
        {"arm": name, "label": mixed.label, "values": [value or DASH for value in mixed.values]}
        for name, arm in found.inputs.facts.arms
        for mixed in arm.mixed_labels
    ]
