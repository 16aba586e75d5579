"""Settings for a server: a value where the choice is clear, a remark with what was seen.

Asks what the server has, in order; what an answer means belongs to the modules beside it,
the printing of the file to `reliability.workbench.settings_text`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reliability.notebook.origin import DEFAULTS
from reliability.sources.answer import clipped
from reliability.sources.metrics import PROCESS_START, UP
from reliability.sources.promql import Matcher, parse_matchers, range_selector
from reliability.workbench.arm_labels import Split, choose_arms, rank_splits
from reliability.workbench.counters import Counter, find_counter
from reliability.workbench.histograms import Latency, find_histograms, measure_latency, unlikely_unit, words_of_bucket
from reliability.workbench.history import read_history
from reliability.workbench.presets import Preset, variants_of
from reliability.workbench.server import INFINITE, Row, Server, any_of, increase, listed, selector

_SHOWN: Final = 6
_SCRAPE_PATH: Final = "/metrics"
_REACH_SECONDS: Final = round(60 * DEFAULTS["window_minutes"]) + 120
_NOT_YET: Final = "the server has no such histogram yet; the names are those of the preset"
_NO_HISTOGRAM: Final = (
    "the server has no classic histogram, a metric NAME_bucket with the label le; native histograms, summaries, names "
    "with dots and buckets of VictoriaMetrics (vmrange) cannot be judged, so let the service or the server keep "
    "classic buckets too"
)
Matchers = tuple[Matcher, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Settings of the canary.

    Attributes:
        values: Value by option.
        remarks: What was seen, by option.
        to_fill: Options that the user must fill in, and why.
        notes: What the user should know at once.
    """

    values: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    to_fill: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def set(self, option: str, value: str, remarks: Iterable[str] = ()) -> None:
        """Propose a value."""
        self.values[option] = value
        self.remarks[option] = list(remarks)

    def ask(self, option: str, why: str, remarks: Iterable[str] = ()) -> None:
        """Leave an option to the user."""
        self.to_fill[option] = why
        self.remarks[option] = [f"fill this in: {why}", *remarks]

    def masked(self, mask: Callable[[str], str]) -> "Proposal":
        """Return the proposal with every text gone through a function."""
        return Proposal(
            values={option: mask(value) for option, value in self.values.items()},
            remarks={option: list(map(mask, remarks)) for option, remarks in self.remarks.items()},
            to_fill={option: mask(why) for option, why in self.to_fill.items()},
            notes=list(map(mask, self.notes)),
        )


def propose(server: Server, *, preset: str | None) -> Proposal:
    """Look at a server and turn what it has into settings.

    Args:
        server: The server.
        preset: Name of the preset to use; by default the one whose histogram is there.

    Returns:
        The proposal; what is not clear is left to the user, with what was seen.

    Raises:
        UsageError: There is no such preset.
        SourceError: The server cannot be asked.
    """
    variants, proposal = variants_of(preset), Proposal()
    histograms = find_histograms(server, [variant.latency_metric for variant in variants])
    chosen = _preset(variants, histograms, forced=preset is not None)
    metric = chosen.latency_metric if chosen else next(iter(histograms), None)
    proposal.set("source", "prometheus")
    if metric is None:
        proposal.ask("latency_metric", _NO_HISTOGRAM)
        return proposal
    extra = parse_matchers(chosen.matchers) if chosen else ()
    every = server.rows(increase(f"{metric}_bucket", INFINITE, *extra))
    common, left_out = _common(every, extra)
    rows = _busy(every, common)
    if not rows:  # nothing but scrapes: better than nothing to start with
        common, left_out, rows = extra, [], _busy(every, extra)
    latency = measure_latency(server, metric, unit=chosen.unit if chosen else None, matchers=common)
    jobs = sorted({row.labels.get("job", "") for row in rows})
    counter = find_counter(server, latency, preset=chosen, is_forced=bool(preset), jobs=jobs, matchers=common)
    splits = rank_splits(rows, chosen.arm_labels if chosen else ())
    job = [Matcher(name="job", op="=", value=jobs[0])] if len(jobs) == 1 else []
    arms = _propose_arms(proposal, server, splits, (*job, *common), left_out)
    _propose_latency(proposal, latency, histograms)
    _propose_counter(proposal, counter, latency)
    _propose_window(proposal, server, metric, arms)
    return proposal


def _busy(rows: Sequence[Row], matchers: Matchers) -> list[Row]:
    return [row for row in rows if row.value > 0 and all(matcher.matches(row.labels) for matcher in matchers)]


def _preset(variants: Sequence[Preset], histograms: Mapping[str, float], *, forced: bool) -> Preset | None:
    """Take the preset that knows the best histogram; a forced one even when the server has none of its names."""
    known = {variant.latency_metric: variant for variant in reversed(variants)}
    best = list(histograms) if forced else list(histograms)[:1]
    return next((known[name] for name in best if name in known), variants[0] if forced else None)


def _common(rows: Sequence[Row], extra: Matchers) -> tuple[Matchers, list[str]]:
    """Leave the scrapes of the metrics page out where a label tells them from requests."""
    pages = sorted({label for row in rows for label, value in row.labels.items() if value == _SCRAPE_PATH})
    remarks = [f"{label} {_SCRAPE_PATH} is left out: these are scrapes by the server itself" for label in pages]
    return (*extra, *(Matcher(name=label, op="!=", value=_SCRAPE_PATH) for label in pages)), remarks


def _propose_arms(
    proposal: Proposal, server: Server, splits: Sequence[Split], common: Matchers, left_out: Sequence[str]
) -> list[Matchers]:
    """Propose both arms; return their matchers, the common ones where there are no arms."""
    seen = [
        f"{split.label} could tell arms apart ({len(split.requests)} values with traffic, "
        f"{'one value for a whole target' if split.of_target else 'differs inside a target'}): "
        + listed([f"{value or '(none)'} {count:.0f} requests" for value, count in split.requests.items()])
        for split in splits[:_SHOWN]
    ]
    choice = choose_arms(splits, _starts(server, splits[:_SHOWN]))
    if choice is None:
        why = "no label has exactly two values with traffic, or two that their names single out"
        both = [f"both arms need {', '.join(matcher.promql() for matcher in common)}"] if common else []
        proposal.ask("baseline", why, [*both, *seen])
        proposal.ask("canary", "the same")
        return [common]
    reason = f"{choice.label} tells the arms apart; baseline is {clipped(choice.baseline)}: {choice.reason}"
    remarks = {"baseline": [reason, *seen, *left_out], "canary": []}
    arms = []
    for arm, value in (("baseline", choice.baseline), ("canary", choice.canary)):
        of_arm = Matcher(name=choice.label, op="=", value=value)
        arms.append((of_arm, *(matcher for matcher in common if matcher.name != choice.label)))
        proposal.set(arm, ", ".join(matcher.promql() for matcher in arms[-1]), remarks[arm])
        if value and ("version" in choice.label or "release" in choice.label):
            proposal.set(f"{arm}_release", value)
    return arms


def _starts(server: Server, splits: Sequence[Split]) -> dict[str, dict[str, float]]:
    """Return the earliest start of a process by label and value."""
    found: dict[str, dict[str, float]] = {}
    for split in (each for each in splits if len(each.requests) == 2):  # noqa: PLR2004 -- two arms
        chosen = selector(any_of("__name__", [PROCESS_START]), any_of(split.label, list(split.requests)))
        rows = server.rows(f"min by ({split.label}) ({chosen})")
        found[split.label] = {row.labels.get(split.label, ""): row.value for row in rows}
    return found


def _propose_latency(proposal: Proposal, latency: Latency, histograms: Mapping[str, float]) -> None:
    is_there = latency.metric in histograms
    remarks = [f"{latency.requests:.0f} requests in the last ten minutes" if is_there else _NOT_YET]
    proposal.notes.extend([] if is_there else [f"{latency.metric}: {_NOT_YET}"])
    if latency.requests:
        seen, cure = words_of_bucket(*latency.bucket(), latency.unit)
        remarks += [seen, cure] if cure else [seen]
        proposal.notes.extend([f"{seen}; {cure}"] if cure else [])
    others = [name for name, count in histograms.items() if count and name != latency.metric]
    if others:
        remarks.append(f"other histograms with traffic: {listed(others)}")
    doubt = unlikely_unit(latency.unit, list(latency.counts))
    proposal.set("latency_metric", latency.metric, remarks)
    proposal.set("latency_unit", latency.unit, [latency.unit_reason, *([f"check it: {doubt}"] if doubt else [])])


def _propose_counter(proposal: Proposal, counter: Counter | None, latency: Latency) -> None:
    if counter is None:
        why = "no counter with the status of a request was found; name one, or the histogram's _count if it has it"
        proposal.ask("requests_metric", why)
        proposal.ask("error_matchers", "the same")
        return
    remarks = []
    if counter.metric == f"{latency.metric}_count":
        remarks.append("the histogram's own count: it has the status, and there is no other counter")
    if not counter.values:
        remarks.append("check it: the server has no such counter yet; the preset says so")
    elif math.isnan(counter.share):
        remarks.append("check it: without traffic it cannot be compared with the histogram")
    elif not counter.agrees:
        remarks.append(f"check it: it counts {counter.share:.2f} times the requests of the histogram")
    seen = listed(counter.values) or "none yet; the preset says so"
    proposal.set("requests_metric", counter.metric, remarks)
    proposal.set("error_matchers", counter.error_matchers, [f"values seen: {seen}"])


def _propose_window(proposal: Proposal, server: Server, metric: str, arms: Sequence[Matchers]) -> None:
    """Say how far the samples go back; a shorter window would be wrong tomorrow, so none is proposed."""
    scraped, one_bucket = [f"{metric}_bucket", UP], Matcher(name="le", op="=~", value=r"|\+Inf")
    queries = [range_selector(metrics=scraped, matchers=(one_bucket, *arm), seconds=_REACH_SECONDS) for arm in arms]
    answers = [server.ask(query) for query in queries]
    history = read_history(answers, end_seconds=server.number("time()"))
    interval = f"scraped every {history.interval_seconds:g} s" if history.interval_seconds else "not scraped yet"
    remark = f"{interval}; samples of both arms go back {history.seconds / 60:.1f} minutes"
    if not history.covers(60 * DEFAULTS["window_minutes"]):
        remark += "; until that is enough, 'reliability doctor' prints the command for a shorter window"
    proposal.remarks["window_minutes"] = [remark]
