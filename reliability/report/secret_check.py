"""No result holds the value of a secret: what is to be written is looked through beforehand.

A secret that is found is a loud failure, never a silent cut: whoever printed it must learn of
it. Where secrets lie is said by `reliability.credentials`.
"""

import base64
import contextlib
import gzip
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from reliability.credentials import SHORTEST_TOLD
from reliability.errors import SecretError, SecretInOutputError
from reliability.report.runner import is_own
from reliability.settings import Settings

_COLOURS: Final = re.compile(r"\\u001b\[[0-9;?]*[A-Za-z]")  # of a terminal, as they stand in JSON
_STREAMS: Final = ("stdout", "stderr")
_CODES: Final = re.compile(r"(?:\\{1,8}u[0-9a-fA-F]{4})+")
_NO_ENTITY: Final = re.compile(r"&#(?=[0-9]{9})")  # Python refuses to read a number of thousands of digits
_BREAKS: Final = ("\\n", "\\r", "\\t", "\n", "\r", "\t", " ")
Secrets = Mapping[str, str]  # value by the setting that names it
Files = Mapping[str, bytes]  # content by path


def read_secrets(settings: Settings, *, project: Path, environ: Mapping[str, str]) -> Secrets:
    """Read the values of all configured secrets; one that cannot be read cannot be printed either.

    Args:
        settings: The project's settings.
        project: Folder that relative file names start from.
        environ: Environment variables.

    Returns:
        Value by option; the password inside an address once more by itself.
    """
    values = {}
    for secret in settings.secrets:
        with contextlib.suppress(SecretError):
            values[secret.option] = secret.read(project=project, environ=environ)
            if password := _password_in(values[secret.option]):
                values[f"{secret.option} (its password)"] = password
    return values


def _password_in(value: str) -> str:
    with contextlib.suppress(ValueError):  # no address
        return unquote(urlsplit(value).password or "")
    return ""


def check_secrets(secrets: Secrets, notebook: Any, report: Mapping[str, Any], files: Files, *, name: str) -> None:
    """Refuse what holds the value of a secret, as it is or escaped, in base64 or in hexadecimal digits.

    A value of fewer than `SHORTEST_TOLD` characters stands in any text, so it is not looked for.

    Args:
        secrets: Value by option.
        notebook: A notebook, before or after its run.
        report: The report's JSON.
        files: Content of what the kernel left beside it, by path.
        name: What the notebook is called in messages.

    Raises:
        SecretInOutputError: It names the option and the place, never the value.
    """
    told = {option: value for option, value in secrets.items() if len(value) >= SHORTEST_TOLD}
    for place, text in _places(notebook, report, files) if told else ():
        readings, packed = _readings(text)
        for option, value in told.items():
            if _has(readings, forms_of(value) | _bare(value)) or _has(packed, _encoded(value.encode())):
                raise SecretInOutputError(
                    f"the secret of {option} stands in {name}, {place}, so nothing of it was written; "
                    "take it out of the notebook, run again, and change the secret if others saw it."
                )


def _places(notebook: Any, report: Mapping[str, Any], files: Files) -> Iterator[tuple[str, str]]:
    number = 0
    for cell in notebook.cells:
        number += is_own(cell)
        yield f"cell {number} from the top", _text(_whole(cell))
    yield "its parameters or its report", _text([notebook.metadata, report])
    for path, data in files.items():
        text = gzip.decompress(data) if path.endswith(".gz") else data
        yield f"the file {path}", text.decode("utf-8", "replace")


def _whole(cell: Any) -> dict[str, Any]:
    """Join what a cell printed: it may come in pieces."""
    outputs = cell.get("outputs", [])
    printed = {name: "".join(output.text for output in outputs if output.get("name") == name) for name in _STREAMS}
    return {**cell, "outputs": [output for output in outputs if output.output_type != "stream"], "printed": printed}


def _text(node: Any) -> str:
    return _COLOURS.sub("", json.dumps(node, ensure_ascii=False))


def _has(texts: set[str], forms: set[str]) -> bool:
    return any(form in text for form in forms for text in texts)


def _readings(text: str) -> tuple[set[str], set[str]]:
    """Undo what may have been escaped, in part or twice: entities, then escapes of JSON.

    The second texts are without white space, so that lines of base64 join; words would join too.
    """
    once = html.unescape(_NO_ENTITY.sub("", text))
    entities = [text, once, html.unescape(_NO_ENTITY.sub("", once))]
    bare, packed = zip(*map(_without_escapes, entities), strict=True)
    return {*entities, *bare}, set(packed)


def _without_escapes(text: str) -> tuple[str, str]:
    """Drop all backslashes, however often JSON doubled them; the second text is without white space too."""
    if "\\u" in text:
        text = _CODES.sub(lambda found: _decode(found[0]), text)
    packed = text.replace("\\\\", "\\")
    for mark in _BREAKS:
        packed = packed.replace(mark, "")
    return text.replace("\\", ""), packed.replace("\\", "")


@lru_cache(maxsize=10_000)
def _decode(codes: str) -> str:
    text = codes.replace("\\", "").replace("u", "\\u")
    return str(json.loads(f'"{text}"'))


def _bare(value: str) -> set[str]:
    """Return how a value stands in a text without backslashes; in CSV a quotation mark is doubled."""
    bare = value.replace("\\", "")
    forms = {bare, bare.replace('"', '""'), repr(value.encode())[2:-1].replace("\\", "")}
    return {form for form in forms if len(form) >= SHORTEST_TOLD}


def forms_of(value: str) -> set[str]:
    """Return how a value may be written, alone and in JSON; the base64 of any text around it is among them."""
    escaped = {value, repr(value)[1:-1], *(json.dumps(value, ensure_ascii=plain)[1:-1] for plain in (True, False))}
    quoted = {quote(value, safe=""), quote(value), quote_plus(value)}
    forms = {*escaped, *map(html.escape, escaped), *quoted, *_encoded(value.encode())}
    return forms | {json.dumps(form, ensure_ascii=False)[1:-1] for form in forms}


def _encoded(data: bytes) -> set[str]:
    parts = {
        encode(b"-" * offset + data)[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6].decode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for offset in range(3)
    }
    return {*parts, data.hex(), data.hex().upper()}
