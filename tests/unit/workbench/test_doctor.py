import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from reliability import cli
from reliability.settings import FILE_NAME, PrometheusSettings, Settings
from reliability.workbench.finding import NO_DATA, RUN_ERROR, SETTINGS, fault, note, ok, status_of
from reliability.workbench.local_checks import check_kernel, check_outputs, check_secrets
from tests.fake_query_api import FakeQueryApi, serving, target

ARMS = """
[canary]
source = "prometheus"
baseline = 'track="stable", job="api"'
canary = 'track="canary", job="api"'
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shop(**options: Any) -> FakeQueryApi:
    baseline = target({"job": "api", "instance": "a:1", "track": "stable"}, **options)
    canary = target({"job": "api", "instance": "b:1", "track": "canary"}, **options)
    return FakeQueryApi(series=[*baseline, *canary])


@contextmanager
def settings(api: FakeQueryApi, folder: Path, canary: str = ARMS, prometheus: str = "") -> Iterator[None]:
    with serving(api) as url:
        (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "{url}"\n{prometheus}{canary}', encoding="utf-8")
        yield


def seen(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    status = cli.run(["doctor", "--json", *options])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["status"] == status
    return status, document


def findings(document: dict[str, Any], level: str) -> list[str]:
    return [
        f"{finding['subject']}: {finding['text']} / {finding['cure']}"
        for finding in document["findings"]
        if finding["level"] == level
    ]


def test_a_healthy_project_has_no_fault_and_shows_each_query_with_what_matched(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    api = shop(bounds=("0.29", "0.3", "0.32", "+Inf"))
    with settings(api, folder):
        assert cli.run(["doctor"]) == 0

    printed = capsys.readouterr().out
    queries = [line.split("query: ")[1] for line in printed.splitlines() if "query: " in line]
    assert len(queries) == 2
    assert set(queries) <= set(api.queries)
    assert "ok    canary: 4 bucket series and 2 counters of b:1; " in printed
    assert "every 15 s" in printed
    assert "code: 200, 500" in printed
    assert "the P95 lies between 0.3 and 0.32 s, a fine bucket" in printed
    assert "cure" not in printed
    assert printed.endswith("ok    works now: reliability report canary\n")


def test_without_settings_the_sample_is_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / ".git").mkdir()

    status, document = seen(capsys)

    assert status == 0
    assert findings(document, "note")[0].startswith("settings: there is no reliability.toml")
    assert document["command"] == "reliability report canary"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[canary]\nmargin_procent = 5.0\n", "did you mean"),
        ('[canary]\nsource = "prometheus"\n', "no address is set"),
        (f'[prometheus]\nurl = "http://127.0.0.1:9"\n{ARMS}canary_release = 5\n', "canary_release"),
        ('[canary]\nbaseline = "foo"\n', "foo"),
    ],
    ids=["unknown key", "no address", "wrong type", "no matcher"],
)
def test_wrong_settings_end_with_status_2(text: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / FILE_NAME).write_text(text, encoding="utf-8")

    status, document = seen(capsys)

    assert status == 2
    assert words in findings(document, "fault")[0]


def test_an_arm_that_serves_nothing_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = FakeQueryApi(series=target({"job": "api", "instance": "a:1", "track": "stable"}))
    api.series += target({"job": "api", "instance": "b:1", "track": "canary"}, per_second=0)
    with settings(api, folder):
        status, document = seen(capsys)

    assert status == 4
    assert "The canary served no request." in findings(document, "fault")[0]
    assert document["command"] is None


def test_requests_are_counted_as_the_report_counts_them(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder):
        document = seen(capsys)[1]

    (counts,) = [text for text in findings(document, "ok") if text.startswith("counts: ")]
    for arm in ("baseline", "canary"):
        found = re.search(rf"{arm} (\d+) requests, (\d+) of them failed", counts)
        assert found
        assert int(found[1]) == pytest.approx(2 * 30 * 60, rel=0.02)
        assert int(found[2]) == pytest.approx(0.02 * 30 * 60, abs=2)


def test_a_counter_of_other_requests_is_a_note(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop()
    for track, instance in (("stable", "a:1"), ("canary", "b:1")):
        labels = {"job": "api", "instance": instance, "track": track, "kind": "retry"}
        api.series += [each for each in target(labels) if each[0]["__name__"] == "http_requests_total"]
    with settings(api, folder):
        status, document = seen(capsys)

    assert status == 0
    assert "counts: The request counter and the histogram disagree by more than 1%." in findings(document, "note")[0]


def test_a_server_that_the_canary_does_not_use_is_looked_at_too(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder, canary=""):
        status, document = seen(capsys)

    assert status == 0
    assert "source: canary.source is sample:pass, not this server" in findings(document, "note")[0]
    assert document["command"] == "reliability report canary"


def test_a_recording_is_looked_at_though_the_server_is_gone(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / FILE_NAME).write_text('[prometheus]\nurl = "http://127.0.0.1:9"\n', encoding="utf-8")

    status, document = seen(capsys)

    assert status == 4
    assert "Connection refused" in findings(document, "fault")[0]
    assert document["command"] == "reliability report canary"


def test_nobody_is_asked_offline(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop()
    with settings(api, folder):
        status, document = seen(capsys, "--offline")

    assert status == 0
    assert api.queries == []
    assert "server: not asked: offline / " in findings(document, "note")


def test_a_server_that_is_not_there_is_no_data(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / FILE_NAME).write_text(f'[prometheus]\nurl = "http://127.0.0.1:9"\n{ARMS}', encoding="utf-8")

    status, document = seen(capsys)

    assert status == 4
    assert "Connection refused" in findings(document, "fault")[0]


def test_a_token_that_is_not_accepted_is_named_but_never_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-of-the-shop")
    api = shop()
    api.token = "another"  # noqa: S105 -- of a fake
    with settings(api, folder, prometheus='bearer_token_variable = "SHOP_TOKEN"\n'):
        status, document = seen(capsys)

    assert status == 4
    assert "did not accept the credentials" in findings(document, "fault")[0]
    assert any("environment variable SHOP_TOKEN holds one" in text for text in findings(document, "ok"))
    assert "hunter2" not in json.dumps(document)


@pytest.mark.parametrize("ahead", [-30.0, 30.0])
def test_clocks_that_disagree_are_a_fault(ahead: float, folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop()
    api.ahead_seconds = ahead
    with settings(api, folder):
        status, document = seen(capsys)

    assert status == 4
    assert "the server is 30.0 s" in findings(document, "fault")[0]


def test_a_value_that_does_not_exist_is_a_fault_with_those_that_do(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder, ARMS.replace('track="canary"', 'track="Canary"')):
        status, document = seen(capsys)

    assert status == 4
    (empty,) = [finding for finding in document["findings"] if finding["level"] == "fault"]
    assert 'track="Canary" matches none of track: canary, stable' in empty["details"]
    assert 'job="api" matches job: api' in empty["details"]
    assert document["command"] is None


def test_a_histogram_that_does_not_exist_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder, ARMS + 'latency_metric = "nothing_seconds"\n'):
        status, document = seen(capsys)

    assert status == 4
    assert "there is no histogram nothing_seconds" in findings(document, "fault")[0]


def test_a_counter_that_does_not_exist_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder, ARMS + 'requests_metric = "nothing_total"\n'):
        status, document = seen(capsys)

    assert status == 4
    assert "NAME_count of the histogram serves when" in findings(document, "fault")[0]


def test_a_status_label_that_no_counter_has_would_make_every_request_a_good_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    with settings(shop(status_label="status"), folder):
        status, document = seen(capsys)

    assert status == 2
    assert "asks for code, which no series of http_requests_total has" in findings(document, "fault")[0]
    assert "instance, job, status, track" in findings(document, "fault")[0]


class FewRepeats(FakeQueryApi):
    """Refuses long repetitions in regular expressions, as RE2 does."""

    def answer(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        if "{2000}" in form.get("query", ""):
            return {
                "status": "error",
                "errorType": "bad_data",
                "error": "parse error: invalid repeat count",
            }
        return super().answer(path, form)


def test_a_query_that_the_server_refuses_names_the_option_at_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    arms = ARMS.replace('track="stable"', 'track=~"stable|a{2000}"')
    with settings(FewRepeats(series=shop().series), folder, arms):
        status, document = seen(capsys)

    assert status == 2
    (cure,) = [finding["cure"] for finding in document["findings"] if finding["level"] == "fault"]
    assert "canary.baseline" in cure
    assert "canary.canary" not in cure


def test_a_fault_of_the_environment_is_mended_there(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RELIABILITY_CANARY_MARGIN_PERCENT", "much")

    assert "mend RELIABILITY_CANARY_MARGIN_PERCENT in the environment" in findings(seen(capsys)[1], "fault")[0]


def test_series_in_both_arms_are_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder, ARMS.replace('track="stable", ', "")):
        status, document = seen(capsys)

    assert status == 2
    assert "belongs to the baseline and to the canary" in findings(document, "fault")[0]


def test_targets_that_differ_in_a_label_nobody_selected_are_a_note(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop()
    api.series += target({"job": "api", "instance": "b:2", "track": "canary", "version": "1.1"})
    with settings(api, folder):
        status, document = seen(capsys)

    assert status == 0
    mixed, _ = findings(document, "note")
    assert mixed.startswith("canary: its targets differ in version, which no matcher selects: (none), 1.1")
    assert mixed.endswith('select one with version="...", unless both belong to the arm')


def test_bounds_that_differ_are_a_note_and_none_in_common_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = FakeQueryApi(series=target({"job": "api", "instance": "a:1", "track": "stable"}))
    other = {"job": "api", "instance": "b:1", "track": "canary"}
    whole = api.series
    api.series = whole + target(other, bounds=("0.1", "0.25", "0.4", "+Inf"))
    with settings(api, folder):
        assert "The histograms have different bounds" in findings(seen(capsys)[1], "note")[0]

    api.series = whole + target(other, bounds=("1", "2", "3", "+Inf"))
    with settings(api, folder):
        status, document = seen(capsys)

    assert status == 4
    assert "The two arms use different bucket bounds." in findings(document, "fault")[0]


def test_a_coarse_bucket_is_a_note_in_the_words_of_init(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(bounds=("100", "200", "400", "+Inf")), folder, ARMS + 'latency_unit = "milliseconds"\n'):
        assert cli.run(["doctor"]) == 0

    seen = "the P95 lies between 200 and 400 ms, a coarse bucket: only large changes can be judged"
    assert f"note  bounds: {seen}\n      cure: let the service count at more bounds" in capsys.readouterr().out


def test_a_unit_that_is_not_plausible_is_a_note(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(bounds=("5", "100", "5000", "+Inf")), folder):
        status, document = seen(capsys)

    assert status == 0
    assert "they look like milliseconds / mend canary.latency_unit" in findings(document, "note")[0]


def test_a_warning_of_the_server_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop()
    api.warnings = ["a store is down"]
    with settings(api, folder):
        status, document = seen(capsys)

    assert status == 4
    assert "the server warns: a store is down" in findings(document, "fault")[0]


def test_too_little_history_gives_the_command_that_works_now(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(minutes=10), folder):
        status, document = seen(capsys)

    assert status == 0
    assert re.fullmatch(r"reliability report canary -p window_minutes=9\.\d+ -p warmup_minutes=1", document["command"])
    assert "samples of both arms go back 10.0 / " in findings(document, "note")[0]


def test_a_window_within_the_warm_up_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]):
    with settings(shop(), folder, ARMS + "window_minutes = 3.0\n"):
        status, document = seen(capsys)

    assert status == 2
    assert "leaves nothing behind the warm-up of 5 minutes" in findings(document, "fault")[0]


def test_scrapes_that_have_hardly_begun_are_a_fault_with_the_time_to_wait(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    with settings(shop(minutes=0.5), folder):
        status, document = seen(capsys)

    assert status == 4
    assert re.search(r"wait 4\d s", findings(document, "fault")[0])


def test_the_worst_fault_gives_the_status():
    data, machine = (fault("x", "y", cure="z", status=status) for status in (NO_DATA, RUN_ERROR))

    assert status_of([ok("x", "y"), note("x", "y")]) == 0
    assert status_of([data, machine]) == RUN_ERROR
    assert status_of([data, machine, fault("x", "y", cure="z", status=SETTINGS)]) == SETTINGS


@pytest.mark.parametrize(
    ("program", "level"), [(sys.executable, "ok"), ("/nowhere/python", "fault")], ids=["there", "gone"]
)
def test_a_kernel_needs_its_program(program: str, level: str):
    class Found(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=[program])

    assert check_kernel(Found()).level == level


def test_no_kernel_is_a_fault():
    class Without(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            raise NoSuchKernel(kernel_name)

    assert "pip install ipykernel" in check_kernel(Without()).cure


def test_outputs_that_cannot_be_written_are_a_fault(tmp_path: Path):
    (tmp_path / "outputs").write_text("a file")

    assert check_outputs(tmp_path / "outputs").level == "fault"
    assert check_outputs(tmp_path / "new" / "outputs").level == "ok"
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


@pytest.mark.parametrize(
    ("url", "level"),
    [("http://127.0.0.1:9090", None), ("http://metrics.example", "fault"), ("https://metrics.example", None)],
)
def test_credentials_never_travel_in_the_open(url: str, level: str | None, tmp_path: Path):
    chosen = PrometheusSettings(url=url, bearer_token_variable="SHOP_TOKEN")  # noqa: S106 -- a name

    found = check_secrets(Settings(prometheus=chosen), project=tmp_path, environ={"SHOP_TOKEN": "hunter2"})

    assert [finding.level for finding in found if finding.subject == "encryption"] == ([level] if level else [])
    assert "hunter2" not in str(found)


def test_a_secret_that_is_too_short_to_be_told_from_other_text_gets_a_note(tmp_path: Path):
    prometheus = PrometheusSettings(url="https://metrics.example", bearer_token_variable="SHOP_TOKEN")  # noqa: S106 -- a name
    chosen = Settings(prometheus=prometheus)

    levels = {
        value: [finding.level for finding in check_secrets(chosen, project=tmp_path, environ={"SHOP_TOKEN": value})]
        for value in ("1234567", "12345678")
    }

    assert levels == {"1234567": ["note"], "12345678": ["ok"]}


def test_a_secret_that_is_missing_is_a_fault_that_names_its_place(tmp_path: Path):
    chosen = PrometheusSettings(url="https://metrics.example", username="ana", password_file="gone")  # noqa: S106

    (found,) = check_secrets(Settings(prometheus=chosen), project=tmp_path, environ={})

    assert (found.level, found.status) == ("fault", SETTINGS)
    assert "prometheus.password_file: the file gone" in found.text
