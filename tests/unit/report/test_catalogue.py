from pathlib import Path

import pytest

from reliability.errors import UnknownReportError
from reliability.report.catalogue import choose_reports, find_reports

REPORTS = {name: Path(f"{name}.ipynb") for name in ("canary_comparison", "capacity", "phase_progress")}


def test_all_reports_are_chosen_when_none_is_named():
    assert choose_reports([], REPORTS) == REPORTS


def test_an_unambiguous_beginning_is_enough():
    assert list(choose_reports(["phase", "canary"], REPORTS)) == ["canary_comparison", "phase_progress"]


def test_an_ambiguous_beginning_names_the_candidates():
    with pytest.raises(UnknownReportError, match="canary_comparison or capacity"):
        choose_reports(["ca"], REPORTS)


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(UnknownReportError, match="did you mean 'phase_progress'"):
        choose_reports(["fase_progress"], REPORTS)


def test_the_three_shipped_reports_are_found_in_an_empty_folder(tmp_path):
    assert set(find_reports(tmp_path)) == {"canary_comparison", "phase_progress", "rollback_readiness"}


def test_a_notebook_of_the_project_beats_the_shipped_one(tmp_path):
    (tmp_path / "notebooks").mkdir()
    own = tmp_path / "notebooks" / "canary_comparison.ipynb"
    own.write_text("{}")

    assert find_reports(tmp_path)["canary_comparison"] == own
