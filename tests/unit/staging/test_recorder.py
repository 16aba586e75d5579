import pytest

from reliability.errors import UsageError, WriteError
from reliability.staging.plans import PASS_PLAN
from reliability.staging.recorder import record_experiment
from reliability.staging.storage import StorageChoice


def test_a_capture_that_exists_is_never_overwritten(tmp_path):
    (tmp_path / "pass").mkdir()

    with pytest.raises(UsageError, match="exists"):
        record_experiment(PASS_PLAN, tmp_path, progress=print)


def test_a_folder_that_cannot_be_written_is_noticed_before_anything_runs(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(WriteError, match="choose another folder"):
        record_experiment(PASS_PLAN, tmp_path / "file" / "captures", progress=print)


def test_a_storage_that_does_not_fit_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="--sessions-variable"):
        record_experiment(PASS_PLAN, tmp_path, progress=print, storage=StorageChoice(storage_variable="PG"))


@pytest.mark.parametrize("minutes", [float("nan"), float("inf"), 0.0, -1.0])
def test_an_experiment_lasts_for_a_time_that_ends(minutes):
    with pytest.raises(UsageError, match="above 0"):
        PASS_PLAN.lasting(minutes=minutes)
