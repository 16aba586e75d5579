"""Matplotlib figures of a notebook as SVG: small, sharp in print, and with a description for screen readers.

`show_figures_as_svg` makes the kernel show every figure that way, under papermill and in
JupyterLab, without a line of the analyst's. Matplotlib is imported only when a figure is
drawn. How a page shows a picture belongs to `reliability.report.foreign`; our own charts
belong to `reliability.report.charts`.
"""

import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_POINTS: Final = 5000  # what has more is drawn as a picture inside the SVG
_DOTS_PER_INCH: Final = 150
Bundle = dict[str, Any]


def show_figures_as_svg(shell: Any) -> None:
    """Make a kernel show matplotlib figures as SVG with a description; calling it again changes nothing.

    Args:
        shell: What `get_ipython()` returns.
    """
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type_by_name("matplotlib.figure", "Figure", draw_figure)
    shell.config.InlineBackend.setdefault("figure_formats", set())  # the inline backend draws nothing beside it


def draw_figure(figure: "Figure") -> tuple[Bundle, Bundle]:
    """Draw a figure once.

    Args:
        figure: Any figure; parts of very many points are marked to be drawn as pictures inside the SVG.

    Returns:
        The SVG by its kind, the same for the same figure, with text as text; and its metadata, with `alt` when it can
        be derived.
    """
    import matplotlib as mpl  # noqa: PLC0415 -- a kernel without figures starts without it

    for artist in figure.findobj(_is_dense):
        artist.set_rasterized(True)
    drawn = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "reliability"}):
        figure.savefig(drawn, format="svg", bbox_inches="tight", dpi=_DOTS_PER_INCH, metadata={"Date": None})
    alt = describe_figure(figure)
    return {"image/svg+xml": drawn.getvalue()}, {"image/svg+xml": {"alt": alt} if alt else {}}


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


def _is_dense(artist: Any) -> bool:
    found = (getattr(artist, name)() for name in ("get_offsets", "get_xdata", "get_array") if hasattr(artist, name))
    return any(getattr(values, "size", 0) > _MOST_POINTS for values in found)
