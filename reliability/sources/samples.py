"""The named samples that ship with the package: which capture, and which part of it.

`reliability.notebook` opens them for `sample:NAME`. What a capture is belongs to
`reliability.sources.captures`.
"""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from reliability.errors import BrokenEvidenceError, UsageError
from reliability.sources.captures import Capture, read_capture
from reliability.sources.validation import read_evidence, refusing
from reliability.window import Window

LIST_NAME: Final = "samples.toml"


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    capture: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    canary_matchers: str | None = None


_ADAPTER: Final = TypeAdapter(dict[str, _Entry])
_CURE: Final = "Install the package again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A part of a shipped capture.

    Attributes:
        name: Name of the sample.
        capture: The capture it is taken from.
        window: The capture's window, cut to the sample's first minutes.
        canary_matchers: Matchers that take the place of the manifest's; None for these.
    """

    name: str
    capture: Capture
    window: Window
    canary_matchers: str | None


def open_sample(name: str, *, folder: Path | None = None) -> Sample:
    """Open a sample.

    Args:
        name: A name out of `samples.toml`.
        folder: Folder with the list and the captures; the shipped one by default.

    Returns:
        The sample.

    Raises:
        UsageError: There is no sample of this name; the message lists the names.
        MissingEvidenceError: The list or the capture does not exist.
        BrokenEvidenceError: The list or the capture cannot be read.
    """
    place = folder or shipped_samples()
    entries = _read_list(place)
    if name not in entries:
        raise UsageError(f"there is no sample '{name}'; there are: {', '.join(entries)}.")
    entry = entries[name]
    capture = read_capture(place / entry.capture)
    return Sample(
        name=name,
        capture=capture,
        window=_first_minutes(capture.manifest.window, entry.minutes),
        canary_matchers=entry.canary_matchers,
    )


def shipped_samples() -> Path:
    """Return the folder of the samples that ship with the package."""
    return Path(str(files("reliability"))) / "sample"


def _first_minutes(window: Window, minutes: float | None) -> Window:
    if minutes is None:
        return window
    return Window(start=window.start, end=min(window.end, window.start + timedelta(minutes=minutes)))


def _read_list(folder: Path) -> dict[str, _Entry]:
    path = folder / LIST_NAME
    data = read_evidence(path, cure=_CURE)
    try:
        document = tomllib.loads(data.decode())
    except ValueError as err:
        raise BrokenEvidenceError(f"{path} cannot be read ({err}). {_CURE}") from err
    with refusing(str(path), cure=_CURE):
        return _ADAPTER.validate_python(document)
