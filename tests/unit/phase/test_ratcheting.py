import json

import pytest

from reliability.cli import run


def test_three_accepted_runs_raise_the_threshold_by_one_line_and_record_it(project, capsys):
    project.accepted(39, 38.5, 39.9)
    capsys.readouterr()

    status = run(["phase", "ratchet"])

    assert status == 0
    assert "RAISE 35 % -> 38 % in pyproject.toml line 2" in capsys.readouterr().out
    assert project.git("diff", "--numstat", "--", "pyproject.toml").split()[:2] == ["1", "1"]
    assert project.threshold_line == "fail_under = 38  # first goal"
    (change,) = [entry.threshold for entry in project.record.entries if entry.threshold]
    assert (change.from_percent, change.to_percent) == (35, 38)
    assert change.where == "pyproject.toml: tool.coverage.report.fail_under"


def test_a_second_raise_on_the_same_evidence_does_nothing(project, capsys):
    project.accepted(39, 39, 39.9)
    run(["phase", "ratchet"])
    before = project.threshold_line, len(project.record.entries)

    status = run(["phase", "ratchet"])

    assert status == 0
    assert "below-goal" in capsys.readouterr().out
    assert (project.threshold_line, len(project.record.entries)) == before


def test_a_check_says_that_a_raise_is_due_and_changes_nothing(project, capsys):
    project.accepted(39, 39, 39)
    capsys.readouterr()

    status = run(["phase", "ratchet", "--check"])

    out = capsys.readouterr().out
    assert status == 0
    assert "the floor holds: 39.00 % covered, floor 35 %" in out
    assert "a raise to 39 % is due" in out
    assert project.threshold_line.startswith("fail_under = 35 ")


@pytest.mark.parametrize(
    ("measured", "status", "code"),
    [
        pytest.param((34.999, {}), 1, "below-floor", id="below the floor"),
        pytest.param(
            (41, {"unit": {"passed": 47, "failed": 1}, "exit_code": 1}), 1, "tests-failed", id="a failed test"
        ),
        pytest.param((41, {"is_dirty": True}), 3, "dirty-tree", id="local changes"),
        pytest.param((41, {"outputs": {"coverage.json": "0" * 64}}), 3, "stale-evidence", id="a foreign coverage file"),
        pytest.param((41, {"phase_id": "other"}), 3, "stale-evidence", id="evidence of another phase"),
        pytest.param((41, {}), 0, "unstable", id="the first run"),
    ],
)
def test_the_status_says_whether_the_floor_holds(project, capsys, measured, status, code):
    percent, changed = measured
    project.measure(percent, **changed)

    for check in (["--check"], []):
        assert run(["phase", "ratchet", *check]) == status
        assert f"  {code}: " in capsys.readouterr().out
    assert project.threshold_line.startswith("fail_under = 35 ")


def test_a_source_that_was_edited_since_is_not_trusted(project, capsys):
    project.measure(41)
    (project.folder / "demo/breaker.py").write_text("changed = True\n")

    assert run(["phase", "ratchet", "--check"]) == 3
    assert "stale-source: Sources have changed since they were measured: demo/breaker.py" in capsys.readouterr().out


@pytest.mark.parametrize(("percent", "status"), [(41, 0), (34.6, 1)])
def test_on_local_changes_the_floor_is_checked_when_asked_and_nothing_is_raised(project, capsys, percent, status):
    project.measure(percent, is_dirty=True)

    assert run(["phase", "ratchet", "--check"]) == 3
    assert run(["phase", "ratchet", "--check", "--local-changes"]) == status
    assert "dirty-tree" in capsys.readouterr().out
    assert run(["phase", "ratchet", "--local-changes"]) == 2
    assert project.threshold_line.startswith("fail_under = 35 ")


def test_without_a_manifest_there_is_no_evidence(project, capsys):
    project.measure(41)
    (project.folder / "outputs/evidence/manifest.json").unlink()

    assert run(["phase", "ratchet"]) == 4
    assert "no-manifest" in capsys.readouterr().out


def test_a_torn_manifest_is_an_error_without_a_raise(project, capsys):
    project.measure(41)
    path = project.folder / "outputs/evidence/manifest.json"
    path.write_text(path.read_text()[:200])

    assert run(["phase", "ratchet"]) == 4
    assert "[broken-evidence]" in capsys.readouterr().err


def test_json_holds_the_decision_with_codes_sentences_and_the_winning_file(project, capsys):
    project.measure(34.6)

    status = run(["phase", "ratchet", "--check", "--json"])

    said = json.loads(capsys.readouterr().out)
    assert (said["status"], status, said["action"], said["floor_verdict"]) == (1, 1, "HOLD", "FAIL")
    assert [reason["code"] for reason in said["reasons"]] == ["below-floor", "below-goal"]
    assert all(reason["text"] and reason["cure"] for reason in said["reasons"])
    assert said["thresholds"]["effective"]["file"] == "pyproject.toml"
    assert said["measured"]["fraction"] == "173/500"


def test_a_module_goal_that_matches_nothing_is_wrong_usage(project, capsys):
    goal = '\n[[module_goals]]\nglob = "demo/gone.py"\nlines_percent = 80\n'
    (project.folder / "phase.toml").write_text((project.folder / "phase.toml").read_text() + goal)
    project.measure(41)

    assert run(["phase", "ratchet", "--check"]) == 2
    assert "demo/gone.py" in capsys.readouterr().err


def test_lowering_needs_a_reason_and_leaves_it_in_the_record(project, capsys):
    status = run(["phase", "ratchet", "lower", "--to", "32.5", "--reason", "The legacy module came back."])

    assert status == 0
    assert "LOWERED 35 % -> 32.5 % in pyproject.toml line 2" in capsys.readouterr().out
    assert project.threshold_line == "fail_under = 32.5  # first goal"
    (entry,) = project.record.entries
    assert (entry.kind, entry.reason) == ("threshold", "The legacy module came back.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "32"], "--reason"),
        (["--to", "32", "--reason", "  "], "--reason is empty"),
        (["--to", "35", "--reason", "x"], "not below the 35 % in force"),
        (["--to", "many", "--reason", "x"], "no number from 0 to 100"),
    ],
)
def test_lowering_is_refused(project, capsys, arguments, said):
    assert run(["phase", "ratchet", "lower", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert project.threshold_line.startswith("fail_under = 35 ")


def test_a_change_that_cannot_be_recorded_is_taken_back(project, capsys):
    (project.folder / "elsewhere").write_text("no folder")

    status = run(["phase", "ratchet", "lower", "--to", "31", "--reason", "x", "--record", "elsewhere"])

    assert status == 5
    assert "[write]" in capsys.readouterr().err
    assert project.threshold_line.startswith("fail_under = 35 ")


def test_what_was_lowered_is_not_raised_again_on_the_same_runs(project, capsys):
    project.accepted(41, 41, 41)
    run(["phase", "ratchet"])
    run(["phase", "ratchet", "lower", "--to", "37", "--reason", "The parser is measured from now on."])
    capsys.readouterr()

    assert run(["phase", "ratchet"]) == 0
    assert "unstable: 3 accepted runs in a row must reach 38%" in capsys.readouterr().out
    assert project.threshold_line.startswith("fail_under = 37 ")

    project.accepted(41.1, 41.2, 41.3)
    run(["phase", "ratchet"])
    assert project.threshold_line.startswith("fail_under = 40 ")


def test_a_raise_says_its_reason_in_the_language_of_the_phase(project):
    path = project.folder / "phase.toml"
    path.write_text(path.read_text().replace('language = "en"', 'language = "es"'))
    project.accepted(41, 41, 41)

    run(["phase", "ratchet"])

    assert project.record.entries[-1].reason.startswith("Todas las suites obligatorias pasaron")


def test_lowering_below_the_phases_own_floor_says_that_it_still_holds(project, capsys):
    assert run(["phase", "ratchet", "lower", "--to", "20", "--reason", "x"]) == 0
    assert "no less than 30 %" in capsys.readouterr().err


def test_a_project_without_a_phase_is_told_how_to_start_one(project, capsys):
    (project.folder / "phase.toml").unlink()

    assert run(["phase", "ratchet"]) == 2
    assert "init --phase" in capsys.readouterr().err


def delete_tests(project):
    (project.folder / "tests/test_breaker.py").unlink()


def narrow_options(project):
    (project.folder / "pytest.ini").write_text("[pytest]\naddopts = -k easy\n")


def narrow_options_beside_the_threshold(project):
    path = project.folder / "pyproject.toml"
    path.write_text(path.read_text() + "[tool.pytest.ini_options]\naddopts = '-k easy'\n")


def add_a_conftest(project):
    (project.folder / "tests/conftest.py").write_text("collect_ignore = ['test_breaker.py']\n")


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("change", [delete_tests, narrow_options, narrow_options_beside_the_threshold, add_a_conftest])
def test_evidence_of_other_tests_than_there_are_now_raises_nothing(project, capsys, change, is_committed):
    (project.folder / "tests").mkdir()
    (project.folder / "tests/test_breaker.py").write_text("")
    project.commit("with tests")
    project.measure(41)
    assert run(["phase", "ratchet", "--check"]) == 0
    change(project)
    if is_committed:
        project.git("add", "-A")
        project.git("commit", "-q", "-m", "fewer tests, the same sources")

    assert run(["phase", "ratchet"]) == 3
    assert "  stale-source: " in capsys.readouterr().out
    assert project.threshold_line.startswith("fail_under = 35 ")


def test_the_commit_of_the_record_and_of_prose_leaves_the_evidence_as_good_as_it_was(project):
    project.accepted(41, 41, 41)
    (project.folder / "README.md").write_text("# Demo\n")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "record, and a readme")

    assert run(["phase", "ratchet"]) == 0
    assert project.threshold_line.startswith("fail_under = 40 ")
    assert run(["phase", "ratchet", "--check"]) == 0


def test_evidence_of_a_commit_that_git_does_not_know_is_not_trusted(project, capsys):
    project.measure(41, commit="c" * 40)

    assert run(["phase", "ratchet", "--check"]) == 3
    assert "commit cccccccccccc" in capsys.readouterr().out
