"""The named samples that ship with the package: which capture, and which part of it.

`reliability.notebook` opens them for `sample:NAME`. What a capture is belongs to
`reliability.sources.captures`.
"""

import difflib
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from reliability.errors import BrokenEvidenceError, MissingEvidenceError, UsageError
from reliability.sources.captures import Capture, read_capture
from reliability.sources.validation import first_problem
from reliability.window import Window

LIST_NAME: Final = "samples.toml"


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    capture: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    canary_matchers: str | None = None


_ADAPTER: Final = TypeAdapter(dict[str, _Entry])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A part of a shipped capture.

    Attributes:
        name: Name of the sample.
        capture: The capture it is taken from.
        window: The capture's window, cut to the sample's first minutes.
        canary_matchers: Matchers that take the place of the manifest's; None for these.
        as_of: Instant at which pages on it are judged.
        label: Name for readers.
    """

    name: str
    capture: Capture
    window: Window
    canary_matchers: str | None
    as_of: datetime
    label: str


def open_sample(name: str, *, folder: Path | None = None) -> Sample:
    """Open a sample.

    Args:
        name: A name out of `samples.toml`.
        folder: Folder with the list and the captures; the shipped one by default.

    Returns:
        The sample.

    Raises:
        UsageError: There is no sample of this name; the message offers the nearest.
        MissingEvidenceError: The list or the capture does not exist.
        BrokenEvidenceError: The list or the capture cannot be read.
    """
    place = folder or shipped_samples()
    entries = _read_list(place)
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1, cutoff=0.5)
        offer = f"did you mean '{near[0]}'? There are" if near else "there are"
        raise UsageError(f"there is no sample '{name}'; {offer}: {', '.join(entries)}.")
    entry = entries[name]
    capture = read_capture(place / entry.capture)
    return Sample(
        name=name,
        capture=capture,
        window=_first_minutes(capture.manifest.window, entry.minutes),
        canary_matchers=entry.canary_matchers,
        as_of=capture.manifest.as_of,
        label=f"sample '{name}'",
    )


def sample_names(*, folder: Path | None = None) -> tuple[str, ...]:
    """Return the names of all samples, in the order of the list."""
    return tuple(_read_list(folder or shipped_samples()))


def shipped_samples() -> Path:
    """Return the folder of the samples that ship with the package."""
    return Path(str(files("reliability"))) / "sample"


def _first_minutes(window: Window, minutes: float | None) -> Window:
    if minutes is None:
        return window
    return Window(start=window.start, end=min(window.end, window.start + timedelta(minutes=minutes)))


def _read_list(folder: Path) -> dict[str, _Entry]:
    path = folder / LIST_NAME
    try:
        return _ADAPTER.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as err:
        raise MissingEvidenceError(f"{path} does not exist; install the package again.") from err
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise BrokenEvidenceError(f"{path} cannot be read ({err}); install the package again.") from err
    except ValidationError as err:
        raise BrokenEvidenceError(f"{path}: {first_problem(err)}; install the package again.") from err
