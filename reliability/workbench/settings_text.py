"""The text of a new `reliability.toml`: every option with its description, what was seen, and its value.

Descriptions and defaults come from `reliability.settings`; which values are proposed belongs
to `reliability.workbench.proposal`.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reliability.notebook.origin import DEFAULTS
from reliability.settings import CanarySettings, PrometheusSettings, Settings

_WIDTH: Final = 110
_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {"prometheus": PrometheusSettings, "canary": CanarySettings}


def settings_text(heading: str, values: Mapping[str, object], remarks: Mapping[str, Sequence[str]]) -> str:
    """Print the settings.

    Args:
        heading: What stands above, as sentences.
        values: Value by option; no two sections share the name of one.
        remarks: What was seen, by option.

    Returns:
        TOML; an option without a value is a comment with its default.
    """
    lines = [*_comment(heading), "", *_option("language", Settings.model_fields["language"], values, ())]
    for section, model in _SECTIONS.items():
        lines.append(f"[{section}]")
        for name, field in model.model_fields.items():
            lines += _option(name, field, values, remarks.get(name, ()))
    return "\n".join(lines)


def _option(name: str, field: FieldInfo, values: Mapping[str, object], remarks: Sequence[str]) -> list[str]:
    about = [*_comment(field.description or name), *(line for text in remarks for line in _comment(f"- {text}"))]
    if name in values:
        return [*about, f"{name} = {_printed(values[name])}", ""]
    default = DEFAULTS.get(name, "...") if field.default is None else field.default
    return [*about, f"# {name} = {_printed(default)}", ""]


def _comment(text: str) -> list[str]:
    """Wrap a text into comments; it may hold what a server said, so line ends and controls become signs."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return [f"# {line}" for line in textwrap.wrap(plain, _WIDTH, break_on_hyphens=False, subsequent_indent="  ")]


def _printed(value: object) -> str:
    """Print a value; matchers are easier to read between single quotes, where they can stand there."""
    if isinstance(value, str) and '"' in value and "'" not in value and value.isprintable():
        return tomlkit.string(value, literal=True).as_string()
    return tomlkit.item(value).as_string()
