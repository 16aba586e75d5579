"""Matplotlib figures of a notebook as SVG: small, sharp in print, and with a description for screen readers.

`show_figures_as_svg` makes the kernel show every figure that way, under papermill and in
JupyterLab, without a line of the analyst's. Whoever asks for PNG afterwards gets PNG.
Matplotlib is imported only when a figure is drawn. How a page shows a picture belongs to
`reliability.report.foreign`; our own charts belong to `reliability.report.charts`.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_POINTS: Final = 5000  # what has more is drawn as a picture inside the SVG
_DOTS_PER_INCH: Final = 150


def show_figures_as_svg(shell: Any) -> None:
    """Make a kernel show matplotlib figures as SVG with a description; calling it again changes nothing.

    Args:
        shell: What `get_ipython()` returns.
    """
    formatter = shell.display_formatter.formatters["image/svg+xml"]
    if "for_type" in vars(formatter):
        return
    register = formatter.for_type

    def for_type(kind: Any, draw: Any = None) -> Any:
        """Register our drawing where the inline backend registers its own."""
        is_figure = draw is not None and getattr(kind, "__module__", "") == "matplotlib.figure"
        return register(kind, draw_figure if is_figure else draw)

    formatter.for_type = for_type
    formatter.for_type_by_name("matplotlib.figure", "Figure", draw_figure)
    shell.config.InlineBackend.setdefault("figure_formats", {"svg"})  # for the backend, once a figure is made
    inline = sys.modules.get("matplotlib_inline.config")
    if inline is not None and inline.InlineBackend.initialized():
        backend = inline.InlineBackend.instance()
        if backend.figure_formats == {"png"}:  # the default; a choice of the analyst's stays
            backend.figure_formats = {"svg"}


def draw_figure(figure: "Figure") -> tuple[str, dict[str, str]]:
    """Draw a figure once.

    Args:
        figure: Any figure; it is not changed.

    Returns:
        The SVG, the same for the same figure, with text as text; and its metadata, with `alt` when it can be derived.
    """
    import matplotlib as mpl  # noqa: PLC0415 -- a kernel without figures starts without it

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "reliability"}), _dense_parts_as_pictures(figure):
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", dpi=_DOTS_PER_INCH, facecolor=figure.get_facecolor(),
            metadata={"Date": None},
        )  # fmt: skip
    alt = describe_figure(figure)
    return buffer.getvalue(), {"alt": alt} if alt else {}


def describe_figure(figure: "Figure") -> str:
    """Return titles and axis labels of a figure in one line; empty when it has none."""
    parts = [figure.get_suptitle()]
    for axes in figure.axes:
        titles = [axes.get_title(loc=place) for place in ("left", "center", "right")]
        labels = {"x": axes.get_xlabel(), "y": axes.get_ylabel()}
        named = "; ".join(f"{name}: {label}" for name, label in labels.items() if label)
        title = " ".join(filter(None, titles))
        parts.append(f"{title} ({named})" if title and named else title or named)
    return ". ".join(" ".join(part.split()) for part in parts if part)


@contextmanager
def _dense_parts_as_pictures(figure: "Figure") -> Iterator[None]:
    """Draw artists of very many points as pictures, for as long as the block lasts."""
    dense = [artist for artist in figure.findobj(_is_dense) if not artist.get_rasterized()]
    for artist in dense:
        artist.set_rasterized(True)
    try:
        yield
    finally:
        for artist in dense:
            artist.set_rasterized(False)


def _is_dense(artist: Any) -> bool:
    found = (getattr(artist, name, None) for name in ("get_offsets", "get_xdata", "get_array"))
    values = [value for value in (get() for get in found if get) if value is not None]
    return any(getattr(value, "size", 0) > _MOST_POINTS for value in values)
