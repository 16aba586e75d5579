import pytest

from reliability.errors import StagingError
from reliability.staging.prometheus_server import running_prometheus

pytestmark = pytest.mark.integration


def test_a_missing_prometheus_is_named_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with (
        pytest.raises(StagingError, match="Debian package prometheus"),
        running_prometheus([], scrape_interval_seconds=1, folder=tmp_path),
    ):
        pass


@pytest.mark.usefixtures("prometheus_program")
def test_a_query_that_is_no_promql_is_an_error_with_the_servers_words(tmp_path):
    with running_prometheus([], scrape_interval_seconds=1, folder=tmp_path) as server:
        with pytest.raises(StagingError, match=r"400.*parse error"):
            server.query_body("up{")
        assert server.query_values("vector(1)") == [({}, 1.0)]


@pytest.mark.usefixtures("prometheus_program")
def test_the_server_is_gone_after_the_block(tmp_path):
    with running_prometheus([], scrape_interval_seconds=1, folder=tmp_path) as server:
        pass

    with pytest.raises(StagingError, match="did not answer"):
        server.query_body("up")
