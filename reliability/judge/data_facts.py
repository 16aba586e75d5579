"""The facts about the data of a comparison, as plain numbers and texts.

`reliability.sources` fills them, `reliability.judge.data_health` checks them. What is too much
does not belong here.
"""

from dataclasses import dataclass, field

from reliability.judge.replica_spread import OddReplica


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedLabel:
    """A label that no matcher selects and in which the targets of an arm differ."""

    label: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFacts:
    """What is known about the data of one arm.

    Attributes:
        requests: Requests counted.
        replicas: Replicas that served some of them.
        restarts: How often a process was started anew.
        lost_requests_at_most: Requests that restarts and vanished replicas may have taken with them.
        counted_requests: The same by the counter of requests; None when unknown.
        effective_replicas: How many equal replicas would share the requests as unequally as they do:
            `1 / sum(share**2)`.
        gone_replicas: Those that served and then were scraped no more, long before the others.
        births: Replicas that appeared inside the window.
        uncounted_births: Those of them that did not provably start inside the window.
        uncounted_requests_at_most: Requests that these may have served before their first scrape.
        odd_replicas: Those of its replicas that differ from their siblings beyond chance.
        started_after_scrape_seconds: How long after a scrape its process says it was started; None
            when it does not say.
        newest_before_end_seconds: Age of the newest sample at the window's end; None without samples.
        mixed_labels: Labels in which its targets differ.
        missing_error_labels: Labels that tell errors and that no series of its counter of requests carries.
        mean_seconds: Mean latency by `_sum`; None when unknown.
        mean_low_seconds: Smallest mean that the buckets allow.
        mean_high_seconds: Largest mean that the buckets allow; None when the last bucket holds requests.
    """

    requests: int = 0
    counted_requests: int | None = None
    replicas: int = 0
    effective_replicas: float = 0.0
    gone_replicas: tuple[str, ...] = ()
    restarts: int = 0
    lost_requests_at_most: int = 0
    births: int = 0
    uncounted_births: int = 0
    uncounted_requests_at_most: int = 0
    odd_replicas: tuple[OddReplica, ...] = ()
    started_after_scrape_seconds: float | None = None
    newest_before_end_seconds: float | None = None
    mixed_labels: tuple[MixedLabel, ...] = ()
    missing_error_labels: tuple[str, ...] = ()
    mean_seconds: float | None = None
    mean_low_seconds: float | None = None
    mean_high_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What is known about the data of a comparison; the defaults are for no data at all.

    Attributes:
        baseline: Facts of the baseline.
        canary: Facts of the canary.
        expected_scrapes: Rounds of scrapes inside the window, or inside both.
        used_scrapes: Rounds that could be used.
        missing_fraction: Share of the rounds that could not; of two windows the larger one.
        scrape_interval_seconds: Distance of two scrapes; None when unknown.
        share_error_fraction: Standard error of the canary's share of the traffic; None when the
            arms were measured at different times, or too shortly to tell.
        newest_after_as_of_seconds: How long after the instant of judging the newest sample was
            taken; None when either is unknown.
        warnings: Warnings of the server, each once.
        metric: Name of the histogram.
        unit: Unit that its bounds were read in.
        common_bounds: Finite bucket bounds that all histograms have.
        dropped_bounds: Bounds that only some have, and were given up.
    """

    baseline: ArmFacts = field(default_factory=ArmFacts)
    canary: ArmFacts = field(default_factory=ArmFacts)
    expected_scrapes: int = 0
    used_scrapes: int = 0
    missing_fraction: float = 1.0
    scrape_interval_seconds: float | None = None
    share_error_fraction: float | None = None
    newest_after_as_of_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    metric: str = ""
    unit: str = "seconds"
    common_bounds: int = 0
    dropped_bounds: int = 0

    @property
    def arms(self) -> tuple[tuple[str, ArmFacts], ...]:
        """Both arms with their names."""
        return (("baseline", self.baseline), ("canary", self.canary))
