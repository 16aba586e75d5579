"""A notebook of one's own: a source and a window as the canary has them, and only its own checks.

The cells ask and check (`nb.promql`, `nb.check`); comparing arms belongs to
`reliability.notebook.canary`.
"""

from collections.abc import Mapping
from typing import Any, Final

from reliability.clock import format_instant
from reliability.notebook.origin import Origin, find_origin
from reliability.notebook.own_checks import NO_CHECKS
from reliability.notebook.parts import present
from reliability.notebook.run import Frames, Place, Run
from reliability.verdicts import Verdict

TOPIC: Final = "own"
SECTION: Final = "canary"
FRAMES: Final[Frames] = {}


def load(parameters: Mapping[str, Any], *, place: Place) -> Origin:
    """Find source and window; nothing is asked yet."""
    return find_origin(parameters, place=place)


def conclude(run: Run) -> dict[str, Any]:
    """Write the report's own part of its JSON; a run that checks nothing stays at NO_DATA."""
    found: Origin = present(run.evidence)
    source = {
        "sample": found.sample,
        "as_of": format_instant(found.as_of),
        "provenance": {"window": str(found.window), "source": found.source.description},
    }
    return {
        **(source if run.asked else {}),  # a source that nobody asked says nothing about the numbers
        "verdict": Verdict.NO_DATA.value,
        "reason": NO_CHECKS,
        "cautions": [],
        "figures": [],
        "checks": [],
    }
