"""The command `canary plan`: how many requests and minutes this canary needs, told before it starts.

Parses, asks for the baseline, tells. The numbers belong to `horizons`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import click

from reliability.canary.asking import chosen_source, fetch_arm, pair_groups, split_replicas
from reliability.canary.horizons import plan_errors, plan_latency
from reliability.canary.planned import ErrorPlan, LatencyPlan, PlannedDecision, PlanRules, Traffic
from reliability.errors import MissingEvidenceError, ParameterError
from reliability.judge.counts import SuccessiveCounts, WindowCounts
from reliability.judge.history import NoiseHistory, measure_history
from reliability.judge.planning import POWER
from reliability.notebook.block import plain
from reliability.notebook.canary_evidence import budgets_of
from reliability.notebook.origin import Origin, Parameters, find_origin
from reliability.notebook.parts import near
from reliability.notebook.run import Place
from reliability.report.words import printable, words_in
from reliability.sources.answer import Answer
from reliability.sources.history_file import StoredHistory, read_history
from reliability.sources.increments import window_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The plan, and what it stands on.

    Attributes:
        origin: Where the baseline was measured.
        traffic: What it counted, and what the canary will get.
        rules: How the canary will be judged.
        noise: Noise between the arms; None when it is not known.
        noise_from: `history`, `replicas` or `unknown`.
        cautions: Codes that limit the trust in a history.
        latency: The plan for the P95.
        errors: The plan for the error rate.
    """

    origin: Origin
    traffic: Traffic
    rules: PlanRules
    noise: NoiseHistory | None
    noise_from: str
    cautions: tuple[str, ...]
    latency: LatencyPlan
    errors: ErrorPlan


@click.command(
    epilog="""\b
Examples:
  reliability canary plan --share-percent 10
  reliability canary plan --capture captures/release-2.8 -p margin_percent=5 --json

\b
Exit status: 0 planned, 2 usage or settings, 4 no data."""
)
@click.option("--capture", metavar="PATH", help="A capture's folder, a recorded body, or stored answers of a run.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings instead of the project's reliability.toml.")
@click.option("-p", "assignments", metavar="NAME=VALUE", multiple=True, help="Set an option of [canary].")
@click.option(
    "--share-percent",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    help="Share of the traffic that the canary will get; else canary_share_percent, else the share that it has.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(
    *,
    capture: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    share_percent: float | None,
    as_json: bool,
) -> None:
    """Say how many requests and minutes this canary needs for its margins at this traffic.

    Only the baseline has to run. The noise between arms comes from history_file, else from the
    baseline's own replicas in two groups.
    """
    with chosen_source(capture, config, assignments, canary_share_percent=share_percent) as (parameters, place):
        outlook = look_ahead(parameters, place=place)
    if as_json:
        click.echo(json.dumps(_document(outlook), indent=1, sort_keys=True))
    else:
        for line in _lines(outlook):
            click.echo(printable(line))


def look_ahead(parameters: Parameters, *, place: Place) -> Outlook:
    """Measure the baseline and plan with it.

    Args:
        parameters: Resolved options.
        place: Where and when.

    Returns:
        The plan.

    Raises:
        SourceError: The samples cannot be had, or the baseline has no traffic.
        UsageError: The canary's share is not known, or an option is not valid.
    """
    origin = find_origin({**parameters, "baseline_window_end": None}, place=place)
    limits = budgets_of(parameters)
    rules = PlanRules(**{field.name: getattr(limits, field.name) for field in fields(PlanRules)})
    answer = fetch_arm(origin, "baseline")
    counts = _counts(answer, answer, origin)
    if isinstance(counts, str):
        reason = words_in("en").plain(f"canary.latency.reason.{counts}")
        raise MissingEvidenceError(f"the baseline {origin.arms['baseline'].matchers_text} gives no plan: {reason}")
    totals = counts.baseline.total
    traffic = Traffic(
        upper_bounds_seconds=counts.upper_bounds_seconds,
        bucket_counts=totals.bucket_counts.sum(axis=0),
        error_count=float(totals.errors.sum()),
        scrape_interval_seconds=counts.scrape_interval_seconds,
        **_shared(answer, origin, _requests_per_second(counts.baseline), parameters["canary_share_percent"]),
    )
    stored = _stored(parameters, origin, quantile=rules.quantile, place=place)
    noise = stored.noise_history if stored else _noise_of_replicas(answer, origin, quantile=rules.quantile)
    return Outlook(
        origin=origin,
        traffic=traffic,
        rules=rules,
        noise=noise,
        noise_from="history" if stored else "unknown" if noise is None else "replicas",
        cautions=stored.cautions(at=origin.as_of) if stored else (),
        latency=plan_latency(traffic, rules, noise=noise, is_pooled=stored is not None),
        errors=plan_errors(traffic, rules, noise=noise, is_pooled=stored is not None),
    )


def _counts(first: Answer, second: Answer, origin: Origin) -> SuccessiveCounts | str:
    """Count two answers over one window, each by itself; the reason when one has nothing."""
    window = origin.judged_window("canary")
    found = window_counts(first, second, names=origin.names, baseline_window=window, canary_window=window)
    return found.counts or found.health.reason or "no-traffic"


def _requests_per_second(arm: WindowCounts) -> float:
    return float(arm.total.bucket_counts[:, -1].sum() / (arm.edges_seconds[-1] - arm.edges_seconds[0]))


def _shared(baseline: Answer, origin: Origin, baseline_rate: float, share_percent: float | None) -> dict[str, float]:
    """Return the traffic of both arms together and the canary's share of it.

    Raises:
        ParameterError: The share is not given, and no canary is there to measure it.
    """
    found = _counts(baseline, fetch_arm(origin, "canary"), origin)
    canary_rate = 0.0 if isinstance(found, str) else _requests_per_second(found.canary)
    together = baseline_rate + canary_rate
    if share_percent is None and canary_rate == 0:
        raise ParameterError(
            "no canary runs whose share of the traffic could be measured; say with --share-percent, or "
            "canary_share_percent under [canary], how much it will get."
        )
    share = canary_rate / together if share_percent is None else share_percent / 100
    return {"requests_per_second": together, "canary_share_fraction": share}


def _stored(parameters: Parameters, origin: Origin, *, quantile: float, place: Place) -> StoredHistory | None:
    if parameters["history_file"] is None:
        return None
    path = near(place.project, parameters["history_file"])
    stored = read_history(path)
    stored.check_fits(origin.names, quantile=quantile, where=str(path))
    return stored


def _noise_of_replicas(answer: Answer, origin: Origin, *, quantile: float) -> NoiseHistory | None:
    split = split_replicas(answer, bucket=origin.names.bucket)
    counts = None if split is None else pair_groups(split.a, split.b, origin, is_split=True).counts
    return None if counts is None else measure_history(counts, quantile=quantile)


def _lines(outlook: Outlook) -> Iterator[str]:
    """Tell the plan in plain words."""
    traffic, latency, errors = outlook.traffic, outlook.latency, outlook.errors
    at = latency.quantile_seconds
    p95 = "beyond the last bucket bound" if at is None else f"{1000 * at:.4g} ms"
    yield (
        f"A canary with {100 * traffic.canary_share_fraction:.3g}% of {traffic.requests_per_second:.3g} requests a "
        f"second, margin {100 * outlook.rules.margin_fraction:.3g}%: what decides in {POWER:.0%} of all cases"
    )
    yield (
        f"  baseline: {outlook.origin.description}, {outlook.origin.judged_window('canary')}: "
        f"{traffic.request_count:.0f} requests,"
    )
    yield f"  P95 {p95}, {errors.baseline_fraction:.2%} errors"
    for decision in latency.decisions:
        yield _row("P95", f"{100 * decision.change_fraction:+.3g}%", decision)
    for decision in errors.decisions:
        yield _row("errors", f"{100 * decision.change_fraction:+.2f} points", decision)
    yield from _bucket_lines(latency)
    yield _noise_line(outlook)
    warmup = f"{outlook.origin.warmup_minutes:g} minutes"
    yield f"  times begin behind the warm-up of {warmup} and hold for this window's traffic: with a quarter of it,"
    yield "  as at night, all but the noise's part takes four times as long"


def _row(measure: str, change: str, decision: PlannedDecision) -> str:
    what = "no change" if decision.change_fraction == 0 else change
    head = f"  {measure:<6} {decision.verdict.value} at {what:<12}"
    if decision.seconds is None:
        return f"{head} never"
    noise = f", {decision.noise_seconds / 60:.1f} of them for noise" if decision.noise_seconds else ""
    return f"{head} {decision.request_count:>8} requests of the canary, {decision.seconds / 60:.1f} minutes{noise}"


def _bucket_lines(latency: LatencyPlan) -> Iterator[str]:
    if not latency.suggested_bounds_seconds:
        yield f"  buckets: fine enough; bounds near the P95 differ by a factor of {latency.bucket_ratio:.3g}"
        return
    bounds = ", ".join(f"{bound:g}" for bound in latency.suggested_bounds_seconds)
    if latency.overflows:
        problem = "the last bucket bound lies below the P95 with the margin"
    elif latency.bucket_ratio is None:
        problem = "the P95 lies in the first bucket"
    else:
        problem = f"bounds near the P95 differ by a factor of {latency.bucket_ratio:.3g}"
    yield f"  buckets: too coarse; {problem}; add these (seconds): {bounds}"


def _noise_line(outlook: Outlook) -> str:
    match outlook.noise_from:
        case "history":
            old = f" ({', '.join(outlook.cautions)})" if outlook.cautions else ""
            return f"  noise: that of the history{old}"
        case "replicas":
            return (
                "  noise: that of the baseline's replicas in two groups here; store a longer look with canary calibrate"
            )
    return "  noise between the arms: not known, so these are the least numbers; measure it with canary calibrate"


def _document(outlook: Outlook) -> dict[str, Any]:
    traffic, window = outlook.traffic, outlook.origin.judged_window("canary")
    document = {
        "power_fraction": POWER,
        "source": outlook.origin.description,
        "window": str(window),
        "warmup_minutes": outlook.origin.warmup_minutes,
        "baseline_request_count": round(traffic.request_count),
        "requests_per_second": traffic.requests_per_second,
        "canary_share_fraction": traffic.canary_share_fraction,
        "scrape_interval_seconds": traffic.scrape_interval_seconds,
        "rules": asdict(outlook.rules),
        "noise": {"from": outlook.noise_from, **(asdict(outlook.noise) if outlook.noise else {})},
        "cautions": list(outlook.cautions),
        "latency": asdict(outlook.latency),
        "errors": asdict(outlook.errors),
    }
    return plain(document)
