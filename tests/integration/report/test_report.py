"""The main job from the command line: real kernels, real pages, real exit statuses."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from reliability import cli
from reliability import notebook as nb
from reliability.sources.samples import open_sample

pytestmark = pytest.mark.integration

SECONDS = 120
ROOM_BYTES = 8192


def start(project, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "reliability", *arguments],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(project, *arguments, **options):
    process = start(project, *arguments, **options)
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def gate(project, *names):
    """Judge in this process; that a process ends with this status is shown once."""
    with contextlib.chdir(project):
        return cli.run(["gate", *names])


def read_results(project):
    (folder,) = (project / "outputs" / "runs").iterdir()
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


def left_overs(project):
    return [path for path in project.rglob("*") if path.name.startswith(".") and path.is_file()]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "reliability.toml").touch()
    return tmp_path


@pytest.fixture(scope="module")
def sample_project(tmp_path_factory):
    project = tmp_path_factory.mktemp("sample")
    (project / "reliability.toml").touch()
    status, out, err = run(project, "report")
    assert status == 0, err
    return project, out, err


def test_one_command_makes_all_pages_in_both_languages(sample_project):
    project, out, _ = sample_project
    (folder,) = (project / "outputs" / "runs").iterdir()

    names = {path.name for path in folder.iterdir()}

    reports = ("canary_comparison", "phase_progress", "rollback_readiness")
    files = {f"{report}.{end}" for report in reports for end in ("ipynb", "json", "html", "es.html")}
    assert names == files | {"canary_comparison.increments.json.gz"}
    assert {path.name for path in (project / "outputs").glob("*.html")} == {"index.html", "index.es.html"}
    assert "outputs/index.html" in out
    assert left_overs(project) == []


def test_results_go_to_stdout_and_progress_to_stderr(sample_project):
    _, out, err = sample_project

    assert re.search(r"^canary_comparison: PASS: \S", out, re.MULTILINE)
    assert re.search(r"canary_comparison: PASS in \d+\.\d s", err)
    assert "running" not in out


def test_pages_ask_for_nothing_from_outside_and_run_no_script(sample_project):
    project, _, _ = sample_project

    for page in (project / "outputs").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
        assert "Content-Security-Policy" in text


def test_every_json_carries_what_gates_and_indexes_need(sample_project):
    project, _, _ = sample_project

    for name, data in read_results(project).items():
        assert data["report"] == name
        assert data["schema"] == "reliability.report/1"
        assert data["verdict"] in {"PASS", "FAIL", "INCONCLUSIVE", "NO_DATA"}
        assert set(data) >= {"run_id", "reason", "headline", "figures", "checks", "parameters", "provenance"}
        assert set(data["provenance"]) >= {"commit", "window", "source", "versions"}


def test_the_numbers_agree_with_the_truth_that_the_client_counted(sample_project):
    project, _, _ = sample_project
    data = read_results(project)["canary_comparison"]
    manifest = open_sample("pass").capture.manifest
    truth, scrape_seconds = manifest.truth["judged"], manifest.scrape_interval_seconds
    seconds = (manifest.window.seconds - 60 * manifest.warmup_minutes) or 1

    for arm in ("baseline", "canary"):
        counted = data["exposure"][arm]["requests"]
        edge = 2 * scrape_seconds * truth[arm]["requests"] / seconds
        assert abs(counted - truth[arm]["requests"]) <= edge + data["exposure"]["lost_requests_at_most"]
        low, high = data["latency"]["bucket_bounds"][f"{arm}_seconds"]
        assert low < truth[arm]["p95_seconds"] <= high
    true_increase = truth["canary"]["p95_seconds"] / truth["baseline"]["p95_seconds"] - 1
    low, high = data["latency"]["increase_interval"]
    assert low <= true_increase <= high


def test_the_gate_gives_the_verdict_of_the_run(sample_project):
    project, _, _ = sample_project

    status, out, _ = run(project, "gate", "canary", "--format", "json")

    assert status == 0
    assert json.loads(out)["verdict"] == "PASS"


@pytest.mark.requirement("RES-CAN-01")
def test_the_failing_sample_is_reported_with_status_0_and_gated_with_1(project):
    made, _, _ = run(project, "report", "canary", "--sample", "fail")

    assert made == 0
    assert read_results(project)["canary_comparison"]["verdict"] == "FAIL"
    assert gate(project, "canary") == 1


def test_a_torn_capture_is_no_data_and_says_where_and_how_to_mend_it(project):
    folder = project / "capture"
    shutil.copytree(open_sample("pass").capture.folder, folder)
    body = folder / "capture.json.gz"
    body.write_bytes(body.read_bytes()[:1000])

    made, _, _ = run(project, "report", "canary", "-p", "source=capture", "-p", "margin_percent=5")

    data = read_results(project)["canary_comparison"]
    assert made == 0
    assert (data["verdict"], data["reason"]) == ("NO_DATA", "broken-evidence")
    assert data["parameters"]["margin_percent"] == 5.0
    assert "capture.json.gz" in data["error"]["message"]
    assert "Record it again" in data["error"]["message"]
    assert gate(project, "canary") == 4


def test_a_prometheus_that_refuses_is_no_data_with_the_host_and_a_cure(project):
    with contextlib.chdir(project):
        data = nb.finish(nb.start("canary_comparison", source="http://127.0.0.1:9")).data

    assert (data["verdict"], data["reason"]) == ("NO_DATA", "prometheus-unreachable")
    assert "127.0.0.1:9" in data["error"]["message"]


def test_a_source_with_a_password_is_refused_before_anything_is_written(project, capsys):
    with contextlib.chdir(project):
        status = cli.run(["report", "canary", "-p", "source=http://ana:hunter2@127.0.0.1:9"])

    assert status == 2
    assert "hunter2" not in "".join(capsys.readouterr())
    assert not (project / "outputs").exists()


def test_a_cell_that_raises_gives_a_page_that_says_so_and_status_5(project):
    (project / "notebooks").mkdir()
    run_notebook = project / "notebooks" / "canary_comparison.ipynb"
    shipped = json.loads((open_sample("pass").capture.folder.parents[2] / "notebooks" / run_notebook.name).read_text())
    call = next(cell for cell in shipped["cells"] if "nb.latency" in "".join(cell["source"]))
    call["source"] = "raise ValueError('<b>no</b> such arm')"
    run_notebook.write_text(json.dumps(shipped))

    status, _, err = run(project, "report", "canary")

    data = read_results(project)["canary_comparison"]
    (page,) = (project / "outputs" / "runs").glob("*/canary_comparison.html")
    assert status == 5
    assert "no</b> such arm" in err
    assert (data["verdict"], data["reason"]) == ("NO_DATA", "notebook-failed")
    assert "<b>no</b>" not in page.read_text(encoding="utf-8")
    assert gate(project, "canary") == 5


def _little_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, ROOM_BYTES))


def test_a_full_disk_is_a_clear_run_error_and_leaves_no_half_written_file(project):
    status, _, err = run(project, "report", "canary", preexec_fn=_little_room)

    assert status == 5
    assert "could not be written" in err or "cannot be written" in err
    assert all(path.stat().st_size < ROOM_BYTES for path in project.rglob("*") if path.is_file())
    assert left_overs(project) == []


def test_ctrl_c_ends_with_130_and_leaves_no_kernel_and_no_half_written_file(project):
    process = start(project, "report", start_new_session=True)
    running = threading.Event()
    lines = []

    def follow():
        for line in process.stderr:
            lines.append(line)
            running.set()

    threading.Thread(target=follow, daemon=True).start()
    assert running.wait(SECONDS)

    os.killpg(process.pid, signal.SIGINT)

    assert process.wait(SECONDS) == 130, lines
    for thread in threading.enumerate():
        if thread.name.startswith("Thread") and thread is not threading.current_thread():
            thread.join(SECONDS)
    assert "interrupted" in lines[-1]
    assert left_overs(project) == []
    assert not (project / "outputs" / "index.html").exists()
    process.stdout.close()
    process.stderr.close()
