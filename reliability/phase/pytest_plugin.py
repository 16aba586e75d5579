"""The package's pytest plugin: names what a test shows, and counts what a JUnit file does not hold.

`@pytest.mark.requirement("RES-CB-01")` and the node id of each test go into the JUnit file as
properties; with `--reliability-facts` the run also tells how many tests were collected,
deselected and run again. It imports pytest and the standard library only, since every run of
pytest loads it, and works under xdist.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

FACTS_OPTION = "--reliability-facts"
NODE_ID = "reliability.nodeid"
REQUIREMENT = "reliability.requirement"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("reliability")
    group.addoption(FACTS_OPTION, dest="reliability_facts", metavar="FILE", help="write there what was collected")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Measure what the configuration of coverage.py says, unless the project's own `--cov` says it."""
    options = early_config.known_args_namespace
    if getattr(options, "reliability_facts", None) and not getattr(options, "cov_source", True):
        options.cov_source = [True]
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and count when asked to."""
    config.addinivalue_line("markers", "requirement(*ids): requirements of the phase that the test shows")
    path = config.getoption("reliability_facts")
    if path:
        config.pluginmanager.register(_Facts(config, Path(path)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attach node id and requirements, so that they reach the JUnit file also from another process."""
    for item in items:
        item.user_properties.append((NODE_ID, item.nodeid))
        ids = [str(name) for marker in item.iter_markers("requirement") for name in marker.args]
        item.user_properties.extend((REQUIREMENT, name) for name in dict.fromkeys(ids))


class _Facts:
    """Counts; a worker tells its controller, which writes."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._counts = {"collected": 0, "deselected": 0, "reruns": 0}

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._counts["deselected"] += len(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._counts["collected"] = len(session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._counts["reruns"] += report.outcome == "rerun"  # type: ignore[comparison-overlap]  # a word of pytest-rerunfailures

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told: Mapping[str, int] = getattr(node, "workeroutput", {}).get("reliability_facts", {})
        for name in ("collected", "deselected"):  # every worker collects the same
            self._counts[name] = max(self._counts[name], told.get(name, 0))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["reliability_facts"] = self._counts
            return
        options = self._config.known_args_namespace
        named = getattr(options, "cov_source", None) or []
        told = {
            **self._counts,
            "roots": [source for source in named if isinstance(source, str)],
            "config": getattr(options, "cov_config", None),
        }
        self._path.write_text(json.dumps(told), encoding="utf-8")
