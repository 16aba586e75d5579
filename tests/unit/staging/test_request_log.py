import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reliability.errors import StagingError
from reliability.staging.request_log import format_line, read_requests
from tests.unit.staging.logged import answered, lost

SECONDS = st.floats(0, 1e4, allow_nan=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(completed=st.floats(1e9, 2e9), server=SECONDS, status=st.sampled_from([200, 201, 500]))
def test_the_server_seconds_keep_every_digit(tmp_path, completed, server, status):
    path = tmp_path / "requests.csv"
    request = answered(completed_at_seconds=completed, server_seconds=server, status=status)

    path.write_text(format_line(request), encoding="utf-8")

    assert list(read_requests(path)) == [request]


def test_a_lost_request_is_neither_answered_nor_an_error(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(format_line(lost()), encoding="utf-8")

    (request,) = read_requests(path)

    assert request.is_lost
    assert not request.is_error


def test_a_line_that_is_still_being_written_is_not_read(tmp_path):
    path = tmp_path / "requests.csv"
    whole = format_line(answered())
    path.write_text(whole + whole[:20], encoding="utf-8")

    assert len(list(read_requests(path))) == 1


def test_a_foreign_line_is_refused_with_its_content(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text("hello,world\n", encoding="utf-8")

    with pytest.raises(StagingError, match="hello"):
        list(read_requests(path))
