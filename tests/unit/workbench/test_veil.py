"""Nothing that the workbench prints or writes holds a secret or moves a terminal's cursor."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability import cli
from reliability.errors import SecretInOutputError
from reliability.settings import FILE_NAME
from reliability.workbench.veil import Veil, escaped
from tests.fake_query_api import FakeQueryApi, serving, target

TOKEN = "correct-horse-battery-staple"  # noqa: S105 -- of a fake
OPTION = "prometheus.bearer_token_file"
ARMS = """
[canary]
source = "prometheus"
baseline = 'track="stable", job="api"'
canary = 'track="canary", job="api"'
"""
printable = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=8, max_size=40)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(TOKEN + "\n")
    return tmp_path


def shop(**labels: str) -> FakeQueryApi:
    series = [
        each
        for track in ("stable", "canary")
        for each in target({"job": "api", "instance": f"{track}:1", "track": track, **labels})
    ]
    return FakeQueryApi(series=series)


def ready(folder: Path, url: str) -> None:
    text = f'[prometheus]\nurl = "{url}"\nbearer_token_file = "token"\n{ARMS}'
    (folder / FILE_NAME).write_text(text, encoding="utf-8")


@given(printable, st.text(max_size=20), st.text(max_size=20))
def test_no_text_keeps_a_secret_as_it_is_in_json_or_in_base64(secret: str, before: str, behind: str):
    veil = Veil({OPTION: secret}, user="ana")
    login = base64.b64encode(f"ana:{secret}".encode()).decode()

    for form in (secret, json.dumps(secret)[1:-1], login):
        if form not in "[secret]":
            assert veil.mask(f"{before}{form}{behind}").count(form) <= (before + behind).count(form)
        with pytest.raises(SecretInOutputError, match=OPTION):
            veil.check([before + form + behind], place="a text")


@given(st.text())
def test_what_is_printed_has_no_control_and_what_is_printable_stays(text: str):
    assert escaped(text).isprintable()
    if text.isprintable():
        assert escaped(text) == text


def test_the_head_of_a_secret_that_a_long_message_cut_off_is_hidden_too():
    long = "".join(f"{number:04d}" for number in range(100))

    assert Veil({OPTION: long}).mask(f"bad token {long[:250]}... [slug]") == "bad token [secret] [slug]"


def test_init_writes_and_prints_no_secret_that_a_label_repeats(folder: Path, capsys: pytest.CaptureFixture[str]):
    with serving(shop(version=f"1-{TOKEN}")) as url:
        assert cli.run(["init", "--prometheus", url, "--bearer-token-file", "token"]) == 0

    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err + (folder / FILE_NAME).read_text(encoding="utf-8")


def test_init_with_a_secret_arm_writes_the_sign_in_its_place(folder: Path, capsys: pytest.CaptureFixture[str]):
    series = target({"job": "api", "instance": "a:1", "track": f"stable {TOKEN}"})
    series += target({"job": "api", "instance": "b:1", "track": "canary"})
    with serving(FakeQueryApi(series=series)) as url:
        assert cli.run(["init", "--prometheus", url, "--bearer-token-file", "token"]) == 0

    assert TOKEN not in capsys.readouterr().out + (folder / FILE_NAME).read_text(encoding="utf-8")
    assert "stable [secret]" in (folder / FILE_NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_the_doctor_shows_no_secret_and_no_control(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
):
    api = shop(version=TOKEN)
    api.build = {"version": "\x1b[2J\u202e3", "revision": "abc"}
    api.warnings = [f"refused {TOKEN}"]
    with serving(api) as url:
        ready(folder, url)
        assert cli.run(["doctor", *options]) == 4

    printed = capsys.readouterr().out
    assert "[secret]" in printed
    assert "u202e" in printed
    assert TOKEN not in printed
    assert all(line.isprintable() for line in printed.split("\n"))


def test_an_error_repeats_no_secret(folder: Path, capsys: pytest.CaptureFixture[str]):
    with serving(shop()) as url:
        ready(folder, url)
        assert cli.run(["capture", "mine", "-p", f'baseline=job="{TOKEN}"', "-p", f'canary=job="{TOKEN}", a="b"']) == 4
        assert cli.run(["capture", f"../{TOKEN}\x1b[2J"]) == 2

    said = capsys.readouterr().err
    assert "has no series for" in said
    assert TOKEN not in said
    assert "\x1b" not in said


@pytest.mark.parametrize("where", ["label", "warning"])
def test_a_capture_that_would_hold_a_secret_is_refused(where: str, folder: Path, capsys: pytest.CaptureFixture[str]):
    api = shop(**({"version": TOKEN} if where == "label" else {}))
    api.warnings = [f"who is {TOKEN}?"] if where == "warning" else []
    with serving(api) as url:
        ready(folder, url)
        assert cli.run(["capture", "mine"]) == 5

    said = capsys.readouterr()
    assert f"the secret of {OPTION} stands in the recording" in said.err
    assert TOKEN not in said.out + said.err
    assert sorted(path.name for path in folder.iterdir()) == [FILE_NAME, "token"]
