import shutil

import pytest


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers():
    """A third of their time these tests wait for servers: one worker more keeps the cores busy."""
    return (yield) + 1


@pytest.fixture(scope="session")
def prometheus_program():
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on this machine; install it with: make test-deps")


@pytest.fixture(scope="session")
def victoria_metrics_program():
    program = shutil.which("victoria-metrics")
    if program is None:
        pytest.skip("no victoria-metrics on this machine; install it with: make test-deps")
    return program
