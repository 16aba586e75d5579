"""How documents are read strictly, and how a reader says why it has no numbers.

Every message names place, value and cure. What a format demands stands in its own reader.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from reliability.errors import BrokenEvidenceError, MissingEvidenceError

_SHOWN_CHARACTERS: Final = 60


class Strict(BaseModel):
    """Base of documents: no unknown key, no guessed type, nothing changed afterwards."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def read_evidence(path: Path, *, cure: str) -> bytes:
    """Read a file of evidence.

    Args:
        path: The file.
        cure: What to do when it is not there, as a sentence.

    Returns:
        The whole file.

    Raises:
        MissingEvidenceError: It does not exist or may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as err:
        raise MissingEvidenceError(f"{path} could not be read ({err.strerror or err}). {cure}") from err


@contextmanager
def refusing(what: str, *, cure: str) -> Iterator[None]:
    """Turn what a schema refuses inside the block into broken evidence.

    Args:
        what: The place and what it should have been, for example `coverage.json is no coverage JSON`.
        cure: What to do about it, as a sentence.

    Raises:
        BrokenEvidenceError: A value was refused; the message names it.
    """
    try:
        yield
    except ValidationError as err:
        raise BrokenEvidenceError(f"{what}: {first_problem(err)}. {cure}") from err


def first_problem(error: ValidationError) -> str:
    """Describe the first problem of a refused document in one line.

    Args:
        error: What pydantic raised.

    Returns:
        For example `totals.num_statements = -3: Input should be greater than or equal to 0`.
    """
    problems = error.errors(include_url=False)
    unknown = (problem for problem in problems if problem["type"] == "extra_forbidden")
    problem = next(unknown, problems[0]) if problems[0]["type"] == "missing" else problems[0]  # a misspelt key is both
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    message = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"{place} is not a known key"
        case "json_invalid":
            return message
        case "value_error" if isinstance(problem["input"], dict):
            return f"{place}: {message}"
    shown = repr(problem["input"])
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}..."
    return f"{place} = {shown}: {message}"
