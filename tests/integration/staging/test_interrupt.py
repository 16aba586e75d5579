import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prometheus_program")]


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.parametrize(
    ("ending", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "terminated"]
)
def test_an_interrupted_recording_leaves_no_process_and_no_file(tmp_path, ending, status):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "reliability", "staging", "record", "fail", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(scratch)}
    ) as recorder:
        news = next(iter(recorder.stderr or ""))
        children = children_of(recorder.pid)

        recorder.send_signal(ending)
        out, _ = recorder.communicate(timeout=30)

    assert "replicas run" in news
    assert len(children) == 6
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert recorder.returncode == status
    assert out == ""
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_replicas_end_by_themselves_when_their_recorder_is_killed(tmp_path):
    command = [sys.executable, "-m", "reliability.staging.replica", "--release=1", "--port=0", "--seed=1"]
    with subprocess.Popen(
        [*command, "--arm=canary", "--layers", f"--folder={tmp_path}"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as replica:
        replica.communicate(timeout=20)

    assert replica.returncode == 1
