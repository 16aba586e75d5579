"""The document of a phase: written from its TOML and record, beside what people wrote."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reliability.errors import DocumentError
from reliability.phase.document import document
from reliability.sources.record import (
    Entry,
    RecordedFigures,
    RecordedState,
    Stated,
    ThresholdChange,
    append_entry,
)
from tests.unit.phase.measured import counts
from tests.unit.phase.recorded import entry

PHASE = """
id = "shop"
kind = "own"
language = "{language}"
begun = 2026-01-02
floor_percent = 35
goals_percent = [40, 45.5]
title = {{ en = "Shop | <b>", es = "Tienda_nueva" }}
purpose = {{ en = "Sell", es = "Vender" }}
origin = {{ en = "Ours", es = "Propio" }}
scope = [{{ en = "Breaker", es = "Disyuntor" }}]
next_steps = [{{ en = "Go on", es = "Seguir" }}]
[tasks.write]
state = "open"
text = {{ en = "Write", es = "Escribir" }}
[requirements.RES-CB-01]
text = {{ en = "It opens", es = "Se abre" }}
[[module_goals]]
glob = "shop/*.py"
lines_percent = 80
[[risks]]
check = "sleeps-in-tests"
risk = {{ en = "Chance", es = "Azar" }}
mitigation = {{ en = "No sleeps", es = "Sin esperas" }}
"""

Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "phase.toml").write_text(PHASE.format(language="en"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    return lambda *words: CliRunner().invoke(document, words)


def written(project: Path) -> str:
    return (project / "outputs/record/shop/phase.md").read_bytes().decode()


def test_it_is_started_in_the_form_of_a_phase_document(project: Path, run: Run) -> None:
    result = run()

    assert (result.exit_code, result.output.startswith("started: ")) == (0, True)
    headings = [line for line in written(project).splitlines() if line.startswith("#")]
    assert headings == [
        r"# Shop \| \<b\>", "## Goals", "## Scope", "## Requirements", "## Risks and mitigations", "## Next steps",
        "## Record",
    ]  # fmt: skip
    assert "Coverage never below 35%; goals 40%, then 45.5%." in written(project)
    assert "- Risk: Chance → Mitigation: No sleeps (checked by the program: Arbitrary sleeps in tests)\n" in written(
        project
    )
    assert "- [ ] Write\n" in written(project)
    assert "- 2026-01-02: the phase begins\n" in written(project)


def test_it_is_written_in_the_language_of_the_phase(project: Path, run: Run) -> None:
    (project / "phase.toml").write_text(PHASE.format(language="es"))

    run()

    assert "# Tienda_nueva\n\nObjetivo general: Vender\n" in written(project)
    assert "## Metas cuantitativas" in written(project)
    assert "- Riesgo: Azar → Mitigación: Sin esperas" in written(project)


def test_it_says_stale_until_it_is_written_and_then_up_to_date(project: Path, run: Run) -> None:
    statuses = [run("--check").exit_code]
    assert not (project / "outputs").exists()

    statuses += [run().exit_code, run("--check").exit_code, run().exit_code]

    assert statuses == [1, 0, 0, 0]


def test_the_record_tells_its_entries_and_leaves_observations_out(project: Path, run: Run) -> None:
    folder = project / "outputs/record/shop"
    figures = RecordedFigures(unit=counts(36))
    state = RecordedState(requirements={"RES-CB-01": "verified"})
    append_entry(folder, entry("increment", "38.999", "a", figures=figures, reason="Rose by 2 points.", state=state))
    run()
    before = written(project)

    append_entry(folder, entry("observation", 39, "b"))
    assert run("--check").exit_code == 0
    threshold = ThresholdChange(from_percent=Decimal(35), to_percent=Decimal(38), where="pyproject.toml")
    append_entry(folder, entry("threshold", None, "c", threshold=threshold, reason="raised"))
    result = run("--check")

    assert "38.99% (unit tests alone 36.00%); 96 tests passed. Rose by 2 points (`aaaaaaaaaaaa`)\n" in before
    assert "| RES-CB-01 | It opens | Verified |" in before
    assert "next goal 40%, 1.00 points to go" in before
    assert result.exit_code == 1
    assert "(record)" in result.output
    run()
    assert "threshold 35% to 38%. raised" in written(project)


def test_what_an_earlier_document_states_is_told_under_its_day(project: Path, run: Run) -> None:
    stated = Stated(date=date(2025, 11, 8), text="About <half>", percent=Decimal("22.21"))
    at = datetime(2025, 11, 8, tzinfo=UTC)
    append_entry(
        project / "outputs/record/shop",
        Entry(schema="reliability.record/2", kind="imported", phase="shop", commit_time=at, stated=stated),
    )

    run()

    assert r"- 2025-11-08: imported. About \<half\>" in written(project)


def test_prose_stays_and_a_lost_part_stays_lost(project: Path, run: Run) -> None:
    run()
    path = project / "outputs/record/shop/phase.md"
    start, _, rest = written(project).partition("<!-- reliability:begin scope -->")
    rest = rest.partition("<!-- reliability:end scope -->\n")[2]
    path.write_bytes(f"{start}Decided on Monday: *keep* it.\r\n{rest}tail".encode())
    path.chmod(0o600)

    (project / "phase.toml").write_text(PHASE.format(language="en").replace("Go on", "Stop"))
    result = run()

    assert result.output.endswith("(next-steps)\n")
    assert written(project) == f"{start}Decided on Monday: *keep* it.\r\n{rest}tail".replace("Go on", "Stop")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"<!-- reliability:begin goals -->", b"\xff"], ids=["marker", "not UTF-8"])
def test_a_damaged_document_is_refused_and_stays_as_it_is(project: Path, run: Run, damage: bytes) -> None:
    run()
    path = project / "outputs/record/shop/phase.md"
    path.write_bytes(damaged := path.read_bytes() + damage)

    results = [run(), run("--check")]

    assert [type(result.exception) for result in results] == [DocumentError, DocumentError]
    assert path.read_bytes() == damaged


def test_a_file_that_is_no_entry_is_told_in_the_document_too(project: Path, run: Run) -> None:
    (project / "outputs/record/shop").mkdir(parents=True)
    (project / "outputs/record/shop/2026-01-01-goal.json").write_text("{")

    result = run()

    assert "warning: 2026-01-01-goal.json is no entry" in result.output
    assert "Files of the record that cannot be read: 1." in written(project)
