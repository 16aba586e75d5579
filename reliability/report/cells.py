"""The cells of a page as markup: prose, our results drawn from their JSON, everything else made safe.

Which cells a page has belongs to `reliability.report.arrange`; what foreign outputs may
look like to `reliability.report.foreign`.
"""

import itertools
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reliability.report.arrange import MIME_TYPE
from reliability.report.blocks import knows_block, render_block
from reliability.report.foreign import ForeignOutputs, merge_streams, plain_text
from reliability.report.words import words_in


class PageCells:
    """Renders the cells of one page; the styles that they need are complete when all are rendered.

    Attributes:
        language: Language of the page.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._foreign = ForeignOutputs(words_in(language))
        self._numbers = itertools.count(1)

    def css(self) -> str:
        """Return the rules of the classes that the cells use."""
        return self._foreign.cleaner.styles.css()

    def render(self, cell: Any) -> Markup:
        """Render one cell.

        Args:
            cell: A markdown cell, or a code cell with its outputs.

        Returns:
            Safe markup.
        """
        if cell.cell_type == "markdown":
            return self._foreign.prose(cell.source, cell.get("attachments"))
        made, caption = Markup(""), self._caption(cell)
        groups = itertools.groupby(merge_streams(cell.outputs), key=_owner)
        for owner, outputs in groups:
            if owner == "foreign":
                made += self._foreign.outputs(list(outputs), caption=caption)
            else:
                made += Markup("").join(self._failure(o) if owner == "failure" else self._ours(o) for o in outputs)
        return made

    def _ours(self, output: Mapping[str, Any]) -> Markup:
        """Render a block; of a kind that this version does not know, say so."""
        envelope = output["data"][MIME_TYPE]
        kind = str(envelope.get("block")) if isinstance(envelope, Mapping) else MIME_TYPE
        if not knows_block(kind):
            return Markup('<div class="output">{}</div>').format(self._foreign.note("unknown_output", kind=kind))
        return render_block(kind, envelope["data"], language=self.language, uid=f"b{next(self._numbers)}-")

    def _failure(self, output: Mapping[str, Any]) -> Markup:
        """Show name and message of an error, without the source: it may hold a secret."""
        shown = {name: plain_text(output[name]) for name in ("ename", "evalue")}
        return render_block("error", shown, language=self.language)

    def _caption(self, cell: Any) -> str:
        """Return the caption that an analyst gave: a text, or one by language."""
        given = cell.metadata.get("reliability", {}).get("caption", "")
        return str(given.get(self.language, "") if isinstance(given, Mapping) else given)


def _owner(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "error":
        return "failure"
    return "ours" if MIME_TYPE in output.get("data", {}) else "foreign"
