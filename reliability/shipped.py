"""Where notebooks and templates lie, in a checkout and in an installed wheel alike.

What is in those folders does not belong here.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_folder(name: str) -> Path:
    """Locate a folder that ships with the package.

    Args:
        name: `notebooks` or `templates`.

    Returns:
        The folder inside the wheel (`reliability/_<name>`), else the one beside the
        package in a checkout.
    """
    inside = _PACKAGE / f"_{name}"
    return inside if inside.is_dir() else _PACKAGE.parent / name
