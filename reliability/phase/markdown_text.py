"""Writes plain text as Markdown that shows this very text: no link, heading, tag or table comes out of a value.

Only what would act is escaped, so that the file stays readable as a file.
"""

import re
from typing import Final

from reliability.report.words import printable

_ACTS_ANYWHERE: Final = re.compile(r"[\\`*\[\]<>|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_LISTED: Final = re.compile(r"\d{1,9}(?=[.)])")


def in_markdown(text: object) -> str:
    """Write a value inside a line of Markdown.

    Args:
        text: Any value; white space of any kind becomes single spaces.

    Returns:
        Markdown that renders as the text, also at the start of a line or in the cell of a table.
    """
    plain = printable(" ".join(str(text).split()))
    escaped = _ACTS_ANYWHERE.sub(lambda found: f"\\{found[0]}", plain)
    if escaped[:1] in {"-", "+", "#", "="}:
        return f"\\{escaped}"
    listed = _LISTED.match(escaped)
    return f"{listed[0]}\\{escaped[listed.end() :]}" if listed else escaped


def as_code(text: object) -> str:
    """Write a value as code inside a line of Markdown, outside tables."""
    plain = printable(" ".join(str(text).split()))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{pad}{plain}{pad}{fence}"
