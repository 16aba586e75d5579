"""Copy what may be public: the status page and, of the runs that it links, pages, notebooks and JSON.

Answers of servers, tables of increments and everything else in the folder of results stay where
they are. Needs nothing but Python, so that a job that publishes installs nothing.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

PUBLIC = (".html", ".ipynb", ".json")
LINK = re.compile(r'href="runs/([^/"]+)/')


def publish(outputs: Path, public: Path) -> int:
    """Replace `public` by a copy of what may be public.

    Args:
        outputs: Folder of all results.
        public: Folder to publish; an old copy is replaced, anything else refused.

    Returns:
        Number of files.

    Raises:
        SystemExit: There is no status page, or `public` holds something else.
    """
    index = sorted(outputs.glob("index*.html"))
    if not index:
        raise SystemExit(f"error: {outputs} holds no index.html; make the reports first: make report")
    if public.exists() and not (public / "index.html").is_file():
        raise SystemExit(f"error: {public} is no earlier copy of the reports; name an empty one: make publish PUBLIC=…")
    linked = sorted({run for page in index for run in LINK.findall(page.read_text(encoding="utf-8"))})
    files = [path for run in linked for path in sorted((outputs / "runs" / run).iterdir()) if path.suffix in PUBLIC]
    with tempfile.TemporaryDirectory(dir=public.parent, prefix=".publish-") as scratch:
        copy = Path(scratch) / "copy"
        for path in (*index, *files):
            target = copy / path.relative_to(outputs)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and not path.is_symlink():
                shutil.copyfile(path, target)
        if public.exists():
            public.rename(Path(scratch) / "old")
        copy.rename(public)
    return sum(path.is_file() for path in public.rglob("*"))


if __name__ == "__main__":
    count = publish(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{sys.argv[2]}: {count} files")  # noqa: T201 -- a script
