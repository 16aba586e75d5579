import pytest

from reliability.credentials import Secret, looks_secret
from reliability.errors import SecretError


def secret_in(kind, name):
    return Secret(option=f"prometheus.bearer_token_{kind}", name=name)


def test_a_secret_is_read_from_a_file_of_the_project_without_its_last_newline(tmp_path):
    (tmp_path / "token").write_text("hunter2\n")

    assert secret_in("file", "token").read(project=tmp_path, environ={}) == "hunter2"


def test_a_secret_is_read_from_a_variable(tmp_path):
    assert secret_in("variable", "TOKEN").read(project=tmp_path, environ={"TOKEN": "hunter2"}) == "hunter2"


@pytest.mark.parametrize(
    ("kind", "content", "named"),
    [
        ("file", None, "file token cannot be read"),
        ("file", b"\n", "file token holds no secret"),
        ("file", b"hunter2\nhunter3\n", "more than one line"),
        ("file", b"\xff\xfe", "cannot be read"),
        ("variable", None, "environment variable token holds no secret"),
    ],
    ids=["no file", "empty file", "two lines", "no text", "no variable"],
)
def test_a_secret_that_is_none_is_refused_by_its_place_and_never_shown(tmp_path, kind, content, named):
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    with pytest.raises(SecretError, match=f"prometheus.bearer_token_{kind}") as refusal:
        secret_in(kind, "token").read(project=tmp_path, environ={})

    assert named in str(refusal.value)
    assert "hunter" not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "api_key",
        "apiKey",
        "db_password",
        "SLACK_SECRET",
        "bearer_token",
        "clientSecret",
        "private_key",
        "accesstoken",
        "dbpassword",
        "APIToken",
        "token1",
        "tokens",
        "dbpwd",
        "APIKey",
        "api-key",
        "mysecret2",
        "pass_word",
    ],
)
def test_a_name_that_promises_a_secret_is_known(name):
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "source",
        "margin_percent",
        "keyboard",
        "monkey",
        "passed_count",
        "author",
        "broken",
        "bypass",
        "access_count",
        "key",
        "words_passed",
        "secondary",
        "stock",
        "authority",
    ],
)
def test_an_ordinary_name_is_no_secret(name):
    assert not looks_secret(name)
