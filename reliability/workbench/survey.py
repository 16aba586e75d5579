"""What a server has for a canary: its histogram, its counter, its arms, its scrapes.

Asks the questions in order and gathers the answers; what each one means belongs to the
modules beside it, how they become settings to `reliability.workbench.proposal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reliability.sources.metrics import PROCESS_START
from reliability.sources.promql import Matcher, parse_matchers
from reliability.workbench.arm_labels import Choice, Split, choose_arms, rank_splits
from reliability.workbench.counters import Counter, find_counter, unseen_counter
from reliability.workbench.histograms import RECENT_SECONDS, Histograms, Latency, find_histograms, measure_latency
from reliability.workbench.history import History, ask_history
from reliability.workbench.presets import Preset, variants_of
from reliability.workbench.server import Row, Server, any_of, named, selector

_SCRAPE_PATH: Final = "/metrics"
_FEW_REQUESTS: Final = 30
_SPLITS_WITH_STARTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found.

    Attributes:
        product: Product and version of the server.
        histograms: Every candidate with its traffic.
        latency: The chosen histogram; None when there is none.
        preset: The preset that knows it.
        counter: The counter of requests; None when there is none with a status.
        splits: Labels that could tell arms apart, the best one first.
        arms: The proposed arms; None when no label tells two apart.
        common: Matchers of both arms.
        remarks: Why `common` is what it is.
        history: Scrapes and their reach.
    """

    product: tuple[str, str]
    histograms: Histograms
    latency: Latency | None
    preset: Preset | None
    counter: Counter | None
    splits: tuple[Split, ...]
    arms: Choice | None
    common: tuple[Matcher, ...]
    remarks: tuple[str, ...]
    history: History

    def matchers(self, value: str) -> str:
        """Print the matchers of the arm with this value."""
        label = self.arms.label if self.arms else "arm"
        return ", ".join(m.promql() for m in (Matcher(name=label, op="=", value=value), *self.common))


def survey_server(server: Server, *, preset: str | None) -> Survey:
    """Look at a server.

    Args:
        server: The server.
        preset: Name of the preset to use; by default the one whose histogram is there.

    Returns:
        What was found.

    Raises:
        UsageError: There is no such preset.
        SourceError: The server cannot be asked.
    """
    variants = variants_of(preset)
    product = server.product()
    histograms = find_histograms(server, [variant.latency_metric for variant in variants])
    chosen = _preset(variants, histograms, forced=preset is not None)
    metric = chosen.latency_metric if chosen else next(iter(histograms.requests), None)
    if metric is None:
        return _nothing(product, histograms)
    extra = parse_matchers(chosen.matchers) if chosen else ()
    rows = _requests(server, metric, extra)
    common, remarks = _common(rows, extra)
    rows = _requests(server, metric, common)
    splits = rank_splits(rows, chosen.arm_labels if chosen else ())
    arms = choose_arms(splits, _starts(server, splits[:_SPLITS_WITH_STARTS]))
    latency = measure_latency(server, metric, unit=chosen.unit if chosen else None, matchers=common)
    jobs = sorted({row.labels["job"] for row in rows if "job" in row.labels})
    counter = find_counter(server, latency, preset=chosen, jobs=jobs, matchers=common)
    if counter is None and preset is not None and chosen is not None:
        counter = unseen_counter(chosen)
    common, more = _one_job(common, rows, arms)
    return Survey(
        product=product, histograms=histograms, latency=latency, preset=chosen, counter=counter, splits=splits,
        arms=arms, common=common, remarks=(*remarks, *more), history=_history(server, metric, common, arms),
    )  # fmt: skip


def _preset(variants: Sequence[Preset], histograms: Histograms, *, forced: bool) -> Preset | None:
    """Take the preset that knows the best histogram; a forced one even when the server has none of its names."""
    names = {variant.latency_metric: variant for variant in reversed(variants)}
    if forced:
        return next((names[name] for name in histograms.requests if name in names), variants[0])
    return names.get(next(iter(histograms.requests), ""))


def _nothing(product: tuple[str, str], histograms: Histograms) -> Survey:
    return Survey(
        product=product, histograms=histograms, latency=None, preset=None, counter=None, splits=(), arms=None,
        common=(), remarks=(), history=History(interval_seconds=None, seconds=0.0),
    )  # fmt: skip


def _requests(server: Server, metric: str, matchers: Sequence[Matcher]) -> tuple[Row, ...]:
    """Return the label sets of a histogram with their requests of the last minutes."""
    infinite = Matcher(name="le", op="=", value="+Inf")
    return server.rows(f"increase({selector(named(f'{metric}_bucket', infinite, *matchers), seconds=RECENT_SECONDS)})")


def _common(rows: Sequence[Row], extra: tuple[Matcher, ...]) -> tuple[tuple[Matcher, ...], list[str]]:
    """Leave the scrapes of the metrics page out where a label tells them from requests."""
    pages = {(label, value) for row in rows for label, value in row.labels.items() if value == _SCRAPE_PATH}
    for label, value in sorted(pages):
        scrapes = sum(row.value for row in rows if row.labels.get(label) == value)
        others = sum(row.value for row in rows) - scrapes
        if others < _FEW_REQUESTS:
            return extra, [f"{scrapes:.0f} requests are scrapes ({label} {value}), only {others:.0f} are others"]
        remark = f"{label} {value} is left out: these {scrapes:.0f} requests are the scrapes of the server itself"
        return (*extra, Matcher(name=label, op="!=", value=value)), [remark]
    return extra, []


def _one_job(
    common: tuple[Matcher, ...], rows: Sequence[Row], arms: Choice | None
) -> tuple[tuple[Matcher, ...], list[str]]:
    """Select the job too, so that other exporters with the same labels do not join an arm."""
    jobs = {row.labels.get("job", "") for row in rows if row.value > 0}
    if (arms and arms.label == "job") or len(jobs) != 1 or jobs == {""}:
        return common, []
    return (Matcher(name="job", op="=", value=jobs.pop()), *common), []


def _starts(server: Server, splits: Sequence[Split]) -> dict[str, dict[str, float]]:
    """Return the earliest start of a process by label and value."""
    found: dict[str, dict[str, float]] = {}
    for split in (each for each in splits if len(each.requests) == 2):  # noqa: PLR2004 -- two arms
        chosen = selector(named(PROCESS_START, any_of(split.label, list(split.requests))))
        rows = server.rows(f"min by ({split.label}) ({chosen})")
        found[split.label] = {row.labels.get(split.label, ""): row.value for row in rows}
    return found


def _history(server: Server, metric: str, common: Sequence[Matcher], arms: Choice | None) -> History:
    """Look at the scrapes of both arms, of all that is there without arms."""
    if arms is None:
        return ask_history(server, metric, [common])
    values = (arms.baseline, arms.canary)
    return ask_history(server, metric, [(*common, Matcher(name=arms.label, op="=", value=one)) for one in values])
