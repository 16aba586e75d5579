import shutil

import pytest


@pytest.fixture(scope="session")
def prometheus_program():
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on this machine; install it with: make test-deps")
