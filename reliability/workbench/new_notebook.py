"""Begin a notebook of one's own from the shipped frame, `templates/new_notebook.ipynb`.

Which notebooks are reports belongs to `reliability.report.catalogue`.
"""

import re
from pathlib import Path
from typing import Final

from reliability.atomic import write_text_whole
from reliability.errors import UsageError
from reliability.shipped import shipped_folder

_PLAIN: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_RESERVED: Final = "index"  # its pages are the status page


def new_notebook(name: str, *, project: Path) -> Path:
    """Copy the frame under a new name.

    Args:
        name: Name of the report and of its file.
        project: The project's folder; its `notebooks/` gets the file.

    Returns:
        The notebook.

    Raises:
        UsageError: The name is not plain, means a shipped report, or the file exists.
        WriteError: The file cannot be written.
    """
    if not _PLAIN.fullmatch(name) or name == _RESERVED:
        raise UsageError(
            f"'{name[:60]}' is no name of a notebook; begin with a small letter, then small letters, digits "
            f"and underscores, at most 60; '{_RESERVED}' is taken."
        )
    for shipped in sorted(path.stem for path in shipped_folder("notebooks").glob("*.ipynb")):
        if shipped.startswith(name):
            raise UsageError(f"'{name}' already means the shipped report {shipped}; choose another name.")
    path = project / "notebooks" / f"{name}.ipynb"
    if path.exists():
        raise UsageError(f"notebooks/{name}.ipynb exists and is left as it is; choose another name or remove it.")
    frame = (shipped_folder("templates") / "new_notebook.ipynb").read_text(encoding="utf-8")
    title = name.replace("_", " ").capitalize()
    write_text_whole(path, frame.replace("REPORT_NAME", name).replace("REPORT_TITLE", title))
    return path
