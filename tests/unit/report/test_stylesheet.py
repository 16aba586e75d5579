import base64
import hashlib
import re

import pytest

from reliability.report.stylesheet import content_security_policy, notebook_css, page_css
from reliability.shipped import shipped_folder

TEXT_PAIRS = [
    *(("ink", ground) for ground in ("page", "card", "sunk", "pass-bg", "warn-bg", "fail-bg", "hold-bg", "none-bg")),
    *(("soft", ground) for ground in ("page", "card", "sunk", "pass-bg", "warn-bg", "fail-bg", "hold-bg", "none-bg")),
    *((status, f"{status}-bg") for status in ("pass", "warn", "fail", "hold", "none")),
    ("link", "page"), ("link", "card"), ("pass", "card"), ("warn", "card"), ("fail", "card"),
]  # fmt: skip
GRAPHIC_PAIRS = [(name, "card") for name in ("base", "cana", "limit", "pass", "warn", "fail", "edge")]


def tokens() -> dict[str, tuple[str, str]]:
    """Return the light and dark value of each colour."""
    text = (shipped_folder("templates") / "tokens.css").read_text(encoding="utf-8")
    return {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", text)}


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio, as WCAG 2 defines it."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_is_readable_in_both_themes(text: str, ground: str, theme: int) -> None:
    assert contrast(tokens()[text][theme], tokens()[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), GRAPHIC_PAIRS)
def test_marks_are_visible_in_both_themes(mark: str, ground: str, theme: int) -> None:
    assert contrast(tokens()[mark][theme], tokens()[ground][theme]) >= 3


def test_the_policy_admits_the_stylesheet_and_nothing_else() -> None:
    digest = base64.b64encode(hashlib.sha256(page_css().encode()).digest()).decode()

    assert content_security_policy(page_css()) == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_the_stylesheet_fetches_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face|</", page_css())


def test_older_browsers_get_the_light_colours() -> None:
    assert "@supports not (color:light-dark(#000,#fff)){.reliability{--page:#f5f6f8;" in page_css()


def test_braces_of_both_forms_are_balanced() -> None:
    for css in (page_css(), notebook_css()):
        assert css.count("{") == css.count("}")


def test_a_notebook_gets_no_rule_for_print_or_the_frame() -> None:
    assert "@page" not in notebook_css()
    assert ".skip" not in notebook_css()
