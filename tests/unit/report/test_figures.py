from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import select_figure_formats
from matplotlib.figure import Figure
from traitlets.config import Config

from reliability.report.figures import describe_figure, draw_figure, show_figures_as_svg


def figure(points: int = 3) -> Figure:
    made = Figure()
    axes = made.add_subplot()
    axes.plot(range(3), label="canary <b>")
    axes.scatter(np.arange(points), np.arange(points))
    axes.set(title="P95 by\nminute", xlabel="minute", ylabel="ms")
    return made


def svg_of(made: Figure) -> str:
    return str(draw_figure(made)[0]["image/svg+xml"])


@pytest.fixture
def shell() -> Any:
    """What a kernel's shell has for showing things."""
    made = SimpleNamespace(display_formatter=DisplayFormatter(), config=Config())
    show_figures_as_svg(made)
    return made


def test_a_figure_is_shown_as_svg_with_a_description_and_as_nothing_else(shell: Any) -> None:
    data, metadata = shell.display_formatter.format(figure())

    assert set(data) == {"image/svg+xml", "text/plain"}
    assert metadata["image/svg+xml"] == {"alt": "P95 by minute (x: minute; y: ms)"}


def test_the_inline_backend_does_not_take_its_place_and_png_stands_beside_it_when_asked_for(shell: Any) -> None:
    select_figure_formats(shell, shell.config.InlineBackend.figure_formats, bbox_inches="tight")
    data, metadata = shell.display_formatter.format(figure())
    assert set(data) == {"image/svg+xml", "text/plain"}
    assert "alt" in metadata["image/svg+xml"]

    select_figure_formats(shell, {"png"})
    data, _ = shell.display_formatter.format(figure())
    assert set(data) == {"image/svg+xml", "image/png", "text/plain"}


def test_other_objects_keep_their_svg(shell: Any) -> None:
    class Drawn:
        def _repr_svg_(self) -> str:
            return "<svg/>"

    data, _ = shell.display_formatter.format(Drawn())

    assert data["image/svg+xml"] == "<svg/>"


def test_equal_figures_give_equal_bytes_with_their_words_as_text() -> None:
    first, second = svg_of(figure()), svg_of(figure())

    assert first == second
    assert ">minute</text>" in first
    assert "dc:date" not in first


def test_very_many_points_are_a_picture_inside_the_figure() -> None:
    svg = svg_of(figure(20_000))

    assert "data:image/png" in svg
    assert len(svg) < 300_000
    assert ">minute</text>" in svg


def test_a_figure_without_words_has_no_description() -> None:
    made = Figure()
    made.add_subplot()

    assert describe_figure(made) == ""


def test_a_description_names_every_panel() -> None:
    made = Figure()
    made.suptitle("Both")
    left, right = made.subplots(1, 2)
    left.set_title("Left", loc="left")
    right.set_ylabel("ms")

    assert describe_figure(made) == "Both. Left. y: ms"
