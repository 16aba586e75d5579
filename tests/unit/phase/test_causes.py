"""Causes: what a message says about a test that did not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.phase.causes import OUTSIDE, Cause, cause_of, is_outside, missing_module

MESSAGES = {
    "ModuleNotFoundError: No module named 'spacy'": Cause.MISSING_MODULE,
    "could not import 'psycopg': No module named 'psycopg'": Cause.MISSING_MODULE,
    "OSError: [E050] Can't find model 'es_core_news_sm'. It doesn't seem to be a package": Cause.MISSING_MODULE,
    "ConnectionRefusedError: [Errno 111] Connection refused": Cause.REFUSED_CONNECTION,
    'failed on setup with "ConnectionRefusedError: [Errno 111] Connection refused"': Cause.REFUSED_CONNECTION,
    'psycopg.OperationalError: connection to server at "127.0.0.1", port 5432 failed': Cause.REFUSED_CONNECTION,
    "socket.gaierror: [Errno -3] Temporary failure in name resolution": Cause.REFUSED_CONNECTION,
    "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.": (
        Cause.REFUSED_CONNECTION
    ),
    "FileNotFoundError: [Errno 2] No such file or directory: 'pg_ctl'": Cause.MISSING_PROGRAM,
    "no prometheus on this machine; install it with: make test-deps": Cause.MISSING_PROGRAM,
    "Failed: Timeout (>5.0s) from pytest-timeout.": Cause.TIMEOUT,
    "TimeoutError": Cause.TIMEOUT,
    "AssertionError: assert 'Connection refused' in 'all well'": Cause.OTHER,
    "assert 'No module named x' == ''": Cause.OTHER,
    "FileNotFoundError: [Errno 2] No such file or directory: '/srv/data/rooms.csv'": Cause.OTHER,
    "ZeroDivisionError: division by zero": Cause.OTHER,
    "": Cause.OTHER,
}


@pytest.mark.parametrize(("text", "cause"), MESSAGES.items(), ids=lambda value: str(value)[:40] or "nothing")
def test_a_message_shows_its_cause(text, cause):
    assert cause_of(text) is cause


@pytest.mark.parametrize(
    "reason",
    [
        "needs PostgreSQL",
        "requires a running Redis server",
        "spacy is not installed",
        "Postgres unavailable",
        "no docker on this machine",
    ],
)
def test_a_skip_for_want_of_something_outside_is_told(reason):
    assert is_outside(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "requires Python 3.12",
        "needs Windows",
        "os.fork not available on win32",
        "not written yet",
        "AssertionError: needs PostgreSQL",
        "slow",
    ],
)
def test_a_skip_for_other_reasons_is_not_outside(reason):
    assert not is_outside(reason)


def test_a_timeout_alone_does_not_prove_that_something_outside_is_absent():
    assert Cause.TIMEOUT not in OUTSIDE


def test_the_missing_module_is_named():
    assert missing_module("ModuleNotFoundError: No module named 'spacy.tokens'") == "spacy.tokens"
    assert missing_module("could not import 'psycopg': broken") == "psycopg"
    assert missing_module("ValueError: no module") is None


@given(text=st.text(max_size=200))
def test_any_text_has_a_cause_and_what_is_of_a_class_outside_is_outside(text):
    assert not (cause_of(text) in OUTSIDE and not is_outside(text))
