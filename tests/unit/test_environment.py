import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
REQUIRED = {"jupyter", "papermill", "nbconvert", "pandas", "matplotlib", "prometheus-api-client", "coverage"}


def read_project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def test_conda_and_pip_install_the_same_libraries():
    conda = {line for line in read_conda() if isinstance(line, str)}

    assert conda - {"python>=3.11", "pip"} == set(read_project()["dependencies"])
    assert read_project()["requires-python"] == ">=3.11"


def test_conda_installs_the_package_itself_last():
    assert read_conda()[-1] == {"pip": ["-e ."]}


def test_the_seven_required_packages_are_named():
    named = {line.partition(">=")[0] for line in read_project()["dependencies"]}

    assert named >= REQUIRED
