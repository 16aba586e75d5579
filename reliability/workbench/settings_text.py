"""The text of a new `reliability.toml`: every option with its description, what was seen, and its value.

Descriptions and defaults come from `reliability.settings`; which values are proposed belongs
to `reliability.workbench.proposal`.
"""

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reliability.settings import CanarySettings, PrometheusSettings, Settings

_WIDTH = 110
Values = Mapping[str, object]
Remarks = Mapping[str, Sequence[str]]
_NONE: Remarks = MappingProxyType({})


def settings_text(heading: str, *, prometheus: Values, canary: Values, remarks: Remarks) -> str:
    """Print the settings.

    Args:
        heading: What stands above, as sentences.
        prometheus: Values of the section `[prometheus]`.
        canary: Values of the section `[canary]`.
        remarks: What was seen, by option of the canary.

    Returns:
        TOML; an option without a value is a comment with its default.
    """
    lines = [*_comment(heading), "", *_option("language", Settings.model_fields["language"], {}, ())]
    lines += ["[prometheus]", *_section(PrometheusSettings, prometheus, _NONE)]
    lines += ["[canary]", *_section(CanarySettings, canary, remarks)]
    return "\n".join(lines)


def _section(model: type[BaseModel], values: Values, remarks: Remarks) -> list[str]:
    return [
        line
        for name, field in model.model_fields.items()
        for line in _option(name, field, values, remarks.get(name, ()))
    ]


def _option(name: str, field: FieldInfo, values: Values, remarks: Sequence[str]) -> list[str]:
    about = [*_comment(field.description or name), *(line for text in remarks for line in _comment(f"- {text}"))]
    if name in values:
        return [*about, f"{name} = {_printed(values[name])}", ""]
    default = "..." if field.default is None else field.default
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
