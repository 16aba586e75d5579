import gzip
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reliability.errors import StagingError
from reliability.sources.captures import read_capture, write_capture
from reliability.sources.samples import open_sample
from reliability.staging.planner import power_to_decide
from reliability.staging.plans import soak_plans
from reliability.staging.recorder import _blinded
from tests.bench.soak import judge, judged_blind, publish
from tests.bench.soak_table import soak_table


def factors(plans):
    return [plan.arms[1].delay_factor for plan in plans]


def test_half_of_the_recordings_change_nothing_and_half_slow_down_by_a_fifth_in_a_drawn_order():
    plans = soak_plans(seed=1)

    assert sorted(factors(plans)) == [1.0] * 20 + [1.2] * 20
    assert factors(plans) == factors(soak_plans(seed=1))
    assert factors(plans) != factors(soak_plans(seed=2))


def test_apart_from_the_delay_both_kinds_are_the_same_experiment():
    plans = soak_plans(seed=1)

    bare = {
        replace(plan, name="", seed=0, arms=(plan.arms[0], replace(plan.arms[1], delay_factor=1.0, delay_name="none")))
        for plan in plans
    }

    assert len(bare) == 1
    assert len({plan.name for plan in plans}) == len({plan.seed for plan in plans}) == 40


@pytest.mark.parametrize(("increase", "alpha"), [(0.0, 0.05), (0.2, 0.0125)])
def test_the_planned_requests_decide_both_kinds_even_after_the_correction_for_two_checks(increase, alpha):
    plan = soak_plans(seed=1)[0]
    judged_seconds = plan.load_seconds - 60 * plan.warmup_minutes - plan.drain_seconds

    power = power_to_decide(
        requests_per_arm=plan.arms[0].requests_per_second * judged_seconds,
        true_increase_fraction=increase,
        margin_fraction=0.10,
        alpha=alpha,
    )

    assert power > 0.95


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a folder with a sample as a blind recording, judged while the truth was elsewhere."""
    out = tmp_path_factory.mktemp("soak")
    capture = open_sample("fail").capture
    folder, elsewhere = out / "captures" / "soak-01", tmp_path_factory.mktemp("safe") / "sealed"
    blind = _blinded(capture.manifest.model_copy(update={"name": "soak-01"}), elsewhere / "soak-01.json")
    write_capture(folder, gzip.decompress(capture.packed), blind)
    judge(out)
    shutil.move(elsewhere, out / "sealed")
    return out


@pytest.fixture
def verdicts(recorded):
    return json.loads((recorded / "verdicts.json").read_text(encoding="utf-8"))


@pytest.fixture
def sealed(recorded):
    return {"soak-01": (recorded / "sealed" / "soak-01.json").read_bytes()}


def test_a_blind_recording_tells_the_checksum_of_its_truth_and_nothing_of_it(recorded, sealed):
    manifest = read_capture(recorded / "captures" / "soak-01").manifest

    assert manifest.truth == {}
    assert manifest.experiment == {"sealed_sha256": hashlib.sha256(sealed["soak-01"]).hexdigest()}
    assert json.loads(sealed["soak-01"])["experiment"]["arms"]["canary"]["delay_factor"] == 1.25


def test_a_blind_recording_is_judged_without_the_truth(verdicts):
    assert verdicts["soak-01"]["verdict"] == "FAIL"


def test_a_recording_whose_manifest_tells_is_not_judged():
    folder = open_sample("fail").capture.folder

    with pytest.raises(StagingError, match="cannot be judged blind"):
        judged_blind(folder, project=Path())


def test_the_table_holds_every_recording_with_its_truth_and_every_failure(verdicts, sealed):
    text = soak_table(["soak-01", "soak-02", "soak-03"], verdicts, sealed, {"soak-02": "a replica\nended"}, seed=9)

    assert "| soak-01 | +25 % | FAIL | over-budget-both |" in text
    assert "- soak-02: a replica ended\n- soak-03: not begun\n" in text
    assert "holds the injected change in 1 of 1" in text


def test_the_table_names_a_wrong_verdict(verdicts, sealed):
    verdicts["soak-01"] |= {"verdict": "PASS", "reason": "inside-budget"}

    text = soak_table(["soak-01"], verdicts, sealed, {}, seed=9)

    assert "| soak-01 | +25 % | **PASS (wrong)** |" in text
    assert "Decided wrongly: soak-01. Left undecided: 0." in text


def test_a_truth_that_was_changed_after_it_was_sealed_makes_no_table(verdicts, sealed):
    changed = {"soak-01": sealed["soak-01"].replace(b"1.25", b"1.00")}

    with pytest.raises(StagingError, match="not the one"):
        soak_table(["soak-01"], verdicts, changed, {}, seed=9)


def test_nothing_is_published_before_it_was_judged(tmp_path):
    with pytest.raises(FileNotFoundError):
        publish(tmp_path, pairs=1)
