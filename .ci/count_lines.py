"""Print how many lines of code the core and the rooms above it have, beside the size that the core aims at.

Blank lines, comments and docstrings do not count.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "reliability"
ABOVE_THE_CORE = {"alerting", "canary", "phase", "staging", "workbench", "cli", "__main__"}
AIM = 5000
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(path: Path) -> int:
    """Count the lines of one module that hold code."""
    text = path.read_text(encoding="utf-8")
    documented = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr) and _is_text(node.value)]
    docstrings = {line for node in documented for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def main() -> None:
    """Count by room and print."""
    rooms: dict[str, int] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        if "mini_project" in parts:  # a user's project to practise on, no code of ours
            continue
        room = parts[0] if len(parts) > 1 else path.stem if path.stem in ("cli", "__main__") else "ground floor"
        rooms[room] = rooms.get(room, 0) + code_lines(path)
    core = sum(count for room, count in rooms.items() if room not in ABOVE_THE_CORE)
    listed = ", ".join(f"{room} {count}" for room, count in sorted(rooms.items()) if count)
    over = f", {core - AIM} over it" if core > AIM else ""
    sys.stdout.write(f"Lines of code: core {core}, aim about {AIM}{over} ({listed})\n")


if __name__ == "__main__":
    main()
