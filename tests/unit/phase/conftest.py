"""The project of the ratchet's and the record's tests, made once and copied."""

import shutil

import pytest

from tests.unit.phase.projects import Project, begin


@pytest.fixture(scope="session")
def begun(tmp_path_factory):
    return begin(tmp_path_factory.mktemp("begun") / "demo")


@pytest.fixture
def project(begun, tmp_path, monkeypatch):
    folder = shutil.copytree(begun.folder, tmp_path / "demo")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return Project(folder, [*begun.commits])
