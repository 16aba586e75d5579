"""Make the evidence that ships with the package from a measurement of this checkout: small, and without host or times.

Measure first, on a clean tree: make test. The shipped files keep what pages read: counts by module,
and each test with its outcome and requirements. The manifest vouches for them as they are shipped.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "reliability" / "sample" / "evidence"


def refresh(measured: Path, sample: Path) -> None:
    """Replace the shipped evidence.

    Args:
        measured: Folder of `reliability phase measure`.
        sample: Folder that ships; what it held is removed.
    """
    manifest: dict[str, Any] = json.loads((measured / "manifest.json").read_bytes())
    kept = {"coverage.json": _summaries(json.loads((measured / "coverage.json").read_bytes()))}
    for suite in manifest["suites"]:
        names = [name for name in suite["outputs"] if name.startswith("junit-")]
        kept.update({name: _without_host((measured / name).read_text("utf-8")) for name in names})
        suite["outputs"] = {name: _digest(kept[name]) for name in names}
    manifest["outputs"] = {"coverage.json": _digest(kept["coverage.json"])}
    sample.mkdir(parents=True, exist_ok=True)
    for old in sample.iterdir():
        old.unlink()
    for name, text in {**kept, "manifest.json": json.dumps(manifest, indent=1, sort_keys=True) + "\n"}.items():
        (sample / name).write_text(text, encoding="utf-8")


def _summaries(report: dict[str, Any]) -> str:
    files = {path: {"summary": file["summary"]} for path, file in report["files"].items()}
    return json.dumps({"meta": report["meta"], "files": files, "totals": report["totals"]}, sort_keys=True) + "\n"


def _without_host(junit: str) -> str:
    return re.sub(r' (?:hostname="[^"]*"|file="[^"]*"|line="\d+")', "", junit)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    refresh(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "outputs" / "evidence", SAMPLE)
