"""Secrets by name: a file or an environment variable that holds one, read when it is needed.

Settings name secrets, nothing else holds them: no parameter, page, log or error text.
Which request a secret goes to is decided in `reliability.sources.connection`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.errors import SecretError

SHORTEST_TOLD: Final = 8  # characters of the shortest secret that can be told from other text
_LOOKS_SECRET: Final = re.compile(  # inside joined words too: better a 'tokenizer' renamed than a 'dbpassword' kept
    r"token|pass[\W_]?(word|wd|phrase)|pwd|secret|credential|authorization|bearer|cookie|"
    r"(api|private|access|auth)[\W_]?key",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret lies.

    Attributes:
        option: The setting that names it; it ends in `_file` or `_variable`.
        name: File name, relative ones from the project's folder, or name of the variable.
    """

    option: str
    name: str

    @property
    def _in_file(self) -> bool:
        return self.option.endswith("_file")

    @property
    def place(self) -> str:
        """Where it lies, in words."""
        return f"file {self.name}" if self._in_file else f"environment variable {self.name}"

    def read(self, *, project: Path, environ: Mapping[str, str]) -> str:
        """Read the secret.

        Args:
            project: Folder that relative file names start from.
            environ: Environment variables.

        Returns:
            Its value; white space at the end of a file is no part of it.

        Raises:
            SecretError: There is none, it is empty, or it holds what no header can carry.
        """
        value = self._read_file(project) if self._in_file else environ.get(self.name, "")
        if not value:
            cure = f"write the secret into it, or mend {self.option}"
            raise SecretError(f"{self.option}: the {self.place} holds no secret; {cure}.")
        if not value.isprintable():
            raise SecretError(f"{self.option}: the {self.place} holds more than one line of plain text; mend it.")
        return value

    def _read_file(self, project: Path) -> str:
        try:
            return (project / self.name).read_text(encoding="utf-8").rstrip()
        except (OSError, UnicodeDecodeError) as err:
            reason = getattr(err, "strerror", None) or "it is no text"
            raise SecretError(f"{self.option}: the {self.place} cannot be read ({reason}); mend its name.") from err


def looks_secret(name: str) -> bool:
    """Tell whether a parameter of this name would hold a secret, for example `api_key`.

    Args:
        name: Name of a parameter.

    Returns:
        True when the name says so.
    """
    return bool(_LOOKS_SECRET.search(name))
