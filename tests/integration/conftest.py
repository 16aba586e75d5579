import shutil

import pytest

from tests.servers import postgres_programs, running_postgres, running_redis


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


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL with `url`, `stop()` and `start()`; a test makes a schema of its own in it."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no postgresql on this machine; install it with: make test-deps")
    with running_postgres(programs) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server():
    """A Redis with `url`, `stop()` and `start()`; a test cleans up behind itself."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine; install it with: make test-deps")
    with running_redis() as server:
        yield server
