"""What the frame of a page needs: its language switch, its links, its style and policy.

Pages are plain files that link each other relatively, so that a folder of them works from
disk. How the frame looks belongs to `templates/frame.html.j2`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reliability import __version__
from reliability.report.stylesheet import content_security_policy, page_css
from reliability.report.words import Words, words_in

INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the frame.

    Attributes:
        href: Relative address.
        label: Visible text.
        current: Whether it is this page.
    """

    href: str
    label: str
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One entry of the language switch.

    Attributes:
        code: Language code, shown in capitals.
        name: Its own name for it.
        href: The same page in it.
        current: Whether this page is in it.
    """

    code: str
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Values of the frame of one page.

    Attributes:
        language: Language code.
        title: Title of the page, without the brand.
        home: Address of the overview.
        links: Links to the other pages.
        languages: The language switch.
        notice: What must be known before reading, for example that the data are a sample.
        css: Stylesheet.
        policy: Content-Security-Policy that admits it.
        version: Version of this package.
    """

    language: str
    title: str
    home: str
    links: tuple[Link, ...]
    languages: tuple[Language, ...]
    notice: str | None
    css: Markup
    policy: str
    version: str


def page_file(name: str, language: str, *, main_language: str) -> str:
    """Name the file of a page: the main language has no suffix.

    Args:
        name: Report or `index`.
        language: Language of the page.
        main_language: Language of the settings.

    Returns:
        For example `canary_comparison.es.html`.
    """
    return f"{name}.html" if language == main_language else f"{name}.{language}.html"


def make_frame(
    name: str,
    *,
    language: str,
    languages: Sequence[str],
    main_language: str,
    title: str,
    home: str,
    links: Sequence[Link],
    notice: str | None,
) -> Frame:
    """Make the frame of a page.

    Args:
        name: Report or `index`.
        language: Language of this page.
        languages: All languages it is made in.
        main_language: The one without a suffix.
        title: Title of the page.
        home: Address of the overview.
        links: Links to the other pages.
        notice: What must be known before reading, or None.

    Returns:
        The frame.
    """
    words = words_in(language)
    switch = tuple(
        Language(
            code=code,
            name=words.plain(f"frame.languages.{code}"),
            href=page_file(name, code, main_language=main_language),
            current=code == language,
        )
        for code in languages
    )
    return Frame(
        language=language, title=title, home=home, links=tuple(links), languages=switch, notice=notice,
        css=page_css(), policy=content_security_policy(), version=__version__,
    )  # fmt: skip


def short_name(report: str, words: Words) -> str:
    """Return how navigation calls a report; its own name when it ships no words."""
    key = f"frame.short.{report}"
    return words.plain(key) if words.knows(key) else report.replace("_", " ").capitalize()
