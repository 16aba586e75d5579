"""Answers of one run, kept beside it and given back offline.

A recording way to the query API stores each body untouched under a key of path and form;
a replaying one finds it there, so that a stored run takes the same code as a live one.
What the answers mean does not belong here.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from reliability.atomic import write_bytes_whole, write_text_whole
from reliability.clock import format_instant
from reliability.errors import BrokenEvidenceError, MissingEvidenceError, QueryTooBigError
from reliability.sources.answer import clipped, pack
from reliability.sources.transport import Transport
from reliability.sources.validation import Strict, read_evidence, refusing

SCHEMA: Final = "reliability.answers/1"
INDEX_NAME: Final = "answers.json"
_RUN_AGAIN: Final = "Run the report again on the server itself, or name another source."
_FILES: Final = "[0-9a-f]" * 64 + ".json.gz"
_Checksum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StoredAnswer(Strict):
    """One request, and the checksum of the file that holds its answer, `<key>.json.gz`.

    There is no checksum and no file where the server found the query too big, so that a
    replayed run splits it as the live one did.
    """

    key: _Checksum
    path: str
    form: Mapping[str, str]
    sha256: _Checksum | None


class StoredAnswers(Strict):
    """The index of a folder of answers.

    Attributes:
        schema_name: Format of the index; `schema` in the file.
        as_of: Instant at which the run was judged.
        name: Name of the server, for messages and pages.
        parameters: Parameters of the run.
        answers: What was asked.
    """

    schema_name: Literal["reliability.answers/1"] = Field(default=SCHEMA, alias="schema")
    as_of: AwareDatetime
    name: str
    parameters: Mapping[str, Any]
    answers: tuple[StoredAnswer, ...]


class RecordingTransport:
    """Asks another transport and stores its answers; those of an earlier run give way to the first new one.

    Args:
        transport: Who is asked.
        folder: Where the answers go, one folder a run.
        as_of: Instant at which the run is judged.
        parameters: Parameters of the run, fit for JSON; no secrets.
    """

    def __init__(self, transport: Transport, folder: Path, *, as_of: datetime, parameters: Mapping[str, Any]) -> None:
        self._transport = transport
        self._folder = folder
        self._as_of = as_of
        self._parameters = parameters
        self._answers: dict[str, StoredAnswer] = {}

    @property
    def where(self) -> str:
        """Name of the server."""
        return self._transport.where

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        """Ask and store; see `Transport.ask`.

        Raises:
            SourceError: The answer cannot be had; nothing was stored.
            WriteError: It cannot be stored.
        """
        try:
            body = self._transport.ask(path, form)
        except QueryTooBigError:
            self._store(path, form, None)
            raise
        self._store(path, form, body)
        return body

    def _store(self, path: str, form: Mapping[str, str], body: bytes | None) -> None:
        key, sha256 = answer_key(path, form), None
        if body is not None:
            packed, sha256 = pack(body)
            write_bytes_whole(_place(self._folder, key), packed)
        self._answers[key] = StoredAnswer(key=key, path=path, form=dict(form), sha256=sha256)
        index = StoredAnswers(
            as_of=self._as_of, name=self.where, parameters=self._parameters, answers=tuple(self._answers.values())
        )
        text = json.dumps(index.model_dump(by_alias=True), indent=1, ensure_ascii=False, default=format_instant)
        write_text_whole(self._folder / INDEX_NAME, f"{text}\n")
        for place in self._folder.glob(_FILES):
            if place.name.partition(".")[0] not in self._answers:
                place.unlink(missing_ok=True)  # of an earlier run


class ReplayTransport:
    """Gives stored answers back.

    Args:
        folder: Where a `RecordingTransport` has left them.

    Attributes:
        stored: The index: when it was judged, and the parameters that ask the same again.

    Raises:
        MissingEvidenceError: The folder has no index.
        BrokenEvidenceError: The index is torn or foreign.
    """

    def __init__(self, folder: Path) -> None:
        place = folder / INDEX_NAME
        data = read_evidence(place, cure=_RUN_AGAIN)
        with refusing(f"{place} is no list of answers of schema {SCHEMA}", cure=_RUN_AGAIN):
            self.stored = StoredAnswers.model_validate_json(data)
        self._folder = folder
        self._answers = {answer.key: answer for answer in self.stored.answers}

    @property
    def where(self) -> str:
        """Name of the server that answered."""
        return self.stored.name

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        """Return the stored body; see `Transport.ask`.

        Raises:
            MissingEvidenceError: This was not asked, or the file is gone.
            QueryTooBigError: The server found it too big.
            BrokenEvidenceError: The file is torn or was changed.
        """
        key = answer_key(path, form)
        if key not in self._answers:
            raise MissingEvidenceError(
                f"{self._folder} holds no answer to {clipped(form.get('query', path))} for this instant; "
                f"use the parameters that it was recorded with (they stand in {INDEX_NAME}), or ask the server itself."
            )
        if self._answers[key].sha256 is None:
            raise QueryTooBigError(f"{self.where} found this query too big when it was recorded.")
        place = _place(self._folder, key)
        packed = read_evidence(place, cure=_RUN_AGAIN)
        if hashlib.sha256(packed).hexdigest() != self._answers[key].sha256:
            raise BrokenEvidenceError(f"{place} is torn or was changed, by its checksum. {_RUN_AGAIN}")
        return gzip.decompress(packed)


def answer_key(path: str, form: Mapping[str, str]) -> str:
    """Return the key of a request: equal requests have equal ones, however long they may take."""
    asked = sorted((name, value) for name, value in form.items() if name != "timeout")
    return hashlib.sha256(json.dumps([path, asked]).encode()).hexdigest()


def _place(folder: Path, key: str) -> Path:
    return folder / f"{key}.json.gz"
