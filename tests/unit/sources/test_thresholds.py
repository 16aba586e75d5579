from decimal import Decimal

import coverage
import pytest
from _pytest.config.findpaths import locate_config

from reliability.errors import ThresholdError
from reliability.sources.thresholds import find_thresholds

RAISED_IN = {
    "pytest.toml": '[pytest]\naddopts = ["--cov", "--cov-fail-under=31"]\n',
    ".pytest.toml": '[pytest]\naddopts = ["--cov", "--cov-fail-under=32"]\n',
    "pytest.ini": "[pytest]\naddopts = --cov --cov-fail-under=33\n",
    ".pytest.ini": "[pytest]\naddopts = --cov --cov-fail-under=34\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--cov --cov-fail-under=35"\n',
    "tox.ini": "[pytest]\naddopts = --cov --cov-fail-under=36\n",
    "setup.cfg": "[tool:pytest]\naddopts = --cov --cov-fail-under=37\n",
}
HELD_IN = {
    ".coveragerc": "[report]\nfail_under = 41\n",
    ".coveragerc.toml": "[report]\nfail_under = 42\n",
    "setup.cfg": "[coverage:report]\nfail_under = 43\n",
    "tox.ini": "[coverage:report]\nfail_under = 44\n",
    "pyproject.toml": "[tool.coverage.report]\nfail_under = 45\n",
}


def found_in(folder, files, **environment):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return find_thresholds(folder, environment=environment)


@pytest.mark.parametrize("first", range(len(RAISED_IN)))
def test_the_file_that_pytest_takes_wins_and_the_others_are_shadowed(tmp_path, first):
    files = dict(list(RAISED_IN.items())[first:])

    found = found_in(tmp_path, files)

    _, path, options, _ = locate_config(tmp_path, [])
    assert path is not None
    assert found.effective.file == path.name
    assert f"={found.effective.percent}" in str(options["addopts"].value)
    assert {place.file for place in found.shadowed} == set(files) - {path.name}


@pytest.mark.parametrize("first", range(len(HELD_IN)))
def test_the_file_that_coverage_takes_wins_and_the_others_are_shadowed(tmp_path, monkeypatch, first):
    files = dict(list(HELD_IN.items())[first:])
    monkeypatch.chdir(tmp_path)

    found = found_in(tmp_path, files)

    assert found.effective.percent == Decimal(str(coverage.Coverage().get_option("report:fail_under")))
    assert len(found.shadowed) == len(files) - 1


@pytest.mark.parametrize("empty", ["pytest.ini", ".pytest.ini", "pytest.toml"])
def test_an_empty_file_of_pytests_own_hides_the_threshold_and_that_is_said(tmp_path, empty):
    found = found_in(tmp_path, {empty: "", "pyproject.toml": RAISED_IN["pyproject.toml"]})

    assert found.effective is None
    assert [(place.file, place.line) for place in found.shadowed] == [("pyproject.toml", 2)]
    assert any("no threshold is in force" in warning for warning in found.warnings)


def test_a_coveragerc_without_a_threshold_hides_that_of_pyproject(tmp_path):
    found = found_in(tmp_path, {".coveragerc": "[run]\nbranch = true\n", "pyproject.toml": HELD_IN["pyproject.toml"]})

    assert found.effective is None
    assert found.shadowed[0].percent == 45


@pytest.mark.parametrize("file", ["tox.ini", "setup.cfg"])
def test_a_file_without_a_section_of_coverage_hides_nothing(tmp_path, file):
    found = found_in(tmp_path, {file: "[other]\nfail_under = 1\n", "pyproject.toml": HELD_IN["pyproject.toml"]})

    assert (found.effective.percent, found.shadowed) == (45, [])


def test_the_option_beats_the_report_and_the_report_is_shadowed(tmp_path):
    found = found_in(tmp_path, {"pytest.ini": RAISED_IN["pytest.ini"], ".coveragerc": HELD_IN[".coveragerc"]})

    assert (found.effective.percent, found.shadowed[0].percent) == (33, 41)
    assert ".coveragerc says 41 % ([report] fail_under), but 33 % of pytest.ini is in force" in found.warnings[-1]


def test_the_environment_beats_the_file(tmp_path):
    found = found_in(tmp_path, {"pytest.ini": RAISED_IN["pytest.ini"]}, PYTEST_ADDOPTS="--cov-fail-under 20")

    assert (found.effective.percent, found.effective.file) == (20, "PYTEST_ADDOPTS")
    assert found.shadowed[0].percent == 33


def test_an_option_of_zero_switches_the_report_off(tmp_path):
    found = found_in(
        tmp_path, {"pytest.ini": "[pytest]\naddopts = --cov-fail-under=0\n", ".coveragerc": HELD_IN[".coveragerc"]}
    )

    assert found.effective is None
    assert found.shadowed[0].percent == 41


def test_without_coverage_the_option_is_not_in_force(tmp_path):
    found = found_in(tmp_path, {"pytest.ini": "[pytest]\naddopts = --cov --no-cov --cov-fail-under=35\n"})

    assert found.effective is None
    assert "--no-cov" in found.warnings[0]


def test_a_named_configuration_of_coverage_wins(tmp_path):
    files = {"ci.ini": "[report]\nfail_under = 50\n", ".coveragerc": HELD_IN[".coveragerc"]}

    assert found_in(tmp_path, files, COVERAGE_RCFILE="ci.ini").effective.percent == 50
    with pytest.raises(ThresholdError, match="no such file"):
        found_in(tmp_path, files, COVERAGE_RCFILE="gone.ini")


def test_a_configuration_above_the_project_counts_for_pytest(tmp_path):
    (tmp_path / "pytest.ini").write_text(RAISED_IN["pytest.ini"])

    found = found_in(tmp_path / "service", {"service.py": ""})

    assert (found.effective.percent, found.effective.file) == (33, f"{tmp_path.as_posix()}/pytest.ini")


@pytest.mark.parametrize(
    ("value", "precision", "said"),
    [
        pytest.param("35", None, "about 34.5 % passes as 35 %", id="whole numbers"),
        pytest.param("34.9", None, "about 34.85 % passes as 34.9 %", id="one decimal of its own"),
        pytest.param("35", "2", None, id="two decimals"),
        pytest.param("100", None, None, id="a hundred is exact"),
    ],
)
def test_a_threshold_that_rounding_weakens_is_warned_about(tmp_path, value, precision, said):
    lines = f"[report]\nfail_under = {value}\n" + (f"precision = {precision}\n" if precision else "")

    warnings = found_in(tmp_path, {".coveragerc": lines}).warnings

    assert any(said in warning for warning in warnings) if said else not warnings


def test_a_variable_is_put_in_as_coverage_does_and_warned_about(tmp_path):
    files = {".coveragerc": "[report]\nfail_under = ${LIMIT-35}\nprecision = 2\n"}

    assert found_in(tmp_path, files).effective.percent == 35
    found = found_in(tmp_path, files, LIMIT="60")
    assert found.effective.percent == 60
    assert "depends on the environment" in found.warnings[0]


def test_commands_that_carry_a_threshold_are_named(tmp_path):
    found = found_in(
        tmp_path,
        {
            "Makefile": "# pytest --cov-fail-under=10\ntest:\n\tpytest --cov --cov-fail-under=20\n",
            ".github/workflows/ci.yml": "steps:\n- run: coverage report --fail-under=30\n",
            "tox.ini": RAISED_IN["tox.ini"],
        },
    )

    assert [warning.split(" passes")[0] for warning in found.warnings if "command line" in warning] == [
        ".github/workflows/ci.yml line 2",
        "Makefile line 3",
    ]


def test_an_option_without_coverage_switched_on_is_warned_about(tmp_path):
    found = found_in(tmp_path, {"pytest.ini": "[pytest]\naddopts = --cov-fail-under=35\n"})

    assert "without --cov" in found.warnings[0]


@pytest.mark.parametrize("written", ["150", "nan", "-1", "high", ""])
def test_a_threshold_that_is_no_percentage_is_refused(tmp_path, written):
    with pytest.raises(ThresholdError, match="no number from 0 to 100"):
        found_in(tmp_path, {".coveragerc": f"[report]\nfail_under = {written}\n"})


def test_an_open_quote_in_the_options_is_refused(tmp_path):
    with pytest.raises(ThresholdError, match="Close the quote"):
        found_in(tmp_path, {"pytest.ini": '[pytest]\naddopts = -k "x\n'})


def test_nothing_configured_is_no_threshold(tmp_path):
    assert found_in(tmp_path, {}).model_dump() == {"effective": None, "shadowed": [], "warnings": []}


@pytest.mark.parametrize(
    "text", ["tool = 3\n", "[tool]\npytest = 'x'\n", "[tool.coverage]\nreport = 3\n[tool.pytest]\naddopts = 3\n"]
)
def test_tables_that_are_none_hold_no_threshold(tmp_path, text):
    assert found_in(tmp_path, {"pyproject.toml": text}).effective is None
