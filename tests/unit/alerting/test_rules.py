"""Alert rules: the template filled in, Prometheus' own braces untouched, impossible limits refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import UndefinedError

from reliability import cli
from reliability.alerting import rules
from reliability.alerting.rules import AlertLimits, render_rules
from reliability.errors import ParameterError


def alerts(text: str) -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_every_alert_says_what_happened_what_to_do_and_where_to_read_on() -> None:
    found = alerts(render_rules(AlertLimits(runbook_url="https://x.example/r")))

    assert set(found) == {
        "ReliabilityCircuitNotClosed", "ReliabilitySessionsTooMany", "ReliabilitySessionsAbsent",
        "ReliabilityLocksRefused", "ReliabilityLockStoreFailing",
    }  # fmt: skip
    for rule in found.values():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_without_an_address_of_a_runbook_none_is_made_up() -> None:
    assert all(set(rule["annotations"]) == {"summary", "description"} for rule in alerts(render_rules()).values())


def test_the_braces_of_prometheus_stay_and_ours_are_gone() -> None:
    text = render_rules()

    assert "{{ $labels.name }}" in text
    assert "[[" not in text
    assert "]]" not in text


def test_limits_reach_the_rules() -> None:
    limits = AlertLimits(
        circuit_open_for="3s", sessions_at_most=7, lock_range="30s", runbook_url='https://x.example/"a"'
    )

    found = alerts(render_rules(limits))

    assert found["ReliabilityCircuitNotClosed"]["for"] == "3s"
    assert found["ReliabilitySessionsTooMany"]["expr"].endswith("> 7")
    assert "[30s]" in found["ReliabilityLocksRefused"]["expr"]
    assert found["ReliabilityLocksRefused"]["annotations"]["runbook_url"] == 'https://x.example/"a"'


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"circuit_open_for": "a while"}, "circuit_open_for = 'a while'.*for example 30s"),
        ({"lock_range": "0m"}, "lock_range = '0m'"),
        ({"runbook_url": "README.md#alerts"}, "runbook_url = 'README.md#alerts'.*write https://"),
        ({"runbook_url": "https://{{ .Unclosed"}, "without spaces and braces"),
        ({"runbook_url": "https://two\nlines"}, "without spaces and braces"),
        ({"conflicts_fraction": 50.0}, "conflicts_fraction = 50.0 is no share"),
        ({"sessions_at_most": 0}, "sessions_at_most = 0"),
        ({"failures_at_least": 0}, "failures_at_least = 0"),
    ],
)
def test_an_impossible_limit_is_refused(limits: dict[str, Any], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        AlertLimits(**limits)


def test_a_name_that_the_template_has_and_nobody_gives_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / rules.TEMPLATE).write_text("for: [[ no_such_limit ]]")
    monkeypatch.setattr(rules, "shipped_folder", lambda _: tmp_path)

    with pytest.raises(UndefinedError, match="no_such_limit"):
        render_rules()


def test_the_command_prints_the_rules_or_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rules.yml"

    assert cli.run(["alerts", "render"]) == 0
    assert capsys.readouterr().out == render_rules()

    arguments = ["--out", str(out), "--sessions-at-most", "9", "--runbook", "https://x.example/r"]
    assert cli.run(["alerts", "render", *arguments]) == 0
    assert out.read_text() == render_rules(AlertLimits(sessions_at_most=9, runbook_url="https://x.example/r"))


def test_the_command_refuses_an_impossible_limit_with_the_status_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["alerts", "render", "--sessions-at-most", "0"]) == 2

    assert "sessions_at_most = 0" in capsys.readouterr().err
