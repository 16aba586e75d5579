"""The cells of a page as markup: prose, our results drawn from their JSON, everything else made safe.

Which cells a page has belongs to `reliability.report.arrange`; what foreign outputs may
look like to `reliability.report.foreign`.
"""

import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from jinja2 import UndefinedError
from markupsafe import Markup, escape

from reliability.report.arrange import MIME_TYPE
from reliability.report.blocks import knows_block, render_block
from reliability.report.foreign import ForeignOutputs, tidy
from reliability.report.words import words_in

_MALFORMED: Final = (UndefinedError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_MOST_OF_ERROR: Final = 64_000


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
        shown, caption = [], self._caption(cell)
        for output in cell.outputs:
            shown.append(self._output(output, caption))
            if escape(caption) in shown[-1]:  # it names the first picture or table
                caption = ""
        return Markup("").join(shown)

    def _output(self, output: Mapping[str, Any], caption: str) -> Markup:
        if output["output_type"] == "error":  # name and message, without the source: it may hold a secret
            told = {name: tidy(output[name][:_MOST_OF_ERROR]) for name in ("ename", "evalue")}
            return render_block("error", told, language=self.language)
        if MIME_TYPE in output.get("data", {}):
            return self._block(output["data"][MIME_TYPE])
        return self._foreign.output(output, caption=caption)

    def _block(self, envelope: Any) -> Markup:
        """Render a result of ours; one that this version does not know, or that is malformed, is named in its place."""
        kind = str(envelope.get("block")) if isinstance(envelope, Mapping) else MIME_TYPE
        if knows_block(kind):
            with suppress(*_MALFORMED):
                uid = f"b{next(self._numbers)}-"
                return render_block(kind, envelope["data"], language=self.language, uid=uid)
        return Markup('<div class="output">{}</div>').format(self._foreign.cleaner.note("unknown_output", kind=kind))

    def _caption(self, cell: Any) -> str:
        """Return the caption that an analyst gave: a text, or one by language."""
        given = cell.metadata.get("reliability", {}).get("caption", "")
        return str(given.get(self.language, "") if isinstance(given, Mapping) else given)
