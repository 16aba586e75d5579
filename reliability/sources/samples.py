"""The named samples that ship with the package: which capture, and which part of it.

`reliability.notebook` opens them for `sample:NAME`. What a capture is belongs to
`reliability.sources.captures`.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final

from reliability.errors import UsageError
from reliability.sources.captures import Capture, read_capture
from reliability.window import Window


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A part of a shipped capture.

    Attributes:
        name: Name of the sample.
        recording: Folder of the capture that it is taken from.
        minutes: How much of the capture's window it has from its start; None for all of it.
        canary_matchers: Matchers that take the place of the manifest's; None for these.
    """

    name: str
    recording: str
    minutes: float | None = None
    canary_matchers: str | None = None

    @cached_property
    def capture(self) -> Capture:
        """The capture; see `read_capture`."""
        return read_capture(shipped_samples() / self.recording)

    @property
    def window(self) -> Window:
        """The capture's window, cut to the sample's first minutes."""
        whole = self.capture.manifest.window
        if self.minutes is None:
            return whole
        return Window(start=whole.start, end=whole.start + timedelta(minutes=self.minutes))


_SAMPLES: Final = (
    Sample(name="pass", recording="pass"),
    Sample(name="fail", recording="fail"),
    # The data is good, but 105 s after the warm-up decide nothing; the length was chosen afterwards, for this.
    Sample(name="unsure", recording="pass", minutes=6.75),
    # A replica that was up and scraped but never received traffic.
    Sample(name="nodata", recording="pass", canary_matchers='arm="standby"'),
)


def open_sample(name: str) -> Sample:
    """Find a sample.

    Args:
        name: Its name.

    Returns:
        The sample.

    Raises:
        UsageError: There is no sample of this name; the message lists the names.
    """
    found = {sample.name: sample for sample in _SAMPLES}
    if name not in found:
        raise UsageError(f"there is no sample '{name}'; there are: {', '.join(found)}.")
    return found[name]


def shipped_samples() -> Path:
    """Return the folder of the samples that ship with the package."""
    return Path(str(files("reliability"))) / "sample"
