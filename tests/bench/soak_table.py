"""The table of the real recordings: verdicts beside the truth, which is opened here.

Checks that what is opened is what was sealed. Recording and judging belong to `soak`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reliability.errors import StagingError

_HEAD = """# Real recordings, judged blind

Made by `make soak`: recordings of the staging service in `reliability/staging/`, each with two arms of
two replicas, Poisson traffic, one SQLite store an arm and a real Prometheus. In half of them the arms
are the same; in the others every service time of the canary is multiplied by 1.20, so that its P95
rises by 20 % whatever the shape. A seed ({seed}) drew the order. Names, labels and manifests do not
tell the kind: the manifest holds only the checksum of a sealed file with what was injected and what
the client counted. The verdicts were made from the captures alone, with the default margins, and
written down before the sealed files were opened. The recordings of 27 November 2026 were judged
again each time the judge changed, the last time after its levels had been set on simulations alone:
the first time 17 of the 20 slow ones failed and 3 stayed undecided. Three to four ran at once and took
40 to 50 % of the machine together.
"""
_ARMS = ("baseline", "canary")
_ROW_HEAD = (
    "| recording | injected | verdict | reason | estimate | 95 % interval | P95 by the client's log | errors | CPU |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A recording with its verdict and its truth.

    Attributes:
        name: Name of the recording.
        verdict: What was judged; see `soak.summary`.
        manifest: The sealed manifest.
    """

    name: str
    verdict: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @property
    def injected_fraction(self) -> float:
        """Change of every service time."""
        return float(self.manifest["experiment"]["arms"]["canary"]["delay_factor"]) - 1

    @property
    def logged_fraction(self) -> float:
        """Change of P95 in the client's log of the judged window, to the last request."""
        judged = self.manifest["truth"]["judged"]
        return float(judged["canary"]["p95_seconds"] / judged["baseline"]["p95_seconds"]) - 1

    @property
    def is_wrong(self) -> bool:
        """Whether it was decided, and not as it was made."""
        wrong = "PASS" if self.injected_fraction > 0 else "FAIL"
        return bool(self.verdict["verdict"] == wrong)

    def holds(self, change: float) -> bool:
        """Whether the interval holds a change."""
        low, high = self.verdict["increase_interval"]
        return bool(low <= change <= high)

    def row(self) -> str:
        """Return the line of the table."""
        verdict, cpu = self.verdict, self.manifest["experiment"]
        interval = "none"
        if verdict["increase_interval"] is not None:
            interval = " to ".join(f"{100 * end:+.1f} %" for end in verdict["increase_interval"])
        cells = (
            self.name,
            f"{100 * self.injected_fraction:+.0f} %",
            f"**{verdict['verdict']} (wrong)**" if self.is_wrong else verdict["verdict"],
            verdict["reason"],
            _percent(verdict["increase_fraction"]),
            interval,
            f"{100 * self.logged_fraction:+.1f} %",
            verdict["checks"]["errors"][0],
            f"{cpu['cpu_fraction']:.0%} of {cpu['machine_cpu_fraction']:.0%}",
        )
        return f"| {' | '.join(cells)} |\n"


def soak_table(
    names: Sequence[str],
    verdicts: Mapping[str, Mapping[str, Any]],
    sealed: Mapping[str, bytes],
    failures: Mapping[str, str],
    *,
    seed: int,
) -> str:
    """Write the table.

    Args:
        names: All recordings that were planned, in order.
        verdicts: What was judged, by recording.
        sealed: Content of the sealed files.
        failures: Why a recording failed.
        seed: What drew the order.

    Returns:
        Markdown.

    Raises:
        StagingError: A sealed file is not the one that was sealed.
    """
    opened = [_opened(name, verdicts[name], sealed[name]) for name in names if name in verdicts]
    missing = [name for name in names if name not in verdicts]
    lines = [_HEAD.format(seed=seed), "\n## What came out\n\n", _counts(opened), _coverage(opened), _cost(opened)]
    lines += ["\n## Each recording\n\n", _ROW_HEAD, *(one.row() for one in opened)]
    lines += ["\n## Not recorded\n\n", *(f"- {name}: {_why(failures.get(name))}\n" for name in missing)]
    lines += [] if missing else ["Nothing: every recording is in the table.\n"]
    return "".join(lines)


def _opened(name: str, verdict: Mapping[str, Any], sealed: bytes) -> Opened:
    if hashlib.sha256(sealed).hexdigest() != verdict["sealed_sha256"]:
        raise StagingError(f"the sealed file of {name} is not the one whose checksum its manifest holds.")
    return Opened(name=name, verdict=verdict, manifest=json.loads(sealed))


def _counts(opened: Sequence[Opened]) -> str:
    text = "| injected | recordings | PASS | FAIL | INCONCLUSIVE | NO_DATA |\n| --- | --- | --- | --- | --- | --- |\n"
    for kind in sorted({one.injected_fraction for one in opened}):
        found = Counter(one.verdict["verdict"] for one in opened if one.injected_fraction == kind)
        shares = " | ".join(str(found[verdict]) for verdict in ("PASS", "FAIL", "INCONCLUSIVE", "NO_DATA"))
        text += f"| {100 * kind:+.0f} % | {found.total()} | {shares} |\n"
    undecided = Counter(one.verdict["reason"] for one in opened if one.verdict["verdict"] == "INCONCLUSIVE")
    reasons = ", ".join(f"{reason} ({count})" for reason, count in undecided.most_common())
    wrong = ", ".join(one.name for one in opened if one.is_wrong) or "none"
    return (
        f"{text}\nDecided wrongly: {wrong}. Left undecided: {undecided.total()}{f', {reasons}' if reasons else ''}.\n"
    )


def _coverage(opened: Sequence[Opened]) -> str:
    given = [one for one in opened if one.verdict["increase_interval"] is not None]
    injected = sum(one.holds(one.injected_fraction) for one in given)
    logged = sum(one.holds(one.logged_fraction) for one in given)
    return (
        f"\nThe 95 % interval holds the injected change in {injected} of {len(given)} recordings and the change in "
        f"the client's log, which is free of buckets, in {logged}.\n"
    )


def _cost(opened: Sequence[Opened]) -> str:
    if not opened:
        return ""
    facts = [one.manifest["experiment"] for one in opened]
    own, machine = ([fact[key] for fact in facts] for key in ("cpu_fraction", "machine_cpu_fraction"))
    late = max(fact["largest_arrival_lateness_seconds"] for fact in facts)
    requests = [one.verdict["canary_request_count"] for one in opened]
    power = [fact["planned_power"]["power"] for fact in facts if fact["planned_power"]["verdict"] == "FAIL"]
    each = [
        f"{1000 * sum(fact['cpu_seconds_per_request'][arm] for fact in facts) / len(facts):.2f} ms" for arm in _ARMS
    ]
    return (
        f"\nA recording judged {min(requests):,} to {max(requests):,} requests of the canary and used {min(own):.0%} "
        f"to {max(own):.0%} of the machine's CPU, in the mean {' and '.join(each)} a request of baseline and canary. "
        f"Several ran at once, beside other work: everything on the machine together used {min(machine):.0%} to "
        f"{max(machine):.0%}, which both arms of a recording meet alike. The latest arrival was sent "
        f"{1000 * late:.0f} ms late. The planner gave a FAIL at +20 % a power of {max(power, default=0):.0%}, without "
        f"noise between scrapes and without the correction for two checks.\n"
    )


def _percent(fraction: float | None) -> str:
    return "none" if fraction is None else f"{100 * fraction:+.1f} %"


def _why(failure: str | None) -> str:
    return "not begun" if failure is None else " ".join(failure.split())
