import pytest

from reliability.errors import UsageError
from reliability.staging.plans import PASS_PLAN
from reliability.staging.recorder import record_experiment


def test_a_capture_that_exists_is_never_overwritten(tmp_path):
    (tmp_path / "pass").mkdir()

    with pytest.raises(UsageError, match="exists"):
        record_experiment(PASS_PLAN, tmp_path, progress=print)
