"""Presets: what usual exporters call the latency of requests, their count and their failures.

The names stand in `presets.toml`. Looking at a server belongs to `reliability.workbench.proposal`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from reliability.errors import UsageError
from reliability.sources.promql import parse_matchers


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Names of one exporter.

    Attributes:
        latency_metric: Histogram, without `_bucket`.
        unit: Unit of its bounds.
        requests_metric: Counter of requests with their status.
        error_matchers: Matchers of failed requests.
        arm_labels: Labels that usually tell two arms apart, the best one first.
        matchers: Matchers that both arms need.
    """

    latency_metric: str
    unit: Literal["seconds", "milliseconds"]
    requests_metric: str
    error_matchers: str
    arm_labels: Sequence[str]
    matchers: str = ""

    @property
    def status_label(self) -> str:
        """Label of the counter that holds the status of a request."""
        return parse_matchers(self.error_matchers)[0].name


@cache
def presets() -> Mapping[str, tuple[Preset, ...]]:
    """Return the variants of every preset by its name."""
    text = (Path(__file__).parent / "presets.toml").read_text(encoding="utf-8")
    return {name: tuple(Preset(**each) for each in variants) for name, variants in tomllib.loads(text).items()}


def variants_of(name: str | None) -> tuple[Preset, ...]:
    """Return the variants of a preset, of all of them without a name.

    Raises:
        UsageError: There is no such preset; the message lists the names.
    """
    known = presets()
    if name is None:
        return tuple(variant for variants in known.values() for variant in variants)
    if name not in known:
        raise UsageError(f"there is no preset '{name}'; there are: {', '.join(known)}.")
    return known[name]
