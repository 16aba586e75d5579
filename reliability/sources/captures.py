"""Recorded answers of a Prometheus: read with their checksum, searched as a source, written whole.

The body is untouched and decoded by the same code as a live answer. What is counted in
it does not belong here.
"""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from reliability.atomic import copy_folder_whole, scratch_folder, write_bytes_whole, write_text_whole
from reliability.errors import BrokenEvidenceError, MissingEvidenceError, PrometheusAnswerError
from reliability.sources.answer import Answer, Series, decode_answer, pack
from reliability.sources.manifest import Manifest, manifest_text, parse_manifest
from reliability.sources.metrics import range_seconds
from reliability.sources.promql import Matcher, range_selector
from reliability.sources.validation import read_evidence
from reliability.window import Window

BODY_NAME: Final = "capture.json.gz"
MANIFEST_NAME: Final = "manifest.json"
_GZIP: Final = b"\x1f\x8b"
_RECORD_AGAIN: Final = "Record it again with 'reliability capture', or name another capture."


@dataclass(frozen=True, kw_only=True, eq=False)
class Capture:
    """A recorded answer, searched as a server would be.

    Attributes:
        folder: Where it lies.
        manifest: What is known about it.
        packed: Its body as it lies there.
        body_name: File of the body, for messages.
    """

    folder: Path
    manifest: Manifest
    packed: bytes = field(repr=False)
    body_name: str = BODY_NAME

    @property
    def description(self) -> str:
        """Name of the source for readers."""
        return f"recorded capture '{self.manifest.name}'"

    @cached_property
    def answer(self) -> Answer:
        """The whole recorded answer.

        Raises:
            BrokenEvidenceError: The body is torn or no answer.
        """
        decoded = _decoded(self.packed, place=self.folder / self.body_name)
        return replace(decoded, query=self.manifest.query, evaluated_at=self.manifest.evaluated_at)

    def fetch(self, *, metrics: Sequence[str], matchers: Sequence[Matcher], window: Window) -> Answer:
        """Return the recorded samples; see `PrometheusSource.fetch`.

        Raises:
            MissingEvidenceError: The capture holds nothing of the window.
            BrokenEvidenceError: The body is torn or no answer.
            SelectorError: A metric name is not valid.
        """
        recorded = self.manifest.window
        if window.start >= recorded.end or window.end <= recorded.start:
            raise MissingEvidenceError(
                f"{self.folder} was recorded over {recorded} and holds nothing of {window}; "
                f"choose a window inside the recording."
            )
        length = range_seconds(window)
        query = range_selector(metrics=metrics, matchers=matchers, seconds=length)
        end = window.end.timestamp()
        chosen = (
            _cut(series, end - length, end)
            for series in self.answer.series
            if series.name in metrics and all(matcher.matches(series.labels) for matcher in matchers)
        )
        found = tuple(series for series in chosen if series.times_seconds.size)
        return replace(self.answer, series=found, query=query, evaluated_at=window.end)


def read_capture(folder: Path) -> Capture:
    """Open a capture and check it.

    Args:
        folder: Folder with the two files.

    Returns:
        The capture; its body is decoded when it is asked for.

    Raises:
        MissingEvidenceError: A file does not exist or may not be read.
        BrokenEvidenceError: The manifest is foreign, or the body is not the recorded one.
    """
    data = read_evidence(folder / MANIFEST_NAME, cure=_RECORD_AGAIN)
    manifest = parse_manifest(data, where=str(folder / MANIFEST_NAME))
    packed = read_evidence(folder / BODY_NAME, cure=_RECORD_AGAIN)
    found = hashlib.sha256(packed).hexdigest()
    if found != manifest.capture_sha256:
        raise BrokenEvidenceError(
            f"{folder / BODY_NAME} has the checksum {found[:12]}..., its manifest says "
            f"{manifest.capture_sha256[:12]}...: the file is torn or was changed. {_RECORD_AGAIN}"
        )
    return Capture(folder=folder, manifest=manifest, packed=packed)


def read_bare_capture(path: Path) -> Capture:
    """Open the body of an answer that was recorded without a manifest, for example by curl.

    Args:
        path: File with the answer to a range selector, as JSON or packed with gzip. The body
            of a whole capture is opened with its manifest.

    Returns:
        The capture. Its window reaches from the first to the last sample; arms and names are
        the usual ones, which parameters replace.

    Raises:
        MissingEvidenceError: The file does not exist or may not be read.
        BrokenEvidenceError: It is torn, no answer, or holds no two instants.
    """
    if path.name == BODY_NAME and (path.parent / MANIFEST_NAME).exists():
        return read_capture(path.parent)
    packed = read_evidence(path, cure=_RECORD_AGAIN)
    answer = _decoded(packed, place=path)
    times = np.unique(np.concatenate([np.empty(0), *(series.times_seconds for series in answer.series)]))
    if times.size < 2:  # noqa: PLR2004 -- a window has two ends
        raise BrokenEvidenceError(
            f"{path} holds no samples of two instants, so no window; ask for a range, as in "
            f"'query={{job=\"api\"}}[35m]'. {_RECORD_AGAIN}"
        )
    first_at, last_at = (datetime.fromtimestamp(times[end], UTC) for end in (0, -1))
    manifest = Manifest(
        name=path.name.removesuffix(".gz").removesuffix(".json"),
        recorded_at=last_at,
        as_of=last_at,
        evaluated_at=last_at,
        window=Window(start=first_at, end=last_at),
        scrape_interval_seconds=scrape_interval_seconds(answer) or 1.0,
        capture_sha256=hashlib.sha256(packed).hexdigest(),
        warnings=answer.warnings,
        infos=answer.infos,
    )
    return Capture(folder=path.parent, manifest=manifest, packed=packed, body_name=path.name)


def scrape_interval_seconds(answer: Answer) -> float | None:
    """Return the usual distance of two samples of a series, None when none has two."""
    several = [np.diff(series.times_seconds) for series in answer.series if series.times_seconds.size > 1]
    return round(float(np.quantile(np.concatenate(several), 0.25, method="lower")), 3) if several else None


def write_capture(folder: Path, body: bytes, manifest: Manifest) -> Manifest:
    """Write a capture: both files or none.

    Args:
        folder: Target; it must not exist yet.
        body: Body of the answer as it came.
        manifest: Its manifest; the checksum is put in here.

    Returns:
        The manifest as written.

    Raises:
        WriteError: The folder exists, or cannot be written; nothing was changed.
    """
    packed, sha256 = pack(body)
    written = manifest.model_copy(update={"capture_sha256": sha256})
    with scratch_folder() as scratch:
        fresh = scratch / folder.name
        write_bytes_whole(fresh / BODY_NAME, packed)
        write_text_whole(fresh / MANIFEST_NAME, manifest_text(written))
        copy_folder_whole(fresh, folder)
    return written


def _decoded(packed: bytes, *, place: Path) -> Answer:
    try:
        body = gzip.decompress(packed) if packed.startswith(_GZIP) else packed
    except (EOFError, OSError, zlib.error) as err:
        raise BrokenEvidenceError(f"{place} is no whole gzip file ({err}). {_RECORD_AGAIN}") from err
    try:
        return decode_answer(body, where=str(place), cure="is it what a server answered, and all of it?")
    except PrometheusAnswerError as err:
        raise BrokenEvidenceError(f"{err.args[0]} {_RECORD_AGAIN}") from err


def _cut(series: Series, start: float, end: float) -> Series:
    low = int(series.times_seconds.searchsorted(start, side="left"))
    high = int(series.times_seconds.searchsorted(end, side="right"))
    return replace(series, times_seconds=series.times_seconds[low:high], values=series.values[low:high])
