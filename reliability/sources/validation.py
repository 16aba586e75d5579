"""How a value that a schema refused is named to a person: place, value, what was wanted.

Used by the readers whose formats are pydantic models. Which error a refusal becomes is
each reader's decision.
"""

from typing import Final

from pydantic import ValidationError

_SHOWN_CHARACTERS: Final = 60
_WHOLE_DOCUMENT: Final = "the document"


def first_problem(error: ValidationError) -> str:
    """Describe the first problem of a refused document in one line.

    Args:
        error: What pydantic raised.

    Returns:
        For example `totals.num_statements = -3: Input should be greater than or equal to 0`.
    """
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or _WHOLE_DOCUMENT
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{place} is not a known key"
    if problem["type"] == "json_invalid":
        return str(problem["msg"])
    shown = repr(problem["input"])
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}..."
    return f"{place} = {shown}: {problem['msg']}"
