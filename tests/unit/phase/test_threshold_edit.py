import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import coverage
import pytest
from _pytest.config.findpaths import locate_config
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import ThresholdError
from reliability.phase.threshold_edit import change_threshold, plain
from reliability.sources.thresholds import FoundThreshold, find_thresholds, locate
from tests.unit.phase.layouts import BOM, LAYOUTS

OLD, NEW = Decimal(35), Decimal(40)
READS_BOM = coverage.version_info >= (7, 17)  # the lowest version that we support does not


def written(folder, files):
    folder = folder / "project"
    folder.mkdir()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def raised(project, *, environment=None):
    return change_threshold(project, old=OLD, new=NEW, environment=environment or {})


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_raise_changes_one_line_and_in_it_the_digits_alone(tmp_path, name):
    winner, files = LAYOUTS[name]
    project = written(tmp_path, files)

    place = raised(project)

    after = {path: (project / path).read_bytes().decode() for path in files}
    assert (place.percent, place.file) == (NEW, winner)
    assert {path: text for path, text in after.items() if path != winner} == {
        path: text for path, text in files.items() if path != winner
    }
    lines, lines_after = files[winner].splitlines(keepends=True), after[winner].splitlines(keepends=True)
    changed = [(old, new) for old, new in zip(lines, lines_after, strict=True) if old != new]
    assert len(changed) == 1
    assert re.sub(r"35(\.0)?", "", changed[0][0]) == re.sub(r"40|35", "", changed[0][1])


@pytest.mark.parametrize("name", [name for name in LAYOUTS if READS_BOM or "byte order mark" not in name])
def test_the_tools_themselves_read_the_new_threshold(tmp_path, monkeypatch, name):
    project = written(tmp_path, LAYOUTS[name][1])
    monkeypatch.chdir(project)

    raised(project)

    _, _, options, _ = locate_config(project, [])
    addopts = str(options["addopts"].value) if "addopts" in options else ""
    config = "ci/cover.ini" if "cover.ini" in addopts else True
    limit = coverage.Coverage(config_file=config).get_option("report:fail_under")
    assert limit == 40 if "fail-under" not in addopts else addopts.count("40") == 1


@pytest.mark.parametrize(
    ("files", "environment", "said"),
    [
        pytest.param({".coveragerc": "[report]\nfail_under = ${LIMIT-35}\n"}, {}, "${LIMIT-35}", id="a variable"),
        pytest.param(
            {"pyproject.toml": "[tool.coverage.report]\nfail_under = 3.5e1\n"}, {}, "fail_under = 40", id="an exponent"
        ),
        pytest.param(
            {"pyproject.toml": ""}, {"PYTEST_ADDOPTS": "--cov-fail-under=35"}, "outside", id="the environment"
        ),
        pytest.param({"../pytest.ini": "[pytest]\naddopts = --cov-fail-under=35\n"}, {}, "outside", id="a file above"),
        pytest.param({"pyproject.toml": ""}, {}, "but none", id="no threshold at all"),
        pytest.param({".coveragerc": "[report]\nfail_under = 36\n"}, {}, "but 36 %", id="another value by now"),
        pytest.param({".coveragerc": "[report]\nfail_under = 35 # x\n"}, {}, "'35 # x'", id="a comment that is none"),
        pytest.param(
            {"pyproject.toml": "<<<<<<< HEAD\n[tool.coverage.report]\nfail_under = 35\n"}, {}, "merge", id="a conflict"
        ),
        pytest.param(
            {"pyproject.toml": "[tool.pytest]\nxfail_strict = true\n[tool.pytest.ini_options]\naddopts = ''\n"},
            {},
            "which pytest refuses",
            id="both tables of pytest",
        ),
        pytest.param({"setup.cfg": "[pytest]\naddopts = --cov-fail-under=35\n"}, {}, "rename", id="an old section"),
        pytest.param({"tox.ini": "[pytest]\naddopts = --cov\n[pytest]\n"}, {}, "tox.ini", id="a section twice"),
    ],
)
def test_an_unsafe_layout_is_refused_and_nothing_is_changed(tmp_path, files, environment, said):
    project = written(tmp_path, files)

    with pytest.raises(ThresholdError) as refused:
        raised(project, environment=environment)

    assert said in str(refused.value)
    assert {name: (project / name).read_bytes().decode() for name in files} == dict(files)


def test_a_file_keeps_its_permissions_and_a_link_stays_a_link(tmp_path):
    project = written(tmp_path, {"shared/rc": "[report]\nfail_under = 35\n"})
    (project / "shared/rc").chmod(0o640)
    (project / ".coveragerc").symlink_to("shared/rc")

    raised(project)

    assert (project / ".coveragerc").is_symlink()
    assert (project / "shared/rc").read_text() == "[report]\nfail_under = 40\n"
    assert (project / "shared/rc").stat().st_mode & 0o777 == 0o640


def test_a_link_out_of_the_project_is_not_followed(tmp_path):
    project = written(tmp_path, {"../rc": "[report]\nfail_under = 35\n"})
    (project / ".coveragerc").symlink_to("../rc")

    with pytest.raises(ThresholdError, match="outside"):
        raised(project)


def test_a_raise_that_did_not_take_effect_is_put_back(tmp_path, monkeypatch):
    project = written(tmp_path, {".coveragerc": "[report]\nfail_under = 35\n"})
    monkeypatch.setattr(
        "reliability.phase.threshold_edit.find_thresholds", lambda *_, **__: find_thresholds(tmp_path, environment={})
    )

    with pytest.raises(ThresholdError, match="put back"):
        raised(project)

    assert (project / ".coveragerc").read_text() == "[report]\nfail_under = 35\n"


def test_a_byte_order_mark_is_kept(tmp_path):
    project = written(tmp_path, LAYOUTS[".coveragerc with a byte order mark and a colon"][1])

    raised(project)

    assert (project / ".coveragerc").read_bytes().startswith(BOM.encode())


@pytest.mark.parametrize(("percent", "text"), [("40", "40"), ("40.0", "40"), ("40.50", "40.5"), ("100", "100")])
def test_a_percentage_is_written_plainly(percent, text):
    assert plain(Decimal(percent)) == text


def test_a_threshold_may_get_decimals(tmp_path):
    project = written(tmp_path, {".coveragerc": "[report]\nfail_under = 35\n"})

    place = change_threshold(project, old=OLD, new=Decimal("37.5"), environment={})

    assert (place.percent, place.line) == (Decimal("37.5"), 2)
    assert Path(project / ".coveragerc").read_text() == "[report]\nfail_under = 37.5\n"


def test_of_two_raises_at_once_one_is_made_and_the_other_is_told(tmp_path):
    project = written(tmp_path, {".coveragerc": "[report]\nfail_under = 35\n"})

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(change_threshold, project, old=OLD, new=Decimal(new), environment={}) for new in (36, 38)]

    (refused,) = [future.exception() for future in done if future.exception()]
    assert "35 % any more" in str(refused)
    assert (project / ".coveragerc").read_text() in {"[report]\nfail_under = 36\n", "[report]\nfail_under = 38\n"}


NOISE = st.lists(
    st.sampled_from([
        "# fail_under = 35", "fail_under_note = 35", "minimum = 35", "note = 'fail_under = 35'", "old = 350",
        "limits = [35, 3.5, 35.0]", "nested = { fail_under = 35 }", "when = 2035-01-01", "other = 0x35",
        'text = """\nfail_under = 35\n"""',
    ]),
    unique=True,
)  # fmt: skip


@given(before=NOISE, beside=NOISE, after=NOISE, space=st.sampled_from(["", " ", "   ", "\t"]))
def test_however_often_the_number_occurs_the_rest_of_the_document_stays_equal(before, beside, after, space):
    def text(number):
        lines = [
            "[tool.a]",
            *before,
            "[tool.coverage.report]",
            f"fail_under{space}={space}{number}",
            *beside,
            "[tool.b]",
            *after,
        ]
        return "\n".join(lines).encode()

    found = FoundThreshold(
        path=Path("pyproject.toml"),
        keys=("tool", "coverage", "report", "fail_under"),
        word=None,
        written="35",
        percent=OLD,
    )

    span = locate(found, text(35))

    assert span is not None
    assert text(35)[: span[0]] + b"40" + text(35)[span[1] :] == text(40)
