"""Every word that a page, a chart or the command line says, by key and language.

Catalogues are `templates/i18n/<language>/<topic>.toml`; a key is the topic and the table
path, for example `canary.latency.title`. A string is plain text with Jinja placeholders
and filters, never HTML: one string serves pages (escaped) and terminals (plain). A list
is a set of lines, of which those that render to nothing are left out.

To add words: write the key in both languages with the same placeholders; the tests hold
the catalogues together. Conditions take booleans that Python computed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from reliability.report.formats import LOCALES, Formats
from reliability.shipped import shipped_folder

LANGUAGES: Final = tuple(LOCALES)
Entry = str | list[str]


class Words:
    """The words of one language.

    Attributes:
        language: Language code.
        formats: How numbers and instants are written in this language.
    """

    def __init__(self, language: str) -> None:
        if language not in LOCALES:
            raise KeyError(f"no words in language '{language}'; there are: {', '.join(LANGUAGES)}")
        self.language = language
        self.formats = Formats(language)
        self._entries = read_catalogue(language)
        self._environments = {escaped: _environment(self.formats, escaped=escaped) for escaped in (True, False)}
        self._templates: dict[tuple[str, bool], list[Template]] = {}

    def knows(self, key: str) -> bool:
        """Tell whether the catalogue has this key."""
        return key in self._entries

    def text(self, key: str, /, **values: object) -> Markup:
        """Render one string for HTML; values are escaped.

        Args:
            key: Topic and table path, joined by dots.
            values: What the placeholders stand for.

        Returns:
            Safe markup without tags of its own.

        Raises:
            KeyError: No such key.
            jinja2.UndefinedError: A placeholder has no value.
        """
        return Markup(self._render(key, values, escaped=True)[0])  # noqa: S704 -- rendered with autoescape

    def plain(self, key: str, /, **values: object) -> str:
        """Render one string as plain text, for JSON, charts and terminals; see `text`."""
        return self._render(key, values, escaped=False)[0]

    def lines(self, key: str, /, **values: object) -> list[Markup]:
        """Render a list for HTML and leave out the lines that came out empty; see `text`."""
        rendered = (line.strip() for line in self._render(key, values, escaped=True))
        return [Markup(line) for line in rendered if line]  # noqa: S704 -- rendered with autoescape

    def _render(self, key: str, values: Mapping[str, object], *, escaped: bool) -> list[str]:
        compiled = self._templates.get((key, escaped))
        if compiled is None:
            compiled = [self._environments[escaped].from_string(source) for source in self._sources(key)]
            self._templates[key, escaped] = compiled
        return [template.render(values) for template in compiled]

    def _sources(self, key: str) -> list[str]:
        if key not in self._entries:
            raise KeyError(f"templates/i18n/{self.language} has no words for '{key}'")
        entry = self._entries[key]
        return entry if isinstance(entry, list) else [entry]


@lru_cache(maxsize=len(LANGUAGES))
def words_in(language: str) -> Words:
    """Return the shared words of a language; compiled strings are kept."""
    return Words(language)


@lru_cache(maxsize=len(LANGUAGES))
def read_catalogue(language: str) -> Mapping[str, Entry]:
    """Read all topics of one language into flat keys.

    Args:
        language: Folder name under `templates/i18n`.

    Returns:
        Strings and lists of strings by key.

    Raises:
        TypeError: A value is neither text nor a list of texts.
    """
    entries: dict[str, Entry] = {}
    for file in sorted((shipped_folder("templates") / "i18n" / language).glob("*.toml")):
        entries.update(_flatten(file.stem, tomllib.loads(file.read_text(encoding="utf-8"))))
    return entries


def _flatten(prefix: str, table: Mapping[str, object]) -> Iterator[tuple[str, Entry]]:
    for name, value in table.items():
        key = f"{prefix}.{name}"
        if isinstance(value, Mapping):
            yield from _flatten(key, value)
        elif isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            yield key, value
        else:
            raise TypeError(f"{key} is {type(value).__name__}; words are texts or lists of texts")


def _environment(formats: Formats, *, escaped: bool) -> Environment:
    environment = Environment(autoescape=escaped, undefined=StrictUndefined)  # noqa: S701 -- plain text for terminals
    environment.filters.update(formats.filters())
    environment.globals["span"] = formats.span
    return environment
