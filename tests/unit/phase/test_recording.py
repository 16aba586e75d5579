"""The record of a project in git: what is due is added once, from accepted runs alone, and stays as it was."""

import json
import shutil
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from reliability import sample
from reliability.cli import run
from reliability.phase import recording
from reliability.phase.asking import open_phase
from reliability.phase.recording import add_threshold_entry, on_main_branch
from reliability.sources.record import append_entry


def kinds(project):
    return [entry.kind for entry in project.record.entries]


def test_the_first_accepted_run_is_a_baseline_with_the_goals_it_reached_and_an_observation(project):
    project.measure(36)

    assert run(["phase", "record"]) == 0

    baseline, goal, observation = project.record.entries
    assert (baseline.kind, goal.kind, observation.kind) == ("baseline", "goal", "observation")
    assert goal.reason == "Goal reached for the first time: 35 %."
    assert observation.suites["unit"].passed == 48
    assert baseline.state.requirements == {"RES-CB-01": "verified"}
    assert baseline.figures.unit.fraction == baseline.coverage.fraction * 20 / 36


def test_a_rerun_adds_nothing_and_leaves_every_byte(project):
    project.measure(36)
    run(["phase", "record"])
    folder = project.folder / "outputs/record/demo"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    project.measure(36)
    assert run(["phase", "record"]) == 0

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_commit_that_adds_the_entries_makes_none_due(project):
    project.measure(36)
    run(["phase", "record"])
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "record")
    project.measure(36)

    assert run(["phase", "record", "--check"]) == 0
    run(["phase", "record"])
    assert project.git("status", "--porcelain") == ""


def test_increments_are_two_points_apart(project):
    project.accepted(33, 34.9, 35, 36.99, 37)

    assert kinds(project) == [
        "baseline", "observation", "observation", "goal", "increment", "observation", "observation", "increment",
        "observation",
    ]  # fmt: skip
    assert project.record.entries[-2].reason == "Coverage rose by 2.00 percentage points since the last increment."


def test_a_check_names_what_is_due_and_writes_nothing(project, capsys):
    project.measure(36)

    assert run(["phase", "record", "--check"]) == 1
    assert "due baseline: First accepted measurement: coverage 7.17.5." in capsys.readouterr().out
    assert kinds(project) == []


def test_on_another_branch_no_run_is_observed_unless_it_is_asked_for(project):
    project.git("checkout", "-q", "-b", "feature")
    project.measure(33)

    run(["phase", "record"])
    assert kinds(project) == ["baseline"]
    run(["phase", "record", "--observe"])
    assert kinds(project) == ["baseline", "observation"]


def test_on_no_branch_what_ci_says_counts(project):
    project.git("checkout", "-q", "--detach")

    assert on_main_branch(project.folder, {"GITHUB_REF_NAME": "main"})
    assert not on_main_branch(project.folder, {"CI_COMMIT_REF_NAME": "feature"})
    assert not on_main_branch(project.folder, {})


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"unit": {"passed": 47, "failed": 1}, "exit_code": 1}, "tests-failed"),
        ({"unit": {"skipped": 48}}, "suite-not-run"),
        ({"is_dirty": True}, "dirty-tree"),
        ({"outputs": {"coverage.json": "0" * 64}}, "stale-evidence"),
    ],
)
def test_a_run_that_is_not_accepted_is_not_recorded(project, capsys, changed, code):
    project.measure(41, **changed)

    assert run(["phase", "record"]) == 3
    assert f"  {code}: " in capsys.readouterr().err
    assert kinds(project) == []


def test_without_evidence_nothing_is_recorded(project):
    assert run(["phase", "record"]) == 4


def test_a_changed_definition_is_a_baseline(project, capsys):
    project.accepted(33)
    project.commit("more")
    project.measure(60, definition={"digest": "b" * 64, "coverage_version": "7.18.0"})
    capsys.readouterr()

    run(["phase", "record", "--no-observe"])

    assert kinds(project) == ["baseline", "observation", "baseline", "goal"]
    assert "Another rule of counting: coverage 7.18.0, before coverage 7.17.5" in capsys.readouterr().out


def test_a_changed_runbook_and_a_requirement_that_lost_its_test_are_one_milestone(project):
    project.accepted(33)
    (project.folder / "runbook.md").write_text("# Roll back faster\n")
    path = project.folder / "phase.toml"
    path.write_text(path.read_text().replace("RES-CB-01", "RES-CB-02"))
    project.commit("runbook")
    project.measure(33)

    run(["phase", "record", "--no-observe"])

    milestone = project.record.entries[-1]
    assert milestone.kind == "milestone"
    assert milestone.reason == (
        "Changed: RES-CB-01 from verified to absent; RES-CB-02 from absent to untested; Runbook has another content."
    )


def test_a_drill_that_passes_and_fails_in_turn_is_a_milestone_each_time_without_any_commit(project):
    (project.folder / "reliability.toml").write_text('[rollback]\ndrill_file = "outputs/drills.jsonl"\n')
    (project.folder / ".gitignore").write_text("outputs/\n!outputs/record\n")
    project.commit("drills")
    log = project.folder / "outputs/drills.jsonl"
    good = (Path(sample.__file__).parent / "drill/drill.jsonl").read_text()
    project.measure(33)
    run(["phase", "record"])

    for text in (good, "torn", good, "torn", good):
        log.write_text(text)
        assert run(["phase", "record", "--check"]) == 1
        assert run(["phase", "record"]) == 0
        assert run(["phase", "record", "--check"]) == 0

    assert kinds(project).count("milestone") == 5


def test_of_a_watched_file_only_the_lines_that_its_pattern_names_count(project):
    path = project.folder / "phase.toml"
    path.write_text(path.read_text() + 'pattern = "^open_seconds"\n')
    (project.folder / "runbook.md").write_text("# Roll back\nopen_seconds = 30\n")
    project.accepted(33)

    for text, milestones in (("# Other words\nopen_seconds = 30\n", 0), ("# Roll back\nopen_seconds = 60\n", 1)):
        (project.folder / "runbook.md").write_text(text)
        project.accepted(33)
        assert kinds(project).count("milestone") == milestones

    path.write_text(path.read_text().replace("^open_seconds", "("))
    project.commit("bad pattern")
    project.measure(33)
    assert run(["phase", "record"]) == 2


def test_a_module_goal_that_matches_nothing_is_an_error_of_the_phase(project, capsys):
    path = project.folder / "phase.toml"
    path.write_text(path.read_text() + '\n[[module_goals]]\nglob = "demo/lock_service.py"\nlines_percent = 80\n')
    project.commit("goal")
    project.measure(33)

    assert run(["phase", "record"]) == 2
    assert "'demo/lock_service.py' matches no measured file" in capsys.readouterr().err


def test_a_project_without_a_commit_has_no_record(tmp_path, monkeypatch, project):
    (tmp_path / "new").mkdir()
    shutil.copy(project.folder / "phase.toml", tmp_path / "new")
    monkeypatch.chdir(tmp_path / "new")

    assert run(["phase", "record", "correct", "--reason", "x"]) == 2


def test_an_entry_that_was_taken_back_does_not_come_back_from_the_same_evidence(project):
    project.accepted(33, 36)
    increment = next(entry for entry in project.record.entries if entry.kind == "increment")
    run(["phase", "record", "correct", "--reason", "Wrong machine.", "--supersedes", increment.key])

    project.measure(36)

    assert run(["phase", "record", "--check"]) == 0
    run(["phase", "record"])
    assert kinds(project).count("increment") == 1


def test_nothing_is_added_to_a_record_that_cannot_be_read(project, capsys):
    project.accepted(33)
    (torn,) = (project.folder / "outputs/record/demo").glob("*-baseline-*")
    torn.write_bytes(torn.read_bytes()[:80])
    project.measure(36)

    assert run(["phase", "record"]) == 3
    assert "  unreadable-record: " in capsys.readouterr().err
    assert kinds(project) == ["observation"]


def test_a_threshold_that_goes_up_and_down_at_one_commit_is_an_entry_each_time_in_order(project):
    asked = open_phase(None)
    steps = [Decimal(35), Decimal(36), Decimal(35), Decimal(36), Decimal(35)]

    for before, now in pairwise(steps):
        add_threshold_entry(asked, from_=before, to=now, where="pyproject.toml", reason="As measured.")

    assert [entry.threshold.to_percent for entry in project.record.entries] == steps[1:]


def test_two_phases_never_share_a_record(project, capsys):
    project.accepted(33)
    path = project.folder / "phase.toml"
    path.write_text(path.read_text().replace('id = "demo"', 'id = "next"'))
    project.commit("next phase")
    project.measure(36, phase_id="next")

    for words in (["record"], ["record", "correct", "--reason", "x"]):
        assert run(["phase", *words, "--record", "outputs/record/demo"]) == 2
        assert "is the record of phase demo, not of next" in capsys.readouterr().err


def test_a_refusal_names_only_what_speaks_against_the_run(project, capsys):
    project.measure(33, is_dirty=True)

    run(["phase", "record"])

    assert [line.split(":")[0].strip() for line in capsys.readouterr().err.splitlines()] == [
        "nothing is recorded", "dirty-tree",
    ]  # fmt: skip


@pytest.mark.parametrize("definition", ["d" * 64, "b" * 64], ids=["the same counting", "another counting"])
@pytest.mark.parametrize("written", range(4))
def test_a_writer_that_was_killed_goes_on_where_it_was(project, monkeypatch, written, definition):
    project.accepted(33)
    (project.folder / "runbook.md").write_text("# Roll back faster\n")
    project.commit("runbook")
    project.measure(40, definition={"digest": definition})
    before, room = len(kinds(project)), iter(range(written))

    def killed_later(folder, entry):
        if next(room, None) is None:
            raise KeyboardInterrupt
        return append_entry(folder, entry)

    with monkeypatch.context() as patch:
        patch.setattr(recording, "append_entry", killed_later)
        run(["phase", "record"])
    assert len(kinds(project)) == before + written

    run(["phase", "record"])
    step = "increment" if definition == "d" * 64 else "baseline"
    assert sorted(kinds(project)[before:]) == sorted(["milestone", step, "goal", "observation"])


def test_reasons_are_in_the_language_of_the_phase(project):
    path = project.folder / "phase.toml"
    path.write_text(path.read_text().replace('language = "en"', 'language = "es"'))
    project.commit("es")
    project.measure(33)

    run(["phase", "record"])

    assert project.record.entries[0].reason == "Primera medición aceptada: coverage 7.17.5."
    (project.folder / "runbook.md").unlink()
    path.write_text(path.read_text().replace("RES-CB-01", "RES-CB-02"))
    project.commit("no runbook")
    project.measure(33)
    run(["phase", "record", "--no-observe"])
    reason = project.record.entries[-1].reason
    assert reason.startswith(
        "Ha cambiado: RES-CB-01 de verificado a ausente; RES-CB-02 de ausente a sin probar; Runbook de "
    )
    assert reason.endswith(" a ausente.")


def test_a_correction_takes_an_entry_back_and_stays_itself(project, capsys):
    project.accepted(33)
    wrong = project.record.entries[1]

    assert (
        run(["phase", "record", "correct", "--reason", "Measured on the wrong machine.", "--supersedes", wrong.key])
        == 0
    )

    assert [entry.kind for entry in project.record.valid] == ["baseline", "correction"]
    assert run(["phase", "record", "correct", "--reason", "x", "--supersedes", "00000000"]) == 2
    assert run(["phase", "record", "correct", "--reason", " "]) == 2


def test_an_export_holds_one_entry_a_line_in_order(project, capsys):
    project.accepted(33, 36)
    capsys.readouterr()

    assert run(["phase", "record", "export", "--jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == kinds(project)
    assert run(["phase", "record", "export", "--jsonl", "--to", "record.jsonl"]) == 0
    assert len((project.folder / "record.jsonl").read_text().splitlines()) == len(lines)


@pytest.fixture
def recorded(project):
    """A project whose record is committed, then added to."""
    project.accepted(33)
    (project.folder / "outputs/record/demo/phase.md").write_text("# Ours\n")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "record")
    project.git("tag", "base")
    project.accepted(36)
    return project


def verify(*arguments):
    return run(["phase", "record", "verify", *arguments])


def test_a_record_that_was_only_added_to_is_verified(recorded, capsys):
    assert verify("--base", "base") == 0
    assert "entries of base as they were: 2; faults: 0" in capsys.readouterr().out


def test_a_changed_a_missing_and_a_torn_entry_are_named(recorded, capsys):
    folder = recorded.folder / "outputs/record/demo"
    changed, missing = (folder.parents[2] / name for name in recorded.git("ls-files", "*.json").split())
    (torn,) = folder.glob("*-increment-*")
    changed.write_bytes(changed.read_bytes() + b"\n")
    missing.unlink()
    torn.write_bytes(torn.read_bytes()[:50])

    assert verify("--base", "base") == 1

    said = capsys.readouterr().err.splitlines()
    assert f"changed: outputs/record/demo/{changed.name}" in said
    assert f"missing: outputs/record/demo/{missing.name}" in said
    assert any(line.startswith(f"unreadable: {torn.name}") for line in said)
    assert run(["phase", "record", "export", "--jsonl"]) == 0
    assert f"warning: {torn.name} is left out: " in capsys.readouterr().err


@pytest.mark.parametrize("base", ["nowhere", "--upload-pack=x", "base..main"])
def test_a_base_that_is_no_commit_is_wrong_usage(recorded, base):
    assert verify(f"--base={base}") == 2


def test_a_record_outside_of_git_cannot_be_verified(tmp_path, monkeypatch, project):
    (tmp_path / "other").mkdir()

    assert verify("--base", "main", "--record", str(tmp_path / "other")) == 2
