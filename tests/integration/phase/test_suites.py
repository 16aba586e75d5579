"""`reliability phase suites` with real runs of pytest: the shipped sample, and small projects of other shapes."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import reliability
from reliability.errors import MissingEvidenceError, ParameterError, UsageError
from reliability.phase import suites as module
from reliability.phase.suites import suites

pytestmark = pytest.mark.integration

SAMPLE = Path(reliability.__file__).parent / "sample" / "mini_project"
CONFIGURATION = """
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
pythonpath = ["."]
[tool.coverage.run]
branch = true
source = ["shop"]
"""
SHOP = "def price(n):\n    if n > 3:\n        return 2 * n\n    return 3 * n\n\n\ndef later():\n    return 1\n"


def ask(*words):
    """Run the command; an error of its own is raised."""
    answer = CliRunner().invoke(suites, [str(word) for word in words], catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.stdout


@pytest.fixture(scope="module", autouse=True)
def lean():
    """Children load the two plugins that they need, which halves their start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.setenv("PYTEST_ADDOPTS", "-p pytest_cov -p xdist")
        yield


@pytest.fixture(scope="module")
def sample():
    """What the command finds in the sample, and what it prints as JSON."""
    found, look = [], module._look

    def remember(*words, **options):
        found.append(look(*words, **options))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_look", remember)
        printed = ask("--sample", "--exact", "--json")
    return found[0], json.loads(printed)


@pytest.fixture
def exact(sample):
    return sample[1]


@pytest.fixture
def project(tmp_path):
    def write(tests, configuration=CONFIGURATION):
        for path, text in {"pyproject.toml": configuration, "shop.py": SHOP, **tests}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return write


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_sample_shows_how_setting_tests_apart_lifts_the_unit_suite_over_35_percent(sample):
    found, _ = sample

    text = "\n".join(module._as_text(replace(found, unit=found.estimated)))

    assert "stopping after 5 failures; 4 of 28 tests ran" in text
    assert re.search(r"Coverage of that: 2[0-9]\.\d % \(estimate from contexts\)", text)
    gain = re.search(
        r"Marking these (\d+) tests and keeping 1 file with 3 test functions apart leaves unit at (.+) %", text
    )
    assert gain is not None
    assert (gain[1], float(gain[2]) >= 35) == ("11", True)
    assert 'pytest -m "not needs_postgres and not needs_spacy and not slow"' in text


def test_exact_measures_by_a_run_of_its_own_that_is_green(exact):
    assert exact["now"]["is_estimate"]
    assert not exact["unit"]["is_estimate"]
    assert exact["unit"]["exit_code"] == 0
    assert exact["unit"]["measured_fraction"] >= 0.35 > exact["now"]["measured_fraction"]
    assert not exact["defects"]


def test_the_sample_has_every_kind(exact):
    kinds = {group["kind"]: len(group["tests"]) for group in exact["groups"]}

    assert kinds == {"missing-module": 4, "refused-connection": 5, "long": 2}


def follow(advice, project):
    """Do what the advice says, as a person would."""
    for line in advice["lines"]:
        path, _, function = line["place"].partition("::")
        text = (project / path).read_text()
        text = (
            text.replace(f"def {function}(", f"{line['line']}\ndef {function}(")
            if function
            else f"{text}\n{line['line']}\n"
        )
        (project / path).write_text(text if "import pytest" in text else f"import pytest\n{text}")
    configuration = project / "pyproject.toml"
    markers = f"markers = {json.dumps(advice['markers'])}\ntestpaths"
    configuration.write_text(configuration.read_text().replace("testpaths", markers))


def test_following_the_advice_by_hand_gives_the_figure_that_exact_measured(exact, tmp_path):
    project = Path(shutil.copytree(SAMPLE, tmp_path / "project"))
    follow(exact, project)
    (unit,) = (line for line in exact["suites_toml"].splitlines() if "not slow" in line)
    words = ["pytest", "-q", *json.loads(unit.partition(" = ")[2]), "--cov", "--cov-report=json:found.json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment["COVERAGE_FILE"] = str(tmp_path / "found")

    ended = subprocess.run(
        [sys.executable, "-m", *words], cwd=project, env=environment, capture_output=True, check=False
    )

    assert ended.returncode == 0, ended.stdout.decode()
    totals = json.loads((project / "found.json").read_text())["totals"]
    names = {"statements": "num_statements", "covered": "covered_lines", "branches": "num_branches"}
    assert {**{name: totals[name_there] for name, name_there in names.items()}} | {
        "covered_branches": totals["covered_branches"]
    } == exact["unit"]["coverage"]


def test_a_green_and_quick_project_has_nothing_to_set_apart_and_is_left_as_it_was(project):
    folder = project({"tests/test_shop.py": "from shop import price\n\n\ndef test_it():\n    assert price(1) == 3\n"})
    before = contents(folder)

    text = ask(folder)

    assert "ends with 0; 1 of 1 test ran" in text
    assert "nothing to set apart" in text
    assert contents(folder) == before


def test_a_file_that_skips_itself_is_told_as_such(project):
    tests = {
        "tests/test_a.py": "import pytest\n\npytest.importorskip('spacy')\n\n\ndef test_a():\n    assert 0\n",
        "tests/test_b.py": "from shop import price\n\n\ndef test_b():\n    assert price(1) == 3\n",
    }

    text = ask(project(tests))

    assert "needs_spacy: 1 file skipped as a whole (missing-module: " in text
    assert "Keeping 1 file with 1 test function apart leaves unit at 62.5 % (estimate" in text


def test_the_projects_own_source_threshold_and_workers_are_heeded(project):
    configuration = CONFIGURATION.replace(
        '["--import-mode=importlib"]', '["--import-mode=importlib", "--cov=shop", "--cov-fail-under=99", "-n2"]'
    ).replace('source = ["shop"]', "")
    tests = (
        "import pytest\nfrom shop import price\n\n\n"
        "@pytest.mark.parametrize('n', [1, 2, 5])\ndef test_it(n):\n    price(n)\n"
    )

    found = json.loads(ask(project({"tests/test_shop.py": tests}, configuration), "--json"))

    assert (found["now"]["exit_code"], found["now"]["ran_count"]) == (0, 3)
    assert found["now"]["coverage"] == {"statements": 6, "covered": 5, "branches": 2, "covered_branches": 2}


def test_a_module_that_the_project_itself_lacks_is_a_defect(project):
    tests = {"tests/test_a.py": "from shop.gone import x\n", "tests/test_b.py": "def test_b():\n    assert 1\n"}

    found = json.loads(ask(project(tests), "--json"))

    assert (found["now"]["exit_code"], found["now"]["ran_count"], found["now"]["tests_count"]) == (2, 0, 1)
    assert (found["defects"], found["groups"]) == (["tests/test_a.py"], [])


def test_the_estimate_is_no_measurement_where_tests_share_what_is_made_once(project):
    shop = "from functools import cache\n\n\n@cache\ndef prices():\n    return {1: 2}\n"
    tests = (
        "import time\nimport shop\n\n\ndef test_a_long():\n    shop.prices()\n    time.sleep(0.3)\n\n\n"
        "def test_b_quick():\n    assert shop.prices()\n"
    )
    folder = project({"tests/test_shop.py": tests, "shop.py": shop})

    found = json.loads(ask(folder, "--slow-seconds", 0.3, "--exact", "--json"))
    estimated, measured = found["estimated"], found["unit"]

    assert (estimated["is_estimate"], measured["is_estimate"]) == (True, False)
    assert estimated["measured_fraction"] < measured["measured_fraction"] == 1


def test_a_test_that_passes_and_then_errors_in_its_teardown_is_no_pass(project):
    tests = (
        "import pytest\n\n\n@pytest.fixture\ndef server():\n    yield\n    raise ConnectionRefusedError('Redis')\n\n\n"
        "def test_it(server):\n    pass\n"
    )

    found = json.loads(ask(project({"tests/test_shop.py": tests}), "--json"))

    assert [group["marker"] for group in found["groups"]] == ["needs_redis"]


def test_a_name_that_would_act_upon_the_terminal_is_written_as_an_escape(project):
    tests = (
        "import pytest\n\n\n"
        "@pytest.mark.parametrize('n', [1], ids=['\x1b[2J\u202e'])\ndef test_it(n):\n    assert not n\n"
    )

    text = ask(project({"tests/test_shop.py": tests}))

    assert "Mend this" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_folder_without_tests_is_no_data(tmp_path):
    with pytest.raises(MissingEvidenceError, match="no test"):
        ask(tmp_path)


def test_a_configuration_that_pytest_refuses_is_a_fault_of_the_settings(project):
    with pytest.raises(UsageError, match="refuses"):
        ask(project({}, '[tool.pytest.ini_options]\naddopts = "--no-such-option"\n'))


def test_the_sample_and_a_folder_are_not_asked_for_together(tmp_path):
    with pytest.raises(ParameterError, match="--sample"):
        ask("--sample", tmp_path)
