"""The evidence that ships is vouched for by its own manifest, and names no host."""

import importlib.util
from pathlib import Path

from reliability.sources.evidence_folder import read_evidence_folder
from tests.unit.notebook.evidence import write_evidence

SCRIPT = Path(__file__).parents[2] / ".ci" / "refresh_sample.py"


def test_what_was_measured_ships_whole_small_and_without_its_host(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("refresh_sample", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    measured, sample = write_evidence(tmp_path), tmp_path / "sample"
    sample.mkdir()
    (sample / "junit.xml").write_text("old")

    script.refresh(measured, sample)

    found = read_evidence_folder(sample, project=None, phase_id="shop")
    assert found.distrust == ()
    assert found.coverage is not None
    assert {suite: len(tests.tests) for suite, tests in found.tests.items()} == {"unit": 4, "servers": 2}
    assert not (sample / "junit.xml").exists()
    assert "hostname" not in (sample / "junit-unit.xml").read_text()
