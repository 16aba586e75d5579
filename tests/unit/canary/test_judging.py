"""The command `reliability canary`: a verdict without a notebook, its status, and the same one again from a file."""

import gzip
import json
import shutil

import pytest

from reliability.notebook import canary
from reliability.notebook.run import close_run, open_run
from reliability.sources.samples import open_sample

WINDOW = ["-p", "window_minutes=8", "-p", "warmup_minutes=1", "-p", "window_end=2026-11-27T17:05:13Z"]
BEFORE_AFTER = [*WINDOW, "-p", "baseline_window_end=2026-11-27T16:50:00Z"]
NOT_JUDGED = {"schema", "report", "topic", "headline"}  # what a report's JSON has of its own


@pytest.mark.parametrize(
    ("sample", "status", "told"),
    [
        (
            "pass",
            0,
            [
                "PASS: Promote",
                "PASS P95 latency: +",
                "one-sided upper limit",
                "budget +10.0%",
                "on the other hand: P95 latency",
            ],
        ),
        ("fail", 1, ["FAIL: Roll back", "FAIL Error rate: +", "one-sided lower limit"]),
        ("unsure", 3, ["INCONCLUSIVE: Wait", "still needed: P95 latency: "]),
        ("nodata", 4, ["NO_DATA: No result: the canary served no request.", "NO_DATA Enough requests: 0 canary"]),
    ],
)
def test_the_status_is_that_of_the_verdict_and_the_text_tells_why(run, sample, status, told):
    ended, shown = run("--capture", f"sample:{sample}")

    assert ended == status
    assert shown.out.startswith(told[0])
    assert [text for text in told if text not in shown.out] == []
    assert all(line.isprintable() for line in shown.out.splitlines())


@pytest.mark.parametrize(
    ("options", "keep"),
    [
        ([], "kept.json"),
        (["-p", "route_label=route", "-p", "gate_routes=true"], "kept.json.gz"),
        (["-p", "route_label=route", *BEFORE_AFTER], "kept.json.gz"),
        (["-p", 'canary=arm="nobody"'], "kept.json"),
    ],
    ids=["two arms", "gating routes, packed", "before and after", "no traffic"],
)
def test_kept_increments_give_the_same_bytes_again(run, project, options, keep):
    status, judged = run("--capture", "sample:pass", *options, "--keep", keep, "--json")

    again = run("--increments", keep, "--json")

    assert again == (status, judged)
    assert sorted(path.name for path in project.iterdir()) == [keep, "reliability.toml"]


def test_the_noise_that_was_measured_before_stands_in_the_kept_file(run, project):
    run("calibrate", "--capture", "sample:pass", "--to", "noise.json")
    judged = run("--capture", "sample:pass", "-p", "history_file=noise.json", "--keep", "kept.json", "--json")
    (project / "noise.json").unlink()

    assert run("--increments", "kept.json", "--json") == judged
    assert "short-history" in json.loads(judged[1].out)["cautions"]


def test_the_noise_of_another_metric_is_a_fault_of_the_settings(run, project):
    run("calibrate", "--capture", "sample:pass", "--to", "noise.json")
    kept = (project / "noise.json").read_text()
    (project / "noise.json").write_text(kept.replace("http_request_duration_seconds", "rpc_duration_seconds"))

    status, shown = run("--capture", "sample:pass", "-p", "history_file=noise.json")

    assert status == 2
    assert "was measured with the latency metric rpc_duration_seconds" in shown.err


def test_the_command_says_what_the_notebook_says(run, project):
    _, judged = run("--capture", "sample:pass", "-p", "route_label=route", "--json")

    told = json.loads(judged.out)
    noted = close_run(
        open_run("canary_comparison", canary, {"source": "sample:pass", "route_label": "route"}, folder=project)
    ).data
    assert {key: told[key] for key in told.keys() & noted.keys() - NOT_JUDGED - {"provenance"}} == {
        key: noted[key] for key in told.keys() - NOT_JUDGED - {"provenance"}
    }
    assert told["provenance"].items() <= noted["provenance"].items()


def test_other_thresholds_on_kept_increments_are_those_of_a_new_judgement(run):
    run("--capture", "sample:pass", "--keep", "kept.json")
    options = ["-p", "margin_percent=7", "-p", "error_margin_points=0.1", "--json"]

    assert run("--increments", "kept.json", *options) == run("--capture", "sample:pass", *options)


def test_before_and_after_compares_two_windows_of_the_canary(run):
    status, judged = run("--capture", "sample:pass", *BEFORE_AFTER, "--json")

    told = json.loads(judged.out)
    assert status in (0, 3)
    assert told["comparison"] == "before-after"
    assert told["releases"] == {"baseline": "before", "canary": "2.8.0"}
    assert told["provenance"]["baseline_window"] == "2026-11-27T16:42:00Z / 2026-11-27T16:50:00Z"
    assert len({query.partition("[")[0] for query in told["provenance"]["queries"]}) == 1
    assert {"load", "mix"} <= {check["id"] for check in told["checks"]}


def test_a_capture_is_named_from_the_working_directory_a_folder_or_a_bare_body(run, project, monkeypatch):
    shutil.copytree(open_sample("fail").capture.folder, project / "sub" / "copy")
    shutil.copy(project / "sub" / "copy" / "capture.json.gz", project / "sub" / "body.json.gz")
    monkeypatch.chdir(project / "sub")

    assert run("--capture", "copy")[0] == 1
    assert run("--capture", "body.json.gz")[0] == 1


def test_a_config_takes_the_place_of_the_projects_settings(run, project):
    (project / "strict.toml").write_text('[canary]\nsource = "sample:pass"\nmargin_percent = 2.0\n')

    assert run("--config", "strict.toml")[0] == 3
    assert run("--config", "strict.toml", "-p", "margin_percent=10")[0] == 0


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--config", "gone.toml"], 2, "gone.toml is not there"),
        (["--config", "bad.toml"], 2, "bad.toml: canary.margin_percent = 'ten'"),
        (["--config", "torn.toml"], 2, "torn.toml is not valid TOML"),
        (["-p", "margin_procent=5"], 2, "did you mean margin_percent?"),
        (["-p", "margin_percent=ten"], 2, "margin_percent = 'ten'"),
        (["-p", "margin_percent"], 2, "-p name=value"),
        (["--capture", "x", "-p", "source=y"], 2, "both name a source"),
        (["-p", "canary=arm=canary"], 2, "arm=canary"),
        (["--capture", "sample:pass", *WINDOW, "-p", "baseline_window_end=2026-11-27T17:00:00Z"], 2, "begins; choose"),
        (["--capture", "sample:pass", "-p", "baseline_window_end=2026-11-27T16:50:00Z"], 2, "shorter window_minutes"),
        (["--increments", "x.json", "--capture", "y"], 2, "--capture says nothing"),
        (["--json", "plan"], 2, "options stand behind 'plan'"),
        (["-p", "source=prometheus"], 2, "prometheus"),
        (["--capture", "gone"], 4, "gone"),
        (["--increments", "gone.json"], 4, "gone.json could not be read"),
        (["--increments", "bad.toml"], 4, "bad.toml is no whole JSON file"),
        (["--capture", "sample:pass", "-p", "history_file=gone.json"], 4, "gone.json could not be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_ends_with_its_status_and_names_value_place_and_cure(run, project, options, status, told):
    (project / "bad.toml").write_text('[canary]\nmargin_percent = "ten"\n')
    (project / "torn.toml").write_text("[canary\n")

    ended, shown = run(*options)

    assert (ended, told in shown.err + shown.out) == (status, True), shown


def test_what_was_measured_cannot_be_changed_in_kept_increments(run):
    run("--capture", "sample:nodata", "--keep", "kept.json")

    status, shown = run("--increments", "kept.json", "-p", "window_minutes=5")

    assert status == 2
    assert "measured already; what can still be set: margin_percent" in shown.err


def test_missing_evidence_is_json_too(run):
    status, shown = run("--capture", "gone", "--json")

    assert status == 4
    assert json.loads(shown.out)["error"]["slug"] == "missing-evidence"


def test_evidence_that_repeats_a_secret_is_neither_printed_nor_kept(run, project):
    (project / "token").write_text("http_request_duration_seconds")
    (project / "reliability.toml").write_text(
        '[prometheus]\nurl = "http://127.0.0.1:9"\nbearer_token_file = "token"\n[canary]\nsource = "sample:pass"\n'
    )

    status, shown = run("--keep", "kept.json", "--json")

    assert status == 5
    assert "the secret of prometheus.bearer_token_file stands in what the server answered" in shown.err
    assert not shown.out
    assert not (project / "kept.json").exists()


def test_a_control_character_in_a_label_reaches_no_terminal(run, project):
    packed = (open_sample("pass").capture.folder / "capture.json.gz").read_bytes()
    body = gzip.decompress(packed).replace(b'"search"', b'"\\u001b[31msearch"')
    (project / "body.json").write_bytes(body)

    _, judged = run("--capture", "body.json", "-p", "route_label=route", "--keep", "kept.json", "--json")
    _, text = run("--increments", "kept.json")

    assert "\\u001b[31msearch" in judged.out
    assert all(line.isprintable() for line in text.out.splitlines())
