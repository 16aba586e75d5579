"""Runbooks: people read them, programs time them, and mistakes are found when they are loaded."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.shipped import shipped_folder
from reliability.sources.runbook import Runbook, read_runbook
from tests.evidence_file import read_bytes

FRONT = """---
title: Roll back
budget: 15m
owner: Team
decider: Somebody
deputy: Somebody else
triggers:
  - Guests wait
---
"""


def decode_runbook(body: bytes, *, where: str) -> Runbook:
    return read_bytes(read_runbook, body, where)


def step(info: str = "sh step=switch kind=action budget=60s", command: str = "true") -> str:
    return f"## 1. Switch\n\nDo `it` now,\nat once.\n\n```{info}\n{command}\n```\n\n"


def decode(text: str) -> object:
    return decode_runbook(text.encode(), where="runbook.md")


def test_the_shipped_runbook_fits_in_a_quarter_of_an_hour() -> None:
    path = shipped_folder("templates") / "rollback_runbook.md"

    runbook = read_runbook(path)

    assert [(s.id, s.kind) for s in runbook.steps] == [
        ("decide", "decision"),
        ("check_baseline", "check"),
        ("switch", "action"),
        ("drain", "action"),
        ("verify_release", "verify"),
        ("verify_latency", "verify"),
    ]
    assert runbook.budget_seconds == 900
    assert sum(s.budget_seconds for s in runbook.steps) == 720
    assert all(s.prose and s.title and s.command for s in runbook.steps)
    assert runbook.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_prose_is_plain_text_without_its_marks() -> None:
    runbook = decode_runbook((FRONT + step(command="curl <b> && true")).encode(), where="x")

    assert runbook.steps[0].prose == ("Do it now, at once.",)
    assert runbook.steps[0].title == "1. Switch"
    assert runbook.steps[0].command == "curl <b> && true"


def test_a_fence_without_a_step_is_only_an_example() -> None:
    runbook = decode_runbook((FRONT + "```sh\nls\n```\n\n" + step()).encode(), where="x")

    assert [s.id for s in runbook.steps] == ["switch"]


@given(budgets=st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_budgets_fit_in_the_whole_or_are_refused(budgets: list[int]) -> None:
    steps = "".join(step(f"sh step=s{i} kind=check budget={b}s") for i, b in enumerate(budgets))

    if sum(budgets) > 900:
        with pytest.raises(BrokenEvidenceError, match="the whole only 900 s"):
            decode(FRONT + steps)
    else:
        assert decode(FRONT + steps)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no front matter"),
        ("# Roll back\n" + step(), "no front matter"),
        (FRONT, "no step"),
        (FRONT + step() + step(), "switch twice"),
        (FRONT + step("sh step=switch kind=action budget=60s timeout=9s"), "timeout is not a known key"),
        (FRONT + step("sh step=switch kind=action"), "budget is missing"),
        (FRONT + step("sh stp=switch kind=action budget=60s"), "stp is not a known key"),
        (FRONT + step("step=switch kind=dance budget=60s"), "kind = 'dance'"),
        (FRONT + step("step=switch;rm kind=action budget=60s"), "step = 'switch;rm'"),
        (FRONT + step("step=switch kind=action budget=60"), "no duration"),
        (FRONT + step("step=switch kind=action budget=-60s"), "no duration"),
        (FRONT.replace("15m", "forever") + step(), "no duration"),
        (FRONT.replace("owner: Team", "owner: Team\nparams: {}") + step(), "params is not a known key"),
        (FRONT.replace("owner: Team\n", "") + step(), "owner is missing"),
        (FRONT.replace("  - Guests wait", "") + step(), "triggers"),
        (FRONT.replace("title: Roll back", "title: [") + step(), "no YAML"),
        (FRONT.replace("title: Roll back", "title: !!python/object:os.system x") + step(), "no YAML"),
        (FRONT.replace("title: Roll back", "title: 2026-99-99") + step(), "YAML"),
        ("---\n" + "[" * 1000 + "\n---\n" + step(), "YAML"),
        ("---\njust text\n---\n" + step(), "front matter"),
    ],
)
def test_a_mistake_is_found_when_the_runbook_is_loaded(text: str, problem: str) -> None:
    with pytest.raises(BrokenEvidenceError, match=r"/runbook\.md") as refused:
        decode(text)
    assert problem in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BrokenEvidenceError, match="UTF-8"):
        decode_runbook(FRONT.encode() + b"\xff", where="x")


def test_a_missing_runbook_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="runbook_file"):
        read_runbook(tmp_path / "none.md")
