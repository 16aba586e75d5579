"""The manifest beside a capture: what was recorded, when, of which arms, and what is true.

Read strictly and printed in one canonical form. The capture's body is the business of
`reliability.sources.captures`.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from reliability.clock import format_instant
from reliability.errors import SelectorError
from reliability.sources.promql import METRIC_NAME, parse_matchers
from reliability.sources.validation import Strict, refusing
from reliability.window import Window

SCHEMA: Final = "reliability.capture/1"


def _check_matchers(text: str) -> str:
    try:
        parse_matchers(text)
    except SelectorError as err:
        raise ValueError(err.args[0]) from err
    return text


_MetricName = Annotated[str, Field(pattern=f"^{METRIC_NAME}$")]


class Server(Strict):
    """The program that answered."""

    product: str
    version: str


class ArmEntry(Strict):
    """How the series of one arm are found, and what runs there."""

    matchers: Annotated[str, AfterValidator(_check_matchers)]
    release: str


class MetricsEntry(Strict):
    """Names of the metrics in the capture."""

    latency: _MetricName
    requests: _MetricName
    error_matchers: Annotated[str, Field(min_length=1), AfterValidator(_check_matchers)]
    unit: Literal["seconds", "milliseconds"]


USUAL_ARMS: Final = {arm: ArmEntry(matchers=f'arm="{arm}"', release=arm) for arm in ("baseline", "canary")}
USUAL_METRICS: Final = MetricsEntry(
    latency="http_request_duration_seconds",
    requests="http_requests_total",
    error_matchers='code=~"5.."',
    unit="seconds",
)


def _check_arms(arms: Mapping[str, ArmEntry]) -> Mapping[str, ArmEntry]:
    missing = {"baseline", "canary"} - set(arms)
    if missing:
        raise ValueError(f"the arm {min(missing)} is missing")
    return arms


class Manifest(Strict):
    """What is known about a capture; the defaults are for a body that came without a manifest.

    Attributes:
        schema_name: Format of the manifest; `schema` in the file.
        name: Name of the recording.
        recorded_at: When it was recorded.
        as_of: Instant at which pages on it are judged.
        server: The program that answered.
        query: The query whose answer it is.
        evaluated_at: Instant for which the query was evaluated.
        window: From the start of the load to its end.
        scrape_interval_seconds: Configured distance of two scrapes.
        capture_sha256: Checksum of the compressed body.
        arms: Arms by name, `baseline` and `canary` among them.
        metrics: Names of the metrics.
        warmup_minutes: Head of the window that is not judged.
        service: What was measured.
        warnings: Warnings of the server.
        infos: Remarks of the server.
        experiment: Free facts about the experiment.
        truth: What the client counted by itself.
    """

    schema_name: Literal["reliability.capture/1"] = Field(SCHEMA, alias="schema")
    name: str
    recorded_at: AwareDatetime
    as_of: AwareDatetime
    server: Server = Server(product="unknown", version="unknown")
    query: str = ""
    evaluated_at: AwareDatetime
    window: Window
    scrape_interval_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    capture_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    arms: Annotated[Mapping[str, ArmEntry], AfterValidator(_check_arms)] = USUAL_ARMS
    metrics: MetricsEntry = USUAL_METRICS
    warmup_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5
    service: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    experiment: Mapping[str, Any] = {}
    truth: Mapping[str, Any] = {}


def parse_manifest(data: bytes, *, where: str) -> Manifest:
    """Read a manifest.

    Args:
        data: Content of the file.
        where: Name of the file, for messages.

    Returns:
        The manifest.

    Raises:
        BrokenEvidenceError: It is not JSON, of another schema, or a value is impossible.
    """
    with refusing(f"{where} is no manifest of schema {SCHEMA}", cure="Record the capture again."):
        return Manifest.model_validate_json(data)


def told_by(arms: Mapping[str, ArmEntry], metrics: MetricsEntry) -> dict[str, str]:
    """Say in the words of the canary's settings what a manifest tells.

    Args:
        arms: Arms by name.
        metrics: Names of the metrics.

    Returns:
        Value by option.
    """
    return {
        **{arm: entry.matchers for arm, entry in arms.items()},
        **{f"{arm}_release": entry.release for arm, entry in arms.items()},
        "latency_metric": metrics.latency,
        "latency_unit": metrics.unit,
        "requests_metric": metrics.requests,
        "error_matchers": metrics.error_matchers,
    }


def manifest_text(manifest: Manifest) -> str:
    """Print a manifest with sorted keys, one value a line."""
    document = manifest.model_dump(by_alias=True)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, default=format_instant) + "\n"
