"""What never leaves the machine with a result: values of secrets, absolute paths, names of hosts.

A secret in a result is a loud failure, never a silent cut: whoever printed it must learn of
it. Paths and hosts are only shortened. Where secrets lie is said by `reliability.credentials`.
"""

import base64
import contextlib
import gzip
import html
import json
import re
import socket
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from reliability.errors import SecretError, SecretInOutputError
from reliability.report.arrange import MIME_TYPE
from reliability.settings import Settings
from reliability.settings_file import secrets_of

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SHORTEST: Final = 4  # a shorter value stands in any text
_SURE: Final = 8  # a shorter form counts as a word of its own only: '12345' also stands in 0.123456
_NOT_OURS: Final = frozenset(("injected-parameters", "papermill-error-cell-tag"))
_MARKUP: Final = frozenset(("text/html", "image/svg+xml"))
_BINARY: Final = frozenset(("image/png", "image/jpeg", "image/gif", "application/pdf"))
Secrets = Mapping[str, str]  # value by the setting that names it


def read_secrets(settings: Settings, *, project: Path, environ: Mapping[str, str]) -> Secrets:
    """Read the values of all configured secrets; one that cannot be read cannot be printed either.

    Args:
        settings: The project's settings.
        project: Folder that relative file names start from.
        environ: Environment variables.

    Returns:
        Value by option.
    """
    values = {}
    for secret in secrets_of(settings):
        with contextlib.suppress(SecretError):
            values[secret.option] = secret.read(project=project, environ=environ)
    return values


def check_secrets(secrets: Secrets, notebook: Any, report: Mapping[str, Any], files: Path) -> None:
    """Refuse a result that holds the value of a secret, as it is or escaped or in base64.

    Args:
        secrets: Value by option.
        notebook: Executed notebook.
        report: The report's JSON.
        files: Folder of what the kernel left beside it.

    Raises:
        SecretInOutputError: It names the option and the place, never the value.
    """
    for option, value in secrets.items():
        if len(value) >= _SHORTEST:
            place = _find(_forms(value), notebook, report, files)
            if place:
                raise SecretInOutputError(
                    f"the secret of {option} stands in {place}, so nothing of it was written; "
                    "take it out of the notebook, run again, and change the secret if others saw it."
                )


def _find(forms: frozenset[str], notebook: Any, report: Mapping[str, Any], files: Path) -> str | None:
    number = 0
    for cell in notebook.cells:
        number += not _NOT_OURS.intersection(cell.metadata.get("tags", []))
        if _holds(forms, _texts_of_cell(cell)):
            return f"cell {number} (counted from the top)"
    if _holds(forms, _texts(notebook.metadata)) or _holds(forms, _texts(report)):
        return "the parameters or the report"
    named = (path for path in sorted(files.rglob("*")) if path.is_file() and _holds(forms, [_read(path)]))
    return next((f"the file {path.relative_to(files)}" for path in named), None)


def _forms(value: str) -> frozenset[str]:
    """Return how a value may be written; the base64 of any text around it is among them."""
    escaped = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    plain = {*escaped, *map(html.escape, escaped), quote(value, safe="")}
    data = value.encode()
    shifted = {
        base64.b64encode(b"-" * offset + data)[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6].decode()
        for offset in range(3)
    }
    return frozenset((*plain, *shifted, *(text.replace("+", "-").replace("/", "_") for text in shifted)))


def _holds(forms: frozenset[str], texts: Iterable[str]) -> bool:
    return any(form in text and _stands_alone(form, text) for text in texts for form in forms)


def _stands_alone(form: str, text: str) -> bool:
    return len(form) >= _SURE or bool(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text))


def _texts_of_cell(cell: Any) -> Iterator[str]:
    """Give all texts of a cell; a stream comes in pieces and is read as one."""
    outputs = cell.get("outputs", [])
    for name in ("stdout", "stderr"):
        yield _ANSI.sub("", "".join(output.get("text", "") for output in outputs if output.get("name") == name))
    yield from _texts({key: value for key, value in cell.items() if key != "outputs"})
    for output in outputs:
        if output.output_type != "stream":
            yield from (_ANSI.sub("", text) for text in _texts(output))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield key
            yield from _texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value)


def _read(path: Path) -> str:
    data = path.read_bytes()
    with contextlib.suppress(OSError, EOFError):  # torn: what is there is searched as it is
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    return data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One text to shorten: `literal` finds it fast, `pattern` surely; `strict` spares words that are no address."""

    literal: str
    pattern: re.Pattern[str]
    strict: re.Pattern[str]
    shown: str


class Shortener:
    """Shortens paths and hosts in results.

    Attributes:
        rules: The longest text first, so that a folder inside another one is named by its own.
    """

    def __init__(self, project: Path, *, addresses: Iterable[str | None], host: str | None = None) -> None:
        """Collect what to shorten.

        Args:
            project: Shown as a dot.
            addresses: URLs whose hosts are hidden but for loopback ones; None is left out.
            host: Name of this machine; asked from the system by default.
        """
        rules = [*_path_rules(project), *_host_rules(socket.gethostname() if host is None else host)]
        rules += [rule for url in addresses if url for rule in _address_rules(urlsplit(url))]
        self.rules = sorted(rules, key=lambda rule: -len(rule.literal))

    def text(self, text: str, *, strict: bool = False, markup: bool = False) -> str:
        """Shorten one text.

        Args:
            text: Any text.
            strict: Whether this machine's name counts only where it is part of an address: in our own data and in code.
            markup: Whether the text is HTML.

        Returns:
            The text without paths and hosts of this machine.
        """
        for rule in self.rules:
            if rule.literal in text:
                shown = html.escape(rule.shown) if markup else rule.shown
                text = (rule.strict if strict else rule.pattern).sub(lambda _, shown=shown: shown, text)  # type: ignore[misc]
        return text

    def data(self, node: Any) -> Any:
        """Shorten every text in JSON data of ours, keys excepted."""
        return _mapped(node, lambda text: self.text(text, strict=True))

    def notebook(self, notebook: Any) -> None:
        """Shorten every text of an executed notebook, in place."""
        notebook.metadata = self.data(notebook.metadata)
        for cell in notebook.cells:
            cell.source = self.text(cell.source, strict=True)
            for output in cell.get("outputs", []):
                ours = MIME_TYPE in output.get("data", {})
                for key in ("text", "evalue", "traceback"):
                    if key in output:
                        output[key] = _mapped(output[key], self.text)
                for mime_type, value in output.get("data", {}).items():
                    if mime_type not in _BINARY:
                        output.data[mime_type] = self._bundled(value, ours=ours, markup=mime_type in _MARKUP)

    def _bundled(self, value: Any, *, ours: bool, markup: bool) -> Any:
        return _mapped(value, lambda text: self.text(text, strict=ours, markup=markup))


def _mapped(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, str):
        return change(node)
    if isinstance(node, dict):
        return type(node)({key: _mapped(value, change) for key, value in node.items()})
    return [_mapped(value, change) for value in node] if isinstance(node, list | tuple) else node


def _path_rules(project: Path) -> Iterator[_Rule]:
    paths = sysconfig.get_paths()
    package = Path(__file__).parents[1]
    folders = [
        (project, "."), (package, package.name), (Path(paths["purelib"]), "site-packages"),
        (Path(paths["platlib"]), "site-packages"), (Path(paths["stdlib"]), "python"), (Path.home(), "~"),
    ]  # fmt: skip
    for folder, shown in folders:
        for path in {folder, folder.resolve()}:
            if len(path.parts) > 1:  # the root is no secret
                yield _rule(str(path), rf"(?<![\w.-]){re.escape(str(path))}(?![\w-])", shown)
    for path in {Path(tempfile.gettempdir()), Path(tempfile.gettempdir()).resolve()}:
        inside = r"(?:/(?:ipykernel_|reliability-)\w+)?"
        yield _rule(str(path), rf"(?<![\w.-]){re.escape(str(path))}{inside}(?![\w-])", "<tmp>")


def _host_rules(host: str) -> Iterator[_Rule]:
    for name in {host, host.partition(".")[0]}:
        is_specific = bool(re.search(r"[\d.-]", name)) or len(name) >= _SURE
        if is_specific and re.search("[A-Za-z]", name) and not name.startswith("localhost"):
            whole = rf"(?<![\w.-]){re.escape(name)}(?![\w-])"
            is_word = bool(re.fullmatch(r"\w+", name))
            strict = rf"(?:(?<=//)|(?<=@)){re.escape(name)}(?![\w-])|{whole}(?=:\d)" if is_word else whole
            yield _rule(name, whole, "<host>", strict=strict)


def _address_rules(parts: Any) -> Iterator[_Rule]:
    name = parts.hostname or ""
    if not name or name in ("localhost", "::1") or name.startswith("127."):
        return
    address = parts.netloc.rpartition("@")[2]
    texts = {address} if ":" in address else set()
    texts |= {name} if re.search(r"[\d.-]", name) else set()
    for text in texts:
        yield _rule(text, rf"(?<![\w.-]){re.escape(text)}(?![\w-])", "<host>")


def _rule(literal: str, pattern: str, shown: str, *, strict: str | None = None) -> _Rule:
    whole = re.compile(pattern)
    return _Rule(literal=literal, pattern=whole, strict=re.compile(strict) if strict else whole, shown=shown)
