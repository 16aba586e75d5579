"""What the tests of `reliability canary` share: a project of their own, and the command line."""

import pytest

from reliability import cli


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability.toml").touch()
    return tmp_path


@pytest.fixture
def run(capsys):
    def run_canary(*arguments):
        status = cli.run(["canary", *map(str, arguments)])
        return status, capsys.readouterr()

    return run_canary
