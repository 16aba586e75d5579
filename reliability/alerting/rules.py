"""Alert rules for Prometheus: the template with the limits filled in.

The template has delimiters of its own, `[[ ]]` and `[% %]`, so that Prometheus' double braces
stay as they are. Whether an alert arrives, and whom it reaches, does not belong here.
"""

import re
from dataclasses import asdict, dataclass
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reliability.errors import ParameterError
from reliability.shipped import shipped_folder

TEMPLATE: Final = "alert_rules.yml.j2"
_DURATION: Final = re.compile(r"[1-9][0-9]*(s|m|h)")
_ADDRESS: Final = re.compile(r"https?://[!-z|~]+")  # printable and without braces, which Prometheus would expand


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLimits:
    """When the alerts fire; durations are written as Prometheus writes them.

    Attributes:
        circuit_open_for: How long a breaker is not closed.
        sessions_at_most: Living sessions of one kind that are still usual.
        sessions_for: How long there are more, or nobody reports any.
        conflicts_fraction: Share of refused locks that is still usual.
        attempts_at_least: So many attempts in `lock_range` tell something.
        failures_at_least: So many failures in `lock_range` tell something.
        failures_fraction: Share of operations that may fail for the store's sake.
        lock_range: Time over which shares are taken.
        locks_for: How long a share is too large.
        runbook_url: Where to read what to do, as a receiver can open it; None says nothing.

    Raises:
        ParameterError: A value is impossible.
    """

    circuit_open_for: str = "1m"
    sessions_at_most: int = 10_000
    sessions_for: str = "5m"
    conflicts_fraction: float = 0.5
    attempts_at_least: int = 20
    failures_at_least: int = 3
    failures_fraction: float = 0.01
    lock_range: str = "5m"
    locks_for: str = "2m"
    runbook_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse what Prometheus would refuse, or expand."""
        for name in ("circuit_open_for", "sessions_for", "lock_range", "locks_for"):
            _check(name, getattr(self, name), _DURATION, "write a duration, for example 30s, 5m or 1h")
        if self.runbook_url is not None:
            _check("runbook_url", self.runbook_url, _ADDRESS, "write https://... without spaces and braces")
        for name in ("conflicts_fraction", "failures_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise ParameterError(f"{name} = {getattr(self, name)!r} is no share; write one between 0 and 1.")
        for name in ("sessions_at_most", "attempts_at_least", "failures_at_least"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} = {getattr(self, name)!r}; write a number from 1 on.")


def render_rules(limits: AlertLimits | None = None) -> str:
    """Write the alert rules.

    Args:
        limits: When they fire; by default as shipped. A drill takes short durations.

    Returns:
        YAML for `rule_files` of Prometheus; equal limits give equal text.
    """
    limits = limits or AlertLimits()
    environment = Environment(
        loader=FileSystemLoader(shipped_folder("templates")),
        autoescape=False,  # noqa: S701 -- YAML, not HTML; texts are checked and quoted
        undefined=StrictUndefined,
        variable_start_string="[[", variable_end_string="]]",
        block_start_string="[%", block_end_string="%]",
        comment_start_string="[#", comment_end_string="#]",
        keep_trailing_newline=True, trim_blocks=True,
    )  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        **asdict(limits),
        conflicts_percent=f"{100 * limits.conflicts_fraction:g}",
        failures_percent=f"{100 * limits.failures_fraction:g}",
    )


def _check(name: str, value: str, shape: re.Pattern[str], cure: str) -> None:
    if not shape.fullmatch(value):
        raise ParameterError(f"{name} = {value!r} cannot stand in a rule; {cure}.")
