"""The named samples that ship with the package, and whether the text that names a source can be meant.

`reliability.notebook` opens samples for `sample:NAME`. What a capture is belongs to
`reliability.sources.captures`, what an address is to `reliability.settings`.
"""

import difflib
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final

from reliability.errors import ParameterError, UsageError
from reliability.sources.captures import Capture, read_capture
from reliability.sources.connection import CONFIGURED
from reliability.window import Window

SAMPLE_PREFIX: Final = "sample:"
_LIKENESS: Final = 0.75  # "promtheus" and "sample-pass" are slips; "prometheus.json" may be a file that is gone


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
    # The data is good, but 96 s after the warm-up decide nothing; the length was chosen afterwards, for this.
    Sample(name="unsure", recording="pass", minutes=6.6),
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


def check_source(text: str, project: Path) -> None:
    """Refuse a source that is a slip; one that looks like a capture is judged when it is read.

    Args:
        text: The option `canary.source`.
        project: Folder that relative file names start from.

    Raises:
        ParameterError: It is empty, or nearly the name of a source and no file.
        UsageError: There is no sample of this name.
    """
    if text.startswith(SAMPLE_PREFIX):
        open_sample(text.removeprefix(SAMPLE_PREFIX))
        return
    word = text.strip().casefold()
    known = (CONFIGURED, *(f"{SAMPLE_PREFIX}{sample.name}" for sample in _SAMPLES))
    close = difflib.get_close_matches(word, known, n=1, cutoff=_LIKENESS)
    is_slip = close and text != CONFIGURED and not Path(word).suffix and not (project / text).exists()
    if is_slip or not word:
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise ParameterError(
            f"canary.source = {text!r} names no source{hint} Write prometheus (the server of [prometheus]), "
            f"sample:NAME, the folder or file of a capture, or an address."
        )


def shipped_samples() -> Path:
    """Return the folder of the samples that ship with the package."""
    return Path(str(files("reliability"))) / "sample"
