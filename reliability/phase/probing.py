"""A pytest plugin for `reliability phase suites`: tells how every test ended and why, and leaves named tests out.

It imports pytest and the standard library only, and works under xdist: the controller hears of every test.
Classes and suggestions do not belong here.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

FACTS_OPTION = "--reliability-probe"
LEAVE_OUT_OPTION = "--reliability-leave-out"
_REASON_CHARACTERS = 500


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("reliability")
    group.addoption(FACTS_OPTION, dest="reliability_probe", metavar="FILE", help="write there how every test ended")
    group.addoption(LEAVE_OUT_OPTION, dest="reliability_leave_out", metavar="FILE", help="node ids to deselect")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Measure what the configuration of coverage.py says, unless the project's own `--cov` says it."""
    options = early_config.known_args_namespace
    if not getattr(options, "cov_source", True):
        options.cov_source = [True]
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Listen, but in the controller only."""
    if config.getoption("reliability_probe") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Probe(Path(config.getoption("reliability_probe"))))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of the list by their exact node ids."""
    path = config.getoption("reliability_leave_out")
    if not path:
        return
    left_out = set(json.loads(Path(path).read_text("utf-8")))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]


class _Probe:
    """Hears of every test and of every file that could not be collected."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tests: dict[str, dict[str, Any]] = {}
        self._files: dict[str, dict[str, str]] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._files[report.nodeid] = {"outcome": report.outcome, "reason": _reason(report)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self._tests.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0, "reason": ""})
        test["seconds"] += report.duration
        if report.failed:
            test |= {"outcome": "failed", "reason": (test["outcome"] == "failed" and test["reason"]) or _reason(report)}
        elif report.skipped and test["outcome"] == "passed":
            test |= {"outcome": "xfailed" if hasattr(report, "wasxfail") else "skipped", "reason": _reason(report)}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        facts = {
            "tests": self._tests,
            "files": self._files,
            "stopped": str(session.shouldfail or session.shouldstop or ""),
        }
        self._path.write_text(json.dumps(facts), encoding="utf-8")


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    """The message of a report; of a long one, what the exception says."""
    longrepr: Any = report.longrepr
    if isinstance(longrepr, tuple):
        return str(longrepr[2])[:_REASON_CHARACTERS]
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)[:_REASON_CHARACTERS]
    errors = [line.removeprefix("E").strip() for line in str(longrepr or "").splitlines() if line.startswith("E ")]
    return (errors[-1] if errors else str(longrepr or ""))[:_REASON_CHARACTERS]
