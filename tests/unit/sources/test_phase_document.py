"""Phase documents: both languages, exact figures, and no key that nobody knows."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliability.sample
from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.phase_document import (
    BilingualText,
    ImportedPhase,
    OwnPhase,
    read_phase_document,
)
from tests.evidence_file import read_bytes

SAMPLE = Path(reliability.sample.__path__[0])
PROJECT = Path(__file__).parents[3]
OWN = """
id = "shop"
kind = "own"
floor_percent = 80
goals_percent = [85, 90.5]
title = { en = "Shop", es = "Tienda" }
purpose = { en = "Sell", es = "Vender" }
origin = { en = "Ours", es = "Propio" }
"""

UNIT = '[suites.{}]\nlabel = {{ en = "A", es = "A" }}\nunit = true'
RISK = '[[risks]]\nrisk = { en = "A", es = "A" }\nmitigation = { en = "A", es = "A" }'


def decode(body: bytes) -> OwnPhase:
    return read_bytes(lambda path: read_phase_document(path, OwnPhase), body, "phase.toml")


def test_the_imported_phase_carries_the_figures_of_its_document() -> None:
    phase = read_phase_document(SAMPLE / "fase3.toml", ImportedPhase)

    assert phase.kind == "imported"
    assert str(phase.begun) == "2025-11-08"
    assert phase.goals_percent == [35, 40]
    assert (phase.whole_suite.percent, phase.whole_suite.green) == (Decimal("22.21"), False)
    assert {f.label.en: f.percent for f in phase.figures} == {
        "circuit_breaker.py": 100,
        "lock_service.py": 80,
        "session_manager.py": None,
    }
    assert [name for name, task in phase.tasks.items() if task.state == "open"] == [
        "session-metric-test",
        "isolate-heavy-suites",
        "raise-floor",
    ]
    assert (len(phase.scope), len(phase.risks)) == (9, 3)


def test_the_own_phase_names_its_floor_and_goals() -> None:
    own = read_phase_document(SAMPLE / "own_phase.toml", OwnPhase)

    assert own.kind == "own"
    assert own.floor_fraction == Fraction(90, 100)
    assert own.goal_fractions == (Fraction(95, 100), Fraction(97, 100))


def test_both_languages_name_the_floor_and_the_goals_in_force() -> None:
    own = read_phase_document(SAMPLE / "own_phase.toml", OwnPhase)
    numbers = [str(own.floor_percent), *(str(goal) for goal in own.goals_percent)]

    for text in own.targets[0].model_dump().values():
        assert re.findall(r"\d+", text) == numbers


def test_the_two_languages_say_different_words() -> None:
    phase = read_phase_document(SAMPLE / "fase3.toml", ImportedPhase)
    texts = [
        *(t.text for t in phase.tasks.values()),
        *phase.scope,
        *phase.next_steps,
        *(r.mitigation for r in phase.risks),
    ]

    assert all(text.en != text.es for text in texts)


@given(hundredths=st.integers(0, 10_000))
def test_a_percentage_is_read_exactly(hundredths: int) -> None:
    value = f"{hundredths // 100}.{hundredths % 100:02d}"

    document = decode(OWN.replace("= 80", f"= {value}").encode())

    assert document.floor_fraction == Fraction(hundredths, 10_000)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (', es = "Tienda"', "", "title.es is missing"),
        ('es = "Tienda"', 'es = ""', "title.es"),
        ('es = "Tienda"', 'es = "Tienda", fr = "Boutique"', "title.fr is not a known key"),
        ("floor_percent", "flor_percent", "flor_percent is not a known key"),
        ("floor_percent = 80", "", "floor_percent is missing"),
        ("= 80", "= 180", "floor_percent"),
        ("= 80", '= "80"', "floor_percent"),
        ("= 80", "= nan", "floor_percent"),
        ("= 80", "= true", "floor_percent"),
        ("[85, 90.5]", "[90.5, 85]", "must rise"),
        ("[85, 90.5]", "[]", "goals_percent"),
        ('"own"', '"imported"', "kind = 'imported'"),
        ('"own"', '"guess"', "kind"),
        ('id = "shop"', 'id = "../../etc"', "id"),
        ('id = "shop"', 'id = "shop', "not valid TOML"),
        ('id = "shop"', "", "id is missing"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(old: str, new: str, problem: str) -> None:
    assert old in OWN
    with pytest.raises(BrokenEvidenceError, match=r"/phase\.toml") as refused:
        decode(OWN.replace(old, new, 1).encode())
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[suites.A]\nlabel = { en = "A", es = "A" }', "suites.A"),
        (f"{UNIT.format('a')}\n{UNIT.format('b')}", "only one suite may have unit = true"),
        ("[source]\nroots = []", "source.roots is not a known key"),
        ('[requirements.RES-1]\ncomponent = "locks"\ntext = { en = "A", es = "A" }', "names component locks"),
        ('[requirements.res-1]\ntext = { en = "A", es = "A" }', "requirements.res-1"),
        ('[[module_goals]]\nlines_percent = 80', "module_goals.0.glob is missing"),
        (f'{RISK}\ncheck = "sleeps-in-tests"\nclosed = true', "the state that the check finds"),
        (f'{RISK}\ncheck = "luck"', "risks.0.check"),
        ('[watched.a]\nlabel = { en = "A", es = "A" }', "watched.a.file is missing"),
    ],
    ids=["suite name", "two unit suites", "unknown rule", "unknown component", "requirement id", "no glob",
         "check and closed", "unknown check", "no file"],
)  # fmt: skip
def test_a_part_that_does_not_fit_is_named(more: str, problem: str) -> None:
    with pytest.raises(BrokenEvidenceError, match=re.escape(problem)):
        decode(f"{OWN}{more}\n".encode())


@pytest.mark.parametrize("step", ["step_points = 0", "increment_points = 0", "stable_runs = 0", 'language = "fr"'])
def test_a_rule_that_would_never_end_is_refused(step: str) -> None:
    with pytest.raises(BrokenEvidenceError, match=step.partition(" ")[0]):
        decode(f"{step}\n{OWN}".encode())


def test_what_the_shipped_phase_names_stands_in_the_project() -> None:
    own = read_phase_document(SAMPLE / "own_phase.toml", OwnPhase)
    globs = [*(goal.glob for goal in own.module_goals), *(g for r in own.requirements.values() for g in r.modules)]

    assert [glob for glob in globs if not list(PROJECT.glob(glob))] == []
    for watched in own.watched.values():
        text = (PROJECT / watched.file).read_text()
        assert watched.pattern is None or re.search(watched.pattern, text, re.MULTILINE), watched.file
    folders = [word for suite in own.suites.values() for word in suite.arguments if word.startswith("tests/")]
    assert sorted(folders) == sorted(f"tests/{p.name}" for p in (PROJECT / "tests").iterdir() if holds_tests(p))


def holds_tests(folder: Path) -> bool:
    return any(folder.rglob("test_*.py"))


def test_tests_name_only_requirements_that_the_shipped_phase_has() -> None:
    own = read_phase_document(SAMPLE / "own_phase.toml", OwnPhase)
    marker = re.compile(r"^@pytest\.mark\.requirement\((.*)\)", re.MULTILINE)
    calls = [call for path in (PROJECT / "tests").rglob("test_*.py") for call in marker.findall(path.read_text())]
    named = {name for call in calls for name in re.findall(r"[A-Z0-9]+-[A-Z]+-[A-Z0-9]+", call)}

    assert {"RES-CB-01", "RES-CB-02"} <= named
    assert named <= set(own.requirements)


def test_a_component_named_twice_is_refused() -> None:
    part = '[components.a]\nlabel = { en = "A", es = "A" }\ntest_modules = ["*"]\n'

    with pytest.raises(BrokenEvidenceError, match="not valid TOML"):
        decode((OWN + part + part).encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BrokenEvidenceError, match="not valid TOML"):
        decode(b"\xff\xfe")


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match=r"none\.toml.*phase_file"):
        read_phase_document(tmp_path / "none.toml", OwnPhase)


def test_a_text_is_frozen() -> None:
    text = BilingualText(en="a", es="b")

    with pytest.raises(ValueError, match="frozen"):
        text.en = "c"  # type: ignore[misc]
