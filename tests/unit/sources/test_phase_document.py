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
OWN = """
id = "shop"
kind = "own"
floor_percent = 80
goals_percent = [85, 90.5]
title = { en = "Shop", es = "Tienda" }
purpose = { en = "Sell", es = "Vender" }
origin = { en = "Ours", es = "Propio" }
"""


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
