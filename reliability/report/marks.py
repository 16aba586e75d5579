"""Small drawings beside words and numbers: status icons, chips, gauges, legend swatches.

They are written by hand as SVG that takes its colours from CSS classes. Each carries a
size of its own, so that a page without its stylesheet stays readable. Status differs by
shape and word, never by colour alone. Charts with axes belong to `reliability.report.svg`.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from reliability.report.words import Words

STATUS: Final = MappingProxyType({
    "PASS": "pass", "ATTENTION": "warn", "FAIL": "fail", "INCONCLUSIVE": "hold", "UNKNOWN": "hold", "NO_DATA": "none",
})  # fmt: skip
_ICONS: Final = MappingProxyType({
    "pass": Markup('<circle cx="12" cy="12" r="10.5" class="f-tone"/><path d="M7 12.4l3.4 3.4L17.2 9" fill="none" class="s-card" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>'),  # noqa: E501
    "warn": Markup('<path d="M12 2.2 23 21.4H1Z" class="f-tone s-tone" stroke-width="1.6" stroke-linejoin="round"/><path d="M12 9v6" class="s-card" stroke-width="2.4" stroke-linecap="round"/><circle cx="12" cy="18.2" r="1.35" class="f-card"/>'),  # noqa: E501
    "fail": Markup('<path d="M7.6 1.5h8.8l6.1 6.1v8.8l-6.1 6.1H7.6l-6.1-6.1V7.6Z" class="f-tone"/><path d="m8.2 8.2 7.6 7.6m0-7.6-7.6 7.6" class="s-card" stroke-width="2.4" stroke-linecap="round"/>'),  # noqa: E501
    "hold": Markup('<path d="M12 .8 23.2 12 12 23.2.8 12Z" class="f-tone"/><path d="M9.3 9.6a2.8 2.8 0 1 1 4.1 2.6c-1 .5-1.4 1-1.4 2" fill="none" class="s-card" stroke-width="2.1" stroke-linecap="round"/><circle cx="12" cy="17.2" r="1.3" class="f-card"/>'),  # noqa: E501
    "none": Markup('<circle cx="12" cy="12" r="10" fill="none" class="s-tone" stroke-width="1.8" stroke-dasharray="4 3"/><path d="M7.5 12h9" class="s-tone" stroke-width="2.2" stroke-linecap="round"/>'),  # noqa: E501
    "pulse": Markup('<path d="M2 13h4.2l2.6-7.5 4.6 13 3-8.5 1.4 3H22" fill="none" class="s-base" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>'),  # noqa: E501
})  # fmt: skip
_SWATCHES: Final = MappingProxyType({
    "base": Markup('<path d="M1 7h30" class="s-base" stroke-width="2.4"/><circle cx="16" cy="7" r="4" class="f-base"/>'),  # noqa: E501
    "cana": Markup('<path d="M1 7h30" class="s-cana" stroke-width="2.4"/><path d="m16 2 5 5-5 5-5-5Z" class="f-cana"/>'),  # noqa: E501
    "limit": Markup('<path d="M1 7h30" class="s-limit" stroke-width="2" stroke-dasharray="4 3"/>'),
    "goal": Markup('<path d="M1 7h30" class="s-pass" stroke-width="2" stroke-dasharray="4 3"/>'),
    "step": Markup('<path d="M1 11h15V3h15" fill="none" class="s-limit" stroke-width="2"/>'),
    "dbase": Markup('<path d="M16 0v14" class="s-base" stroke-width="2.2"/><circle cx="16" cy="7" r="4" class="f-base"/>'),  # noqa: E501
    "dcana": Markup('<path d="M16 0v14" class="s-cana" stroke-width="2.2"/><path d="m16 2 5 5-5 5-5-5Z" class="f-cana"/>'),  # noqa: E501
    "barbase": Markup('<path d="M6 2h20v10H6Z" class="f-base"/>'),
    "barcana": Markup('<path d="M6 2h20v10H6Z" class="f-cana"/>'),
    "barpass": Markup('<path d="M6 2h20v10H6Z" class="f-pass"/>'),
    "barfail": Markup('<path d="M6 2h20v10H6Z" class="f-fail"/>'),
    "bandbase": Markup('<path d="M6 2h20v10H6Z" class="f-bandb"/>'),
    "bandcana": Markup('<path d="M6 2h20v10H6Z" class="f-bandc"/>'),
})  # fmt: skip
_WIDTH: Final = 240
_EDGE: Final = 6
_LABEL_ROOM: Final = 34  # px between two tick labels, else the first is left out


def status_of(verdict: str, cautions: Sequence[object] = ()) -> str:
    """Return the status of a verdict as CSS knows it: a PASS with cautions is `warn`."""
    return "warn" if verdict == "PASS" and cautions else STATUS[verdict]


def icon(name: str, *, size: int = 24) -> Markup:
    """Draw a status icon or the pulse of the brand; decoration beside a word."""
    return Markup(
        '<svg width="{0}" height="{0}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{1}</svg>'
    ).format(size, _ICONS[name])


def chip(words: Words, verdict: str, cautions: Sequence[object] = ()) -> Markup:
    """Write a verdict as a chip of icon and word."""
    status = status_of(verdict, cautions)
    word = words.text(f"frame.status.{'unknown' if verdict == 'UNKNOWN' else status}")
    return Markup('<span class="chip is-{}">{}{}</span>').format(status, icon(status, size=18), word)


def swatch(kind: str) -> Markup:
    """Draw the key of one series for a legend; see `_SWATCHES` for the kinds."""
    return Markup(
        '<svg width="32" height="14" viewBox="0 0 32 14" aria-hidden="true" focusable="false">{}</svg>'
    ).format(_SWATCHES[kind])


def gauge(
    value: float | None,
    *,
    limit: float,
    verdict: str,
    limit_label: str,
    interval: Sequence[float | None] | None = None,
    cautions: Sequence[object] = (),
    zero_label: str = "0",
) -> Markup:
    """Draw a value and its likely range against a limit; the numbers stand in the text beside it.

    Args:
        value: The value; without it nothing is drawn.
        limit: The limit, drawn as a tick.
        verdict: Decides the colour, with `cautions`.
        limit_label: The limit in words.
        interval: Likely range, or None; an open end runs to the edge. A list of
            `[0, value]` draws a bar from zero.
        cautions: Cautions of the verdict.
        zero_label: What is written under zero.

    Returns:
        A decorative SVG, or nothing.
    """
    if value is None:
        return Markup("")
    low, high = interval or (value, value)
    known = [v for v in (0.0, value, limit, low, high) if v is not None]
    first, last = min(known), max(known)
    room = 0.12 * (last - first or 1.0)
    first, last = (first - room if first < 0 else first), last + room

    def x(at: float | None, otherwise: float) -> float:
        shown = otherwise if at is None else at
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * (shown - first) / (last - first), 1)

    ticks = [(x(0, 0), zero_label)] if abs(x(limit, 0) - x(0, 0)) > _LABEL_ROOM else []
    return Markup(
        '<svg class="gauge is-{status}" width="240" height="34" viewBox="0 0 240 34" aria-hidden="true" '
        'focusable="false"><path d="M6 12H234" class="s-rule" stroke-width="6" stroke-linecap="round"/>'
        '<path d="M{low} 12H{high}" class="s-tone" stroke-width="6" stroke-linecap="round" opacity=".45"/>'
        '<path d="M{limit} 3v18" class="s-limit" stroke-width="2"/>'
        '<circle cx="{value}" cy="12" r="5.5" class="f-tone s-card" stroke-width="1.5"/>{ticks}</svg>'
    ).format(
        status=status_of(verdict, cautions), low=x(low, first), high=x(high, last), limit=x(limit, limit),
        value=x(value, value), ticks=Markup("").join(_tick(*t) for t in [*ticks, (x(limit, limit), limit_label)]),
    )  # fmt: skip


def _tick(x: float, label: str) -> Markup:
    """Write a label under its tick, kept inside the drawing."""
    anchor = "start" if x < _LABEL_ROOM / 2 else "end" if x > _WIDTH - _LABEL_ROOM / 2 else "middle"
    at = max(0.0, x - _EDGE) if anchor == "start" else min(float(_WIDTH), x + _EDGE) if anchor == "end" else x
    return Markup('<text x="{}" y="33" text-anchor="{}" font-size="11.5" class="f-soft">{}</text>').format(
        at, anchor, label
    )
