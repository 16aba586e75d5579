"""What the workbench shows and writes: no secret, and no control character out of a foreign text.

A server may repeat what it was sent, and a label may hold anything. Fed with the settings;
what is said belongs to the modules that say it.
"""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from reliability.credentials import SHORTEST_TOLD
from reliability.errors import SecretInOutputError, UsageError
from reliability.report.secret_check import forms_of, read_secrets
from reliability.settings_file import read_settings, resolve_parameters

_SIGN: Final = "[secret]"
_BEGINNING: Final = 16  # characters by which the head of a secret is known that a long message cut off


class Veil:
    """Hides secrets in texts.

    Args:
        secrets: Value by the option that names it; one of fewer than `SHORTEST_TOLD` characters
            stands in any text, so it is not looked for.
        user: User of basic authentication, whose login is their base64.
    """

    def __init__(self, secrets: Mapping[str, str], *, user: str | None = None) -> None:
        told = {option: value for option, value in secrets.items() if len(value) >= SHORTEST_TOLD}
        self._forms = {option: forms_of(value) | _logins(user, value) for option, value in told.items()}
        every = sorted(set().union(*self._forms.values()), key=lambda form: (-len(form), form))
        cut = [rf"{re.escape(form[:_BEGINNING])}\S*?\.\.\." for form in every if len(form) > _BEGINNING]
        self._secret = re.compile("|".join([*map(re.escape, every), *cut]) or "(?!)")

    def mask(self, text: str) -> str:
        """Hide secrets alone."""
        return self._secret.sub(_SIGN, text)

    def __call__(self, text: str) -> str:
        """Return a text for the terminal, on one line."""
        return escaped(self.mask(text))

    def echo(self, text: str, *, err: bool = False) -> None:
        """Print a text."""
        click.echo(self(text), err=err)

    def check(self, texts: Iterable[str], *, place: str) -> None:
        """Refuse what holds a secret.

        Raises:
            SecretInOutputError: It names the option and the place, never the value.
        """
        for text in texts:
            for option, forms in self._forms.items():
                if any(form in text for form in forms):
                    raise SecretInOutputError(
                        f"the secret of {option} stands in {place}, so nothing was written; take it out of "
                        "the matchers and the server's labels, and change the secret if others saw it."
                    )

    @contextmanager
    def over_errors(self) -> Iterator[None]:
        """Hide secrets in the message of any error that passes."""
        try:
            yield
        except Exception as err:
            err.args = tuple(self(part) if isinstance(part, str) else part for part in err.args)
            raise


def veil_of(project: Path, given: Mapping[str, object] | None = None) -> Veil:
    """Know the secrets of a project.

    Args:
        project: The project's folder.
        given: Options of `[prometheus]` that lie over the settings.

    Returns:
        The veil; without secrets where the settings are refused, since then nobody is asked.
    """
    try:
        settings = read_settings(project)
        chosen = resolve_parameters(settings, "prometheus", given or {}, report="prometheus")
    except UsageError:
        return Veil({})
    prometheus = type(settings.prometheus).model_validate(chosen)
    settings = settings.model_copy(update={"prometheus": prometheus})
    return Veil(read_secrets(settings, project=project, environ=os.environ), user=prometheus.username)


def escaped(text: str) -> str:
    """Print what moves the cursor, colours, or turns the direction of a line as an escape of JSON."""
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def _logins(user: str | None, value: str) -> set[str]:
    return set() if user is None else {base64.b64encode(f"{user}:{value}".encode()).decode("ascii")}
