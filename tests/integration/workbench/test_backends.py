"""The doctor beside real stores: well, away, and back again."""

import pytest

from reliability.settings import ResilienceSettings
from reliability.workbench.backend_checks import check_backends
from reliability.workbench.finding import RUN_ERROR

pytestmark = pytest.mark.integration


def test_a_server_is_well_then_away_and_well_again(tmp_path, monkeypatch, postgres_server, redis_server):
    monkeypatch.setenv("LOCKS", postgres_server.url)
    (tmp_path / "sessions-url").write_text(f"{redis_server.url}\n")
    settings = ResilienceSettings(locks_url_variable="LOCKS", sessions_url_file="sessions-url", service="shop")

    def looked():
        found = list(check_backends(settings, project=tmp_path, offline=False))
        assert redis_server.url not in str(found)
        return [(finding.level, finding.status) for finding in found]

    well = looked()
    redis_server.stop()
    try:
        away = looked()
    finally:
        redis_server.start()

    assert well == [("ok", 0), ("ok", 0)]
    assert away == [("ok", 0), ("fault", RUN_ERROR)]
    assert looked() == well
