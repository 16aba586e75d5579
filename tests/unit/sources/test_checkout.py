import os
import subprocess
from datetime import UTC, datetime

import pytest

from reliability.sources.checkout import is_committed, read_checkout, read_commit_time, unseen_changes


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("x = 1\n")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@localhost", "commit", "-q", "-m", "begin")
    return folder


def git(folder, *words):
    when = {**os.environ, "GIT_COMMITTER_DATE": "2026-11-20T09:00:00+01:00"}
    subprocess.run(["git", *words], cwd=folder, env=when, check=True, capture_output=True)  # noqa: S607 -- any git


def test_the_time_of_the_commit_is_an_instant(folder, tmp_path):
    assert read_commit_time(folder) == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert read_commit_time(tmp_path) is None


def test_what_git_does_not_show_of_the_tests_is_listed(folder):
    (folder / ".git/info/exclude").write_text("*/local_*.py\n/conftest.py\n__pycache__/\n*.txt\n")
    for name in ("tests/deep/local_1.py", "conftest.py", "src/local_2.py", "tests/notes.txt", "tests/new.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()

    assert unseen_changes(folder, ["tests"]) == ("conftest.py",)
    (folder / ".git/info/exclude").write_text("local_*.py\n")
    git(folder, "update-index", "--assume-unchanged", "a.py")
    assert unseen_changes(folder, ["tests"]) == ("a.py", "tests/deep/local_1.py")
    assert unseen_changes(folder.parent, ["tests"]) == ()


def test_a_file_is_committed_when_git_tracks_it_inside_the_project(folder):
    (folder / "new.rc").touch()
    (folder.parent / "far.rc").touch()

    assert is_committed(folder, folder / "a.py")
    assert not is_committed(folder, folder / "new.rc")
    assert not is_committed(folder, folder.parent / "far.rc")
    assert is_committed(folder.parent, folder.parent / "far.rc")  # no git there: what is inside counts


def test_what_the_program_writes_makes_nothing_dirty(folder):
    for name in ("outputs/page.html", "proof/manifest.json", "record [1]/entry.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    apart = [folder / "proof", folder / "record [1]", folder.parent / "elsewhere"]

    assert read_checkout(folder).dirty is True
    assert read_checkout(folder, apart=apart).dirty is False


def test_the_project_itself_is_never_set_apart(folder):
    (folder / "new.py").touch()

    assert read_checkout(folder, apart=[folder]).dirty is True
