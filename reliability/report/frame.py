"""What the frame of a page needs: its language switch, its links, its style and policy.

Pages are plain files that link each other relatively, so that a folder of them works from
disk. How the frame looks belongs to `templates/frame.html.j2`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from reliability import __version__
from reliability.report.stylesheet import content_security_policy, page_css
from reliability.report.words import LANGUAGES, words_in

INDEX = "index"
Titles = Mapping[str, Mapping[str, str]]


def page_files(name: str, main_language: str) -> dict[str, str]:
    """Name the files of a page, for example `canary_comparison.es.html`.

    Args:
        name: Report or `index`.
        main_language: Language of the settings; its file has no suffix.

    Returns:
        File name by language, the main one first.
    """
    ordered = sorted(LANGUAGES, key=lambda language: language != main_language)
    return {code: f"{name}.html" if code == main_language else f"{name}.{code}.html" for code in ordered}


def page_frame(
    name: str,
    *,
    status: str,
    language: str,
    main_language: str,
    home: str,
    links: Mapping[str, str],
    notice: str,
    css: str = "",
    titles: Titles = MappingProxyType({}),
) -> dict[str, Any]:
    """Collect what the frame of a page shows.

    Args:
        name: Report or `index`.
        status: Status of its verdict.
        language: Language of this page.
        main_language: The one without a suffix.
        home: Folder of the overview as seen from this page; empty or ending in a slash.
        links: Address of the pages of the reports.
        notice: What must be known before reading, for example that the data are a sample, or nothing.
        css: Rules of our own making that follow the stylesheet.
        titles: What reports of the project's own call themselves, by name and language.

    Returns:
        Values by their names in `templates/frame.html.j2`.
    """
    words, files = words_in(language), page_files(name, main_language)
    whole = page_css() + Markup(css)  # noqa: S704 -- written by us, value by value
    overview = f"{home}{page_files(INDEX, main_language)[language]}"
    return {
        "language": language,
        "title": f"{report_name(name, language, title=titles.get(name))}: {words.plain(f'frame.status.{status}')}",
        "home": overview,
        "links": [
            {
                "href": href,
                "label": report_name(report, language, form="short", title=titles.get(report)),
                "current": report == name,
            }
            for report, href in {INDEX: overview, **links}.items()
        ],
        "languages": [
            {
                "code": code,
                "name": words.plain(f"frame.languages.{code}"),
                "href": files[code],
                "current": code == language,
            }
            for code in LANGUAGES
        ],
        "notice": notice,
        "css": whole,
        "policy": content_security_policy(whole),
        "version": __version__,
    }


def report_name(name: str, language: str, *, form: str = "name", title: Mapping[str, str] | None = None) -> str:
    """Return how a report is called, in its `short` form in navigation; by its own `title` when it ships no words."""
    words, key = words_in(language), f"frame.{form}.{name}"
    return words.plain(key) if words.knows(key) else (title or {}).get(language, name)
