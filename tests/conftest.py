"""What holds for every test: laws have fixed seeds; a skipped test is a failure in CI, its reason is said loudly."""

import os
import signal

import pytest
from hypothesis import settings

import reliability.report  # noqa: F401 -- before any test imports jsonschema, which then starts 2.5 s faster

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=25)  # more: --hypothesis-profile=ci
settings.load_profile("suite")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "said":  # what a test measured and everyone should see: record_property("said", "...")
                terminalreporter.write_line(text)
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        word = "FAILURE in CI" if os.environ.get("CI") else "NOTE"
        terminalreporter.write_sep("!", f"{word}: {len(skipped)} tests were skipped, see their reasons above")
