"""What a notebook cell shows: one result, as data for the page and as HTML for the analyst.

The numbers travel in our own mime type; pages are made from them later, in any
language, without a kernel. Words and tags belong to `reliability.report`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final

from IPython.display import display
from pydantic import BaseModel

from reliability.clock import format_instant
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
    """Turn data into JSON types: records become objects, instants texts, numbers that are not finite null."""
    made: dict[str, Any] = json.loads(json.dumps(data, default=_plain), parse_constant=lambda _: None)
    return made


def _plain(value: Any) -> object:
    match value:
        case datetime():
            return format_instant(value)
        case Fraction() | Decimal():
            return float(value)
        case Enum():
            return value.value
        case BaseModel():
            return dict(value)
    return asdict(value)
