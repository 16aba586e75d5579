"""An analyst's own checks and queries: how they are shown, and what they do to the verdict."""

import json
import textwrap

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability import notebook as nb
from reliability.errors import ParameterError, PrometheusRefusedError, SettingsError, UsageError
from reliability.notebook import canary, own
from reliability.notebook.block import Block
from reliability.notebook.own_checks import judge_own
from reliability.notebook.run import close_run, open_run
from reliability.report.verdict_view import headline, lead, next_steps
from reliability.report.words import LANGUAGES, words_in
from reliability.sources.samples import open_sample
from reliability.verdicts import Verdict
from tests.fakes import ManualClock
from tests.fault_server import FaultServer, answers, closed_port
from tests.unit.notebook.evidence import NASTY

VECTOR = {"resultType": "vector", "result": [{"metric": {"zone": "a"}, "value": [0, "7"]}]}
SUCCESS = {"status": "success", "data": VECTOR}
LONG = "a name of very many words that no headline in any language could ever hold at all"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "reliability.toml").touch()
    return tmp_path


def opened(project, topic=own, **parameters):
    return open_run("mine", topic, parameters, folder=project, clock=ManualClock())


def report(run):
    return json.loads(json.dumps(dict(close_run(run).data), allow_nan=False))


def shown(block):
    return str(block._repr_mimebundle_()["text/html"])


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.9, "PASS"), (2, "PASS"), (2.1, "FAIL"), (None, "NO_DATA"), (float("nan"), "NO_DATA")]
)
def test_an_own_check_decides_an_own_report(project, value, verdict):
    run = opened(project)
    nb.check(run, "Refunds per minute", value, at_most=2)

    made = report(run)

    assert (made["verdict"], made["reason"], made["topic"]) == (verdict, "own-check", "own")
    assert made["checks"][0]["values"] == {
        "name": "Refunds per minute", "value": None if verdict == "NO_DATA" else value, "at_most": 2, "at_least": None,
    }  # fmt: skip


@given(value=st.floats(allow_nan=False, allow_infinity=False), low=st.floats(-1e9, 0), high=st.floats(0, 1e9))
def test_a_value_passes_only_between_its_limits(value, low, high):
    made = judge_own("x", value, at_most=high, at_least=low)

    assert (made.verdict is Verdict.PASS) == (low <= value <= high)


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf"), pd.NA, pd.Series(dtype=float).max()])
def test_what_was_not_measured_is_no_data(missing):
    assert judge_own("x", missing, at_most=1, at_least=None).verdict is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"name": " ", "value": 1, "at_most": 1}, "has no name"),
        ({"name": "x", "value": 1}, "are no limit"),
        ({"name": "x", "value": 1, "at_most": float("nan")}, "are no limit"),
        ({"name": "x", "value": 1, "at_most": 1, "at_least": 2}, "are no limit"),
        ({"name": "x", "value": "many", "at_most": 1}, "a str is no number"),
        ({"name": "x", "value": pd.DataFrame({"a": [1]}), "at_most": 1}, "a DataFrame is no number"),
    ],
)
def test_a_check_that_cannot_be_meant_is_refused(project, arguments, named):
    with pytest.raises(ParameterError, match=named):
        nb.check(opened(project), **arguments)


def test_a_notebook_that_checks_nothing_is_no_data(project):
    made = report(opened(project))

    assert (made["verdict"], made["reason"], made["sample"]) == ("NO_DATA", "no-checks", None)
    assert "checks nothing" in made["headline"]


def test_a_cell_that_runs_again_replaces_its_check(project):
    run = opened(project)
    nb.check(run, "x", 3, at_most=2)
    nb.check(run, "x", 1, at_most=2)

    assert [check["verdict"] for check in report(run)["checks"]] == ["PASS"]


@pytest.mark.parametrize(
    ("sample", "value", "verdict", "reason"),
    [
        ("pass", 1, "PASS", "inside-budget"),
        ("pass", 3, "FAIL", "own-check"),
        ("pass", None, "NO_DATA", "own-check"),
        ("fail", 3, "FAIL", "over-budget-both"),
        ("unsure", 3, "FAIL", "own-check"),
        ("unsure", 1, "INCONCLUSIVE", "not-enough-evidence"),
    ],
)
def test_an_own_check_joins_the_verdict_of_its_report(project, sample, value, verdict, reason):
    run = opened(project, canary, source=f"sample:{sample}")
    nb.check(run, "x", value, at_most=2)

    made = report(run)

    assert (made["verdict"], made["reason"]) == (verdict, reason)
    assert made["checks"][-1]["id"] == "own:x"


def test_a_hostile_name_is_shown_as_text(project):
    run = opened(project)

    html = shown(nb.check(run, NASTY, 3, at_most=2)) + shown(nb.finish(run))

    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("value", [1, 3, None])
def test_headline_and_lead_name_the_check_and_stay_short(project, value, language):
    run = opened(project)
    for name in (LONG, f"another {LONG}"):
        nb.check(run, name, value, at_most=2)
    made = report(run)

    said = headline(made, language=language)

    assert len(said.split()) <= 13
    assert len(lead(made, language=language).split()) <= 35
    assert next_steps(made, words_in(language))
    assert ("a name of very many words…" in said) == (value != 1)


def test_parameters_of_the_notebook_are_kept_and_a_misspelt_one_is_refused(project):
    made = report(opened(project, market="north", margin_percent=5.0))

    assert made["parameters"] == {"margin_percent": 5.0, "market": "north"}
    with pytest.raises(ParameterError, match="'margin_percnt'; did you mean 'margin_percent'"):
        opened(project, margin_percnt=5.0)
    for foreign in (["north"], float("nan"), float("inf"), pd.DataFrame({"market": [1, 2]})):
        with pytest.raises(ParameterError, match=r"market is a \w+ that no report can keep"):
            opened(project, market=foreign)


def test_a_parameter_named_like_a_secret_is_refused_and_its_value_is_not_repeated(project):
    with pytest.raises(
        ParameterError, match=r"nb.start of mine: .*'api_key' may hold no secret.*\[prometheus\]"
    ) as told:
        opened(project, api_key="hunter2-hunter2")

    assert "hunter2" not in str(told.value)


def test_a_report_that_names_a_path_is_refused(project):
    with pytest.raises(ParameterError, match="names no report"):
        open_run("../elsewhere", own, {}, folder=project)


def test_a_plain_selector_is_answered_from_the_recorded_samples(project):
    run = opened(project, source="sample:pass")
    recorded = open_sample("pass").capture.answer

    now, course = nb.promql(run, "up"), nb.promql(run, 'up{arm="canary"}', step_seconds=60)
    raw = nb.promql(run, '{__name__="up", arm=~"can.*"}[1m]')

    assert set(now["value"]) == {1.0}
    assert len(now) == sum(series.name == "up" for series in recorded.series)
    assert set(course["arm"]) == {"canary"}
    assert course["time"].diff().dropna().min() <= pd.Timedelta(60, "s")
    assert (raw["time"].max() - raw["time"].min()) <= pd.Timedelta(60, "s")
    assert report(run)["provenance"]["queries"] == ["up", 'up{arm="canary"}', '{__name__="up", arm=~"can.*"}[1m]']
    assert "This notebook: 5 series, 5 samples" in shown(nb.queries(run))
    assert report(run)["sample"] == "pass"


@pytest.mark.parametrize(
    "query", ["sum(up)", "rate(up[5m])", "up offset 5m", "up + up", 'up{a="b"} or up{a="c"}', "1", "", "up{arm=canary}"]
)
def test_a_recording_says_that_it_answers_no_expression_and_who_does(project, query):
    with pytest.raises(UsageError, match="source = prometheus"):
        nb.promql(opened(project, source="sample:pass"), query)


@pytest.mark.parametrize(("query", "step"), [("up[5m]", 60), ("up", 0), ("up", float("nan"))])
def test_a_step_that_fits_no_evaluation_is_refused(project, query, step):
    with pytest.raises(UsageError, match="step"):
        nb.promql(opened(project, source="sample:pass"), query, step_seconds=step)


def test_a_report_without_metrics_has_no_queries(project):
    with pytest.raises(ParameterError, match="no source of metrics"):
        nb.promql(nb.start("rollback_readiness"), "up")


def test_any_query_goes_to_the_server_and_works_offline_later(project):
    with FaultServer(answers(SUCCESS)) as server:
        run = opened(project, source=server.url)
        live = nb.promql(run, "sum by (zone) (rate(x[5m]))")
        nb.check(run, "x", live["value"].max(), at_most=9)
        told = report(run)

    replayed = opened(project, source="outputs/answers/mine")
    again = nb.promql(replayed, "sum by (zone) (rate(x[5m]))")

    pd.testing.assert_frame_equal(again, live)
    assert (told["verdict"], told["provenance"]["source"]) == ("PASS", "Prometheus")
    assert report(replayed)["as_of"] == told["as_of"]
    assert nb.promql(replayed, "another").empty
    assert (report(replayed)["verdict"], report(replayed)["reason"]) == ("NO_DATA", "own-query")


def test_stored_answers_whose_parameters_were_changed_are_broken_evidence(project):
    with FaultServer(answers(SUCCESS)) as server:
        nb.promql(opened(project, source=server.url), "x")
    index = project / "outputs" / "answers" / "mine" / "answers.json"
    index.write_text(index.read_text().replace('"window_minutes": 35.0', '"window_minutes": "long"'))

    made = report(opened(project, source="outputs/answers/mine"))

    assert (made["verdict"], made["reason"]) == ("NO_DATA", "broken-evidence")
    assert "window_minutes" in made["error"]["message"]


def test_a_warning_of_the_server_decides_nothing(project):
    with FaultServer(answers({**SUCCESS, "warnings": [NASTY]})) as server:
        run = opened(project, source=server.url)
        value = nb.promql(run, "x")["value"].max()
    nb.check(run, "x", value, at_most=9)

    made = report(run)

    assert (made["verdict"], made["reason"]) == ("INCONCLUSIVE", "server-warning")
    assert made["checks"][0]["values"]["warnings"] == [NASTY]
    assert "no warning from the server" in shown(Block(kind="checks", data={"checks": made["checks"]}))


def test_a_query_that_does_not_parse_raises_with_the_words_of_the_server(project):
    body = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}
    with (
        FaultServer(answers(body, status=400)) as server,
        pytest.raises(PrometheusRefusedError, match="unexpected end"),
    ):
        nb.promql(opened(project, source=server.url), "sum(")


def test_a_server_that_is_down_is_no_data_and_is_then_left_alone(project, capsys):
    run = opened(project, source=f"http://127.0.0.1:{closed_port()}")

    first, second = nb.promql(run, "up"), nb.promql(run, "up", step_seconds=60)
    nb.check(run, "x", first["value"].max(), at_most=1)

    made, said = report(run), capsys.readouterr().out
    assert first.empty
    assert second.empty
    assert (made["verdict"], made["reason"]) == ("NO_DATA", "own-query")
    assert said.index("prometheus-unreachable") < said.index("breaker-open")


def test_a_comparison_without_its_server_is_no_data_and_its_cells_still_run(project, capsys):
    run = opened(project, canary, source=f"http://127.0.0.1:{closed_port()}")

    nb.check(run, "x", nb.promql(run, "up")["value"].max(), at_most=1)

    made = report(run)
    assert (made["verdict"], made["reason"]) == ("NO_DATA", "prometheus-unreachable")
    assert "prometheus-unreachable" in capsys.readouterr().out


def test_prometheus_without_an_address_is_a_fault_of_the_settings(project):
    with pytest.raises(SettingsError, match=r"\[prometheus\]"):
        opened(project, source="prometheus")


def test_the_examples_of_the_public_functions_work(project, monkeypatch):
    monkeypatch.chdir(project)
    course = {"resultType": "matrix", "result": [{"metric": {"arm": "canary"}, "values": [[0, "7"], [60, "8"]]}]}
    names = {"nb": nb, "run": opened(project, canary)}
    with FaultServer(answers({"status": "success", "data": course})) as server:
        (project / "reliability.toml").write_text(f'[prometheus]\nurl = "{server.url}"\n')
        for function in (nb.frame, nb.check, nb.start, nb.promql):
            _, _, example = str(function.__doc__).partition("::\n")
            exec(textwrap.dedent(example), names)  # noqa: S102 -- our own text

    assert names["increments"]["requests"].sum() > 0
    assert names["run"].parameters["margin_percent"] == 5.0
    assert list(names["rates"]["value"]) == [7.0, 8.0]


def test_an_unknown_topic_is_refused(project, monkeypatch):
    monkeypatch.chdir(project)

    with pytest.raises(ParameterError, match="canary, phase, rollback, own"):
        nb.start("mine", topic="latency")
