"""The manifest beside a capture: what was recorded, when, of which arms, and what is true.

Read strictly and printed in one canonical form. The capture's body is the business of
`reliability.sources.captures`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, with_config

from reliability.clock import format_instant
from reliability.errors import BrokenEvidenceError, SelectorError
from reliability.sources.metrics import MetricNames
from reliability.sources.promql import parse_matchers
from reliability.sources.validation import first_problem
from reliability.window import Window

SCHEMA: Final = "reliability.capture/1"
_STRICT: Final = ConfigDict(strict=True, extra="forbid")


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant names its time zone, for example 2026-11-26T18:40:00Z")
    return instant.astimezone(UTC)


def _matchers(text: str) -> str:
    try:
        parse_matchers(text)
    except SelectorError as err:
        raise ValueError(err.args[0]) from err
    return text


def _interval(window: Window) -> dict[str, str]:
    return {"start": format_instant(window.start), "end": format_instant(window.end)}


_Instant = Annotated[datetime, AfterValidator(_aware), PlainSerializer(format_instant)]
_Matchers = Annotated[str, AfterValidator(_matchers)]


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The program that answered."""

    product: str
    version: str


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEntry:
    """How the series of one arm are found, and what runs there."""

    matchers: _Matchers
    release: str


def _both_arms(arms: Mapping[str, ArmEntry]) -> Mapping[str, ArmEntry]:
    missing = {"baseline", "canary"} - set(arms)
    if missing:
        raise ValueError(f"the arm {min(missing)} is missing")
    return arms


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsEntry:
    """Names of the metrics in the capture."""

    latency: str
    requests: str
    error_matchers: _Matchers
    unit: Literal["seconds", "milliseconds"]

    def names(self) -> MetricNames:
        """Return the names as the counting wants them.

        Raises:
            SelectorError: A name is not valid.
        """
        return MetricNames(
            latency=self.latency,
            requests=self.requests,
            error_matchers=parse_matchers(self.error_matchers, where="the manifest's error matchers"),
            unit=self.unit,
        )


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is known about a capture.

    Attributes:
        schema: Format of the manifest.
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

    schema: Literal["reliability.capture/1"]
    name: str
    recorded_at: _Instant
    as_of: _Instant
    server: Server
    query: str
    evaluated_at: _Instant
    window: Annotated[Window, PlainSerializer(_interval)]
    scrape_interval_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    capture_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    arms: Annotated[Mapping[str, ArmEntry], AfterValidator(_both_arms)]
    metrics: MetricsEntry
    warmup_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5
    service: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    experiment: Mapping[str, Any] = field(default_factory=dict)
    truth: Mapping[str, Any] = field(default_factory=dict)


_ADAPTER: Final = TypeAdapter(Manifest)


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
    try:
        manifest = _ADAPTER.validate_json(data)
        manifest.metrics.names()
    except ValidationError as err:
        raise BrokenEvidenceError(
            f"{where} is no manifest of schema {SCHEMA}: {first_problem(err)}. Record the capture again."
        ) from err
    except SelectorError as err:
        raise BrokenEvidenceError(f"{where}: {err.args[0]} Record the capture again.") from err
    return manifest


def manifest_text(manifest: Manifest) -> str:
    """Print a manifest with sorted keys, one value a line."""
    document = _ADAPTER.dump_python(manifest, mode="json")
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
