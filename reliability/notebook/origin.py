"""Where a report's samples come from: a server, stored answers of one, a capture or a sample.

Resolves the parameters against what is known about the source and the built-in defaults.
What is counted and judged belongs to `reliability.notebook.canary_evidence`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reliability.clock import format_instant, parse_instant
from reliability.errors import ParameterError
from reliability.notebook.parts import near
from reliability.notebook.run import Place
from reliability.settings import LIVE_WINDOW_MINUTES, WARMUP_MINUTES, CanarySettings
from reliability.sources.answer_store import INDEX_NAME, RecordingTransport, ReplayTransport
from reliability.sources.captures import Capture, read_bare_capture, read_capture
from reliability.sources.component_metrics import NAMES, read_components
from reliability.sources.connection import CONFIGURED, connect
from reliability.sources.live_transport import LiveTransport
from reliability.sources.manifest import USUAL_ARMS, USUAL_METRICS, told_by
from reliability.sources.metrics import MetricNames
from reliability.sources.prometheus import PrometheusSource
from reliability.sources.promql import Matcher, parse_matchers
from reliability.sources.samples import SAMPLE_PREFIX, check_source, open_sample
from reliability.sources.validation import refusing
from reliability.window import Window

URL_PREFIXES: Final = ("http://", "https://")
DEFAULTS: Final[Mapping[str, Any]] = {
    **told_by(USUAL_ARMS, USUAL_METRICS), "window_minutes": LIVE_WINDOW_MINUTES, "warmup_minutes": WARMUP_MINUTES,
}  # fmt: skip
_OPTIONAL: Final = ("baseline_window_end", "route_label")  # have no default, and choose what is asked
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm: what runs there, and which labels its series carry."""

    release: str
    matchers_text: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known about the samples beforehand, and is kept with their counts.

    Attributes:
        description: Name of the source for readers.
        window: Whole window of the canary, and of the baseline unless it has its own; warm-up included.
        baseline_window: Earlier window of the baseline, as long; None when both arms ran at once.
        as_of: Instant at which the page is judged.
        warmup_minutes: Head of each window that is cut off.
        arms: Matchers and release by arm.
        names: Names of the metrics.
        route_label: Label of the route; None when routes are not told apart.
        sample: Name of the shipped sample; None for other sources.
        service: What was measured; empty when unknown.
        experiment: Named facts of a recorded experiment, for example its injected delay.
    """

    description: str
    window: Window
    baseline_window: Window | None = None
    as_of: datetime
    warmup_minutes: float
    arms: Mapping[str, Arm]
    names: MetricNames
    route_label: str | None = None
    sample: str | None = None
    service: str = ""
    experiment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def whole_window(self) -> Window:
        """From the start of the first window to the end of the last."""
        return Window(start=(self.baseline_window or self.window).start, end=self.window.end)

    def judged_window(self, arm: str) -> Window:
        """Return the window of an arm behind its warm-up.

        Raises:
            ParameterError: Nothing is left of it.
        """
        window = self.baseline_window if arm == "baseline" and self.baseline_window else self.window
        judged = window.without_head(seconds=60 * self.warmup_minutes)
        if judged is None:
            raise ParameterError(
                f"the window of {window.seconds / 60:g} minutes leaves nothing behind the warm-up of "
                f"{self.warmup_minutes:g} minutes; lengthen window_minutes or shorten warmup_minutes."
            )
        return judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin(Told):
    """The same, with the source that fetches samples."""

    source: Capture | PrometheusSource


def find_origin(parameters: Parameters, *, place: Place) -> Origin:
    """Find the source that the parameters name; a live one is not asked yet.

    Args:
        parameters: Resolved parameters of the canary section.
        place: Where and when the report is made.

    Returns:
        The origin.

    Raises:
        SettingsError: The configured server is meant, but the settings name none.
        UsageError: The text names no source.
        SourceError: A recording cannot be read.
        SelectorError: A metric name or matcher is not valid PromQL.
    """
    source: str = parameters["source"]
    check_source(source, place.project)
    if source == CONFIGURED or source.startswith(URL_PREFIXES):
        return _live(parameters, place)
    if source.startswith(SAMPLE_PREFIX):
        sample = open_sample(source.removeprefix(SAMPLE_PREFIX))
        canary = {"canary": sample.canary_matchers} if sample.canary_matchers else {}
        return replace(_recorded(parameters, sample.capture, sample.window, **canary), sample=sample.name)
    path = near(place.project, source)
    if (path / INDEX_NAME).exists():
        return _replayed(parameters, path)
    capture = read_bare_capture(path) if path.is_file() else read_capture(path)
    return _recorded(parameters, capture, capture.manifest.window)


def _live(parameters: Parameters, place: Place) -> Origin:
    """Ask a server, and keep its answers with what is needed to ask the same again."""
    now = place.now.replace(microsecond=0)  # a stored answer is found again by its instant
    chosen = _chosen(parameters, {"window_end": format_instant(now)})
    stored = {name: chosen[name] for name in (*DEFAULTS, "window_end", *_OPTIONAL) if chosen.get(name) is not None}
    connection = connect(place.settings.prometheus, parameters["source"], project=place.project, environ=os.environ)
    kept = RecordingTransport(LiveTransport(connection), place.answers, as_of=now, parameters=stored)
    return _origin(stored, PrometheusSource(kept), as_of=now)


def _replayed(parameters: Parameters, path: Path) -> Origin:
    """Ask the stored answers of a run as it asked."""
    replay = ReplayTransport(path)
    stored = replay.stored
    with refusing(f"{path / INDEX_NAME} holds parameters that no run has", cure="Run the report again."):
        CanarySettings.model_validate(stored.parameters)
    known = {"window_end": format_instant(stored.as_of), **stored.parameters}
    return _origin(_chosen(parameters, known), PrometheusSource(replay), as_of=stored.as_of)


def _recorded(parameters: Parameters, capture: Capture, window: Window, **known: str) -> Origin:
    """Search a recording; its manifest takes the place of the defaults."""
    manifest = capture.manifest
    told = {
        **told_by(manifest.arms, manifest.metrics),
        "warmup_minutes": manifest.warmup_minutes,
        "window_end": format_instant(window.end),
        **known,
    }
    start = None if parameters["window_minutes"] else window.start
    origin = _origin(_chosen(parameters, told), capture, as_of=manifest.as_of, start=start)
    return replace(origin, service=manifest.service, experiment=_experiment(capture, origin.arms["canary"]))


def _experiment(capture: Capture, canary: Arm) -> Mapping[str, Any]:
    """Add to the facts of an experiment with an outage how many calls the canary's breakers refused, if it has any."""
    manifest = capture.manifest
    if not manifest.experiment.get("payment_outage"):
        return manifest.experiment
    answer = capture.fetch(metrics=NAMES, matchers=canary.matchers, window=manifest.window)
    breakers = read_components(answer, window=manifest.window).breakers
    refused = {"breaker_refused_calls": sum(each.calls.get("rejected", 0) for each in breakers)} if breakers else {}
    return {**manifest.experiment, **refused}


def _chosen(parameters: Parameters, known: Parameters) -> Parameters:
    """Lay the parameters over what is known about the source, and that over the defaults."""
    given = {name: value for name, value in parameters.items() if value is not None}
    chosen = {**DEFAULTS, **known, **given}
    if chosen.get("baseline_window_end") is None:
        return chosen
    same = {"baseline": chosen["canary"], "baseline_release": "before"}  # two windows of one series
    if chosen["canary_release"] == DEFAULTS["canary_release"]:
        same["canary_release"] = "after"
    kept = known if "baseline_window_end" in known else {}  # stored answers of a run that compared two windows
    return {**chosen, **same, **{name: value for name, value in {**kept, **given}.items() if name in same}}


def _origin(
    chosen: Parameters, source: Capture | PrometheusSource, *, as_of: datetime, start: datetime | None = None
) -> Origin:
    end = parse_instant(chosen["window_end"])
    window = Window(start=start or end - timedelta(minutes=chosen["window_minutes"]), end=end)
    return Origin(
        source=source,
        description=source.description,
        window=window,
        baseline_window=_earlier(chosen.get("baseline_window_end"), window),
        route_label=chosen.get("route_label"),
        as_of=as_of,
        warmup_minutes=chosen["warmup_minutes"],
        arms={
            arm: Arm(
                release=chosen[f"{arm}_release"],
                matchers_text=chosen[arm],
                matchers=parse_matchers(chosen[arm], where=arm),
            )
            for arm in ("baseline", "canary")
        },
        names=MetricNames(
            latency=chosen["latency_metric"],
            requests=chosen["requests_metric"],
            error_matchers=parse_matchers(chosen["error_matchers"], where="error_matchers"),
            unit=chosen["latency_unit"],
        ),
    )


def _earlier(end_text: str | None, window: Window) -> Window | None:
    """Return the baseline's own window, as long as the canary's.

    Raises:
        ParameterError: It reaches into the canary's.
    """
    if end_text is None:
        return None
    end = parse_instant(end_text)
    if end > window.start:
        raise ParameterError(
            f"baseline_window_end = {end_text} lies behind {format_instant(window.start)}, where the canary's window "
            f"of {window.seconds / 60:g} minutes begins; choose an earlier end, a later window_end, or shorter "
            f"window_minutes, which both windows have."
        )
    return Window(start=end - timedelta(seconds=window.seconds), end=end)
