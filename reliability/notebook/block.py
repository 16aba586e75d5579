"""What a notebook cell shows: one result, as data for the page and as HTML for the analyst.

The numbers travel in our own mime type; pages are made from them later, in any
language, without a kernel. Words and tags belong to `reliability.report`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from IPython.display import display
from pydantic_core import to_jsonable_python

from reliability.report.blocks import render_for_notebook

MIME_TYPE: Final = "application/vnd.reliability+json"
SCHEMA: Final = "reliability.block/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One result of a cell.

    Attributes:
        kind: Name of the block, which is the name of its template.
        data: Numbers and texts, JSON types only; see `plain`.
        language: Language in which the analyst reads it.
    """

    kind: str
    data: Mapping[str, Any]
    language: str = "en"

    def display(self) -> None:
        """Show it now, in the middle of a cell."""
        display(self)  # type: ignore[no-untyped-call]

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {
            MIME_TYPE: {"schema": SCHEMA, "block": self.kind, "data": self.data},
            "text/html": render_for_notebook(self.kind, self.data, language=self.language),
            "text/plain": f"<{self.kind}>",
        }


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn records, verdicts and tuples into JSON types, and numbers that are not finite into null."""
    made: dict[str, Any] = to_jsonable_python(data, inf_nan_mode="null")
    return made
