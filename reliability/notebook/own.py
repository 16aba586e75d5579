"""A notebook of one's own: a source and a window as the canary has them, and only its own checks.

The cells ask and check (`nb.promql`, `nb.check`); comparing arms belongs to
`reliability.notebook.canary`.
"""

from collections.abc import Mapping
from typing import Any, Final

from reliability.judge.check import Check, Judgement
from reliability.notebook.origin import Origin, find_origin
from reliability.notebook.own_checks import REASON
from reliability.notebook.parts import present
from reliability.notebook.run import Frames, Place, Run
from reliability.verdicts import Verdict

TOPIC: Final = "own"
SECTION: Final = "canary"
FRAMES: Final[Frames] = {}
_NO_CHECKS: Final = Check(id="own", verdict=Verdict.NO_DATA, reason="no-checks", values={})


def load(parameters: Mapping[str, Any], *, place: Place) -> Origin:
    """Find source and window; nothing is asked yet."""
    return find_origin(parameters, place=place)


def conclude(run: Run) -> dict[str, Any]:
    """Write the report's own part of its JSON; a run that checks nothing stays at NO_DATA."""
    found: Origin = present(run.evidence)
    checks = tuple(run.checks.values())
    if all(check.reason != REASON for check in checks):
        checks += (_NO_CHECKS,)
    judged = Judgement(checks=checks, cautions=(), pass_reason=REASON)
    source = {
        "sample": found.sample,
        "as_of": found.as_of,
        "provenance": {"window": str(found.window), "source": found.source.description},
    }
    return {
        **(source if run.asked else {}),  # a source that nobody asked says nothing about the numbers
        **judged.to_json(),
        "figures": [],
        "checks": [],  # the run adds them
    }
