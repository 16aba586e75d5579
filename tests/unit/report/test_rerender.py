"""A run made before the workbench (at its last commit, kept under tests/data) still reads, gates and renders."""

import json
import re
import shutil
from pathlib import Path

import pytest

from reliability import cli
from reliability.errors import BrokenEvidenceError
from reliability.report.results import ReportJson, read_result

OLD = Path(__file__).parents[2] / "data" / "runs" / "20261126T213059Z-6f97"
REPORTS = ("canary_comparison", "phase_progress", "rollback_readiness")


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability.toml").touch()
    shutil.copytree(OLD, tmp_path / "outputs" / "runs" / OLD.name)
    return tmp_path / "outputs"


def names(outputs):
    return {path.name for path in (outputs / "runs" / OLD.name).iterdir()}


def test_an_old_run_is_rendered_in_both_languages_and_indexed_without_a_kernel(outputs, capsys):
    status = cli.run(["render"])

    assert status == 0
    assert names(outputs) == {f"{name}.{end}" for name in REPORTS for end in ("ipynb", "json", "html", "es.html")}
    pages = {path.name: path.read_text(encoding="utf-8") for path in outputs.rglob("*.html")}
    assert "Promote: latency and errors stay inside the budget." in pages["canary_comparison.html"]
    assert '<html lang="es"' in pages["rollback_readiness.es.html"]
    for name in REPORTS:
        assert pages[f"{name}.html"].count("<section") >= 4
        assert "cannot be shown here" not in pages[f"{name}.html"]
        assert f'href="runs/{OLD.name}/{name}.html"' in pages["index.html"]
    assert capsys.readouterr().out.splitlines()[-1] == "outputs/index.html"


def test_one_report_of_a_named_run_is_rendered_and_another_main_language_names_its_pages_anew(outputs):
    (outputs.parent / "reliability.toml").write_text('language = "es"\n')

    assert cli.run(["render", "rollback", "--run", OLD.name]) == 0
    assert {name for name in names(outputs) if name.endswith("html")} == {
        "rollback_readiness.html",
        "rollback_readiness.en.html",
    }


def test_an_old_run_is_gated_when_it_is_named(outputs, capsys):
    assert cli.run(["gate", "--run", OLD.name]) == 0
    assert "canary_comparison (sample pass): PASS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["render", "--run", "20200101T000000Z-abcd"], 4, "holds no run 20200101T000000Z-abcd. Newest runs: 2026"),
        (["render", "capacity"], 2, "there is no report 'capacity'"),
        (["render", "--out", "nowhere"], 4, "Make one with: reliability report"),
    ],
)
def test_what_is_not_there_is_named(outputs, capsys, arguments, status, message):
    assert cli.run(arguments) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", None], ids=["empty", "foreign", "missing"])
def test_a_stored_notebook_that_cannot_be_read_is_no_data(outputs, capsys, text):
    path = outputs / "runs" / OLD.name / "canary_comparison.ipynb"
    path.unlink() if text is None else path.write_text(text)

    assert cli.run(["render"]) == 4
    assert "canary_comparison.ipynb" in capsys.readouterr().err


def test_the_schema_of_a_report_is_printed(capsys):
    assert cli.run(["schema", "report"]) == 0

    schema = json.loads(capsys.readouterr().out)
    assert set(schema["required"]) >= {"schema", "report", "run_id", "verdict", "made_at", "provenance"}
    assert schema["additionalProperties"] is True


def test_the_schema_of_the_settings_is_the_default(capsys):
    printed = []
    for arguments in (["schema"], ["schema", "settings"]):
        assert cli.run(arguments) == 0
        printed.append(capsys.readouterr().out)

    assert printed[0] == printed[1]
    assert "margin_percent" in printed[0]


@pytest.mark.parametrize(
    "field", sorted(name for name, field in ReportJson.model_fields.items() if field.is_required())
)
def test_a_report_that_misses_what_every_report_holds_is_broken_and_says_what(tmp_path, field):
    key = ReportJson.model_fields[field].alias or field
    data = json.loads((OLD / "canary_comparison.json").read_text(encoding="utf-8"))
    path = tmp_path / "canary_comparison.json"
    path.write_text(json.dumps({name: value for name, value in data.items() if name != key}))

    with pytest.raises(BrokenEvidenceError, match=rf"no report of ours .*: {re.escape(key)} is missing"):
        read_result(path)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"verdict": "GREAT"}, "verdict"),
        ({"report": "../x"}, "report"),
        ({"figures": [{"id": "p95"}]}, "figures.0.verdict"),
        ({"cautions": "none"}, "cautions"),
        ({"title": {"en": "only"}}, "title"),
        ({"provenance": []}, "provenance"),
    ],
)
def test_a_field_of_another_kind_is_broken_and_named(tmp_path, change, place):
    data = json.loads((OLD / "canary_comparison.json").read_text(encoding="utf-8"))
    path = tmp_path / "canary_comparison.json"
    path.write_text(json.dumps({**data, **change, "more": {"is": "welcome"}}))

    with pytest.raises(BrokenEvidenceError, match=re.escape(f": {place}")):
        read_result(path)


def test_data_of_the_old_run_name_no_place_of_the_machine_that_made_it():
    for path in OLD.iterdir():
        assert not re.search(r"/(home|root|tmp|work)/", path.read_text(encoding="utf-8")), path.name
