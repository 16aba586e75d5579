"""Every word that a page, a chart or the command line says, by key and language.

Catalogues are `templates/i18n/<language>/<topic>.toml`; a key is the topic and the table
path, for example `canary.latency.title`. A string is plain text with Jinja placeholders
and filters, never HTML: one string serves pages (escaped) and terminals (plain). A list
is a set of lines, of which those that render to nothing are left out.

To add words: write the key in both languages with the same placeholders; the tests hold
the catalogues together. Conditions take values and booleans that Python computed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reliability.report.formats import LOCALES, Formats
from reliability.shipped import shipped_folder

LANGUAGES: Final = tuple(LOCALES)
_CAPTURE: Final = "recorded capture '"  # how a source of `reliability.sources.captures` describes itself


class Words:
    """The words of one language.

    Attributes:
        language: Language code.
        formats: How numbers and instants are written in this language.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.formats = Formats(language)
        self._entries = read_catalogue(language)
        self._escaped, self._plain = self._environment(escaped=True), self._environment(escaped=False)

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
        return Markup(self._escaped.get_template(key).render(values))  # noqa: S704 -- rendered with autoescape

    def plain(self, key: str, /, **values: object) -> str:
        """Render one string as plain text, for JSON, charts and terminals; see `text`."""
        return self._plain.get_template(key).render(values)

    def lines(self, key: str, /, **values: object) -> list[Markup]:
        """Render a list for HTML and leave out the lines that came out empty; see `text`."""
        return [line for line in self.text(key, **values).splitlines() if line.strip()]

    def named(self, text: str) -> str:
        """Write a name found in the data: our own stand-ins in words, letters that would act upon a page escaped."""
        shown = self._entries.get(f"canary.name.{text}", text)
        return printable(shown)

    def source(self, description: str) -> str:
        """Write where numbers come from: a recorded capture in words, a server as it is."""
        name = description.removeprefix(_CAPTURE)
        return description if name == description else self.plain("frame.provenance.capture", name=name[:-1])

    def _environment(self, *, escaped: bool) -> Environment:
        loader = FunctionLoader(self._source)
        environment = Environment(loader=loader, autoescape=escaped, undefined=StrictUndefined, cache_size=-1)  # noqa: S701 -- plain for terminals
        environment.filters.update(self.formats.filters(), named=self.named)
        environment.globals["span"] = self.formats.span
        return environment

    def _source(self, key: str) -> str:
        if key not in self._entries:
            raise KeyError(f"templates/i18n/{self.language} has no words for '{key}'")
        return self._entries[key]


@lru_cache
def words_in(language: str) -> Words:
    """Return the shared words of a language; compiled strings are kept."""
    return Words(language)


def printable(text: str) -> str:
    """Write letters that cannot be seen, and would act upon a page or a terminal, as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


@lru_cache
def read_catalogue(language: str) -> Mapping[str, str]:
    """Read all topics of one language into flat keys; the lines of a list are joined.

    Args:
        language: Folder name under `templates/i18n`.

    Returns:
        Strings by key.
    """
    entries: dict[str, str] = {}
    for file in sorted((shipped_folder("templates") / "i18n" / language).glob("*.toml")):
        entries.update(_flatten(file.stem, tomllib.loads(file.read_text(encoding="utf-8"))))
    return entries


def _flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flatten(f"{key}.{name}", part)
    else:
        yield key, value if isinstance(value, str) else "\n".join(value)
