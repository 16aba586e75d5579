"""Coverage of any format: told by its content, the same counts, or a refusal."""

import json
from typing import Any

import pytest
from coverage import CoverageData

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.coverage_data import folded_sources, read_coverage_data, write_contexts
from reliability.sources.coverage_file import read_any_coverage

LCOV = "SF:a.py\nDA:1,1\nDA:2,0\nLF:2\nLH:1\nend_of_record\n"
XML = (
    '<coverage version="1" lines-valid="2" lines-covered="1"><class filename="a.py"><lines>'
    '<line number="1" hits="1"/><line number="2" hits="0"/></lines></class></coverage>'
)
COUNTS = {"num_statements": 2, "covered_lines": 1}
JSON: dict[str, dict[str, Any]] = {
    "meta": {"version": "7.17.5", "branch_coverage": False, "format": 3},
    "files": {"a.py": {"summary": COUNTS}},
    "totals": COUNTS,
}
SOURCE = "x = 1\n\n\ndef f():\n    return 2\n"


@pytest.fixture
def shop(tmp_path):
    """Data of one module, measured by contexts, with its source."""
    (tmp_path / "a.py").write_text(SOURCE)
    data = CoverageData(basename=str(tmp_path / ".coverage"))
    for context, lines in {"": [1, 4], "tests/t.py::test_f|run": [5]}.items():
        data.set_context(context)
        data.add_lines({"a.py": lines})
    data.touch_files(["a.py"])
    data.write()
    data.close()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        (LCOV, "lcov"),
        (f"TN:unit\n{LCOV}", "lcov"),
        (XML, "cobertura"),
        (f"\n  {XML}", "cobertura"),
        (json.dumps(JSON), "json"),
    ],
    ids=["lcov", "named lcov", "xml", "xml behind spaces", "json"],
)
def test_a_format_is_told_by_its_content(tmp_path, text, format_):
    (tmp_path / "anything").write_text(text)

    found = read_any_coverage(tmp_path / "anything")

    assert (found.format, dict(found.counts)) == (
        format_,
        {"statements": 2, "covered": 1, "branches": 0, "covered_branches": 0},
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("lines: 90 %", "begins with"),
        ("{}", "no coverage JSON"),
        (LCOV.replace("DA:1,1", "DA:1,0").replace("LH:1", "LH:0"), "relative_files"),
        ("SF:a.py\nend_of_record\n", "0 statements"),
        ('<coverage lines-valid="0" lines-covered="0"/>', "0 statements"),
        (json.dumps({**JSON, "totals": {"num_statements": 3, "covered_lines": 1}}), "come to"),
        (json.dumps({**JSON, "meta": {**JSON["meta"], "format": 4}}), "format"),
    ],
    ids=["empty", "words", "no totals", "nothing ran", "no statements", "empty xml", "other totals", "unknown format"],
)
def test_a_file_without_a_total_that_can_be_believed_is_refused(tmp_path, text, reason):
    (tmp_path / "file").write_text(text)

    with pytest.raises(BrokenEvidenceError, match=reason):
        read_any_coverage(tmp_path / "file")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(MissingEvidenceError):
        read_any_coverage(tmp_path / "gone.json")
    with pytest.raises(MissingEvidenceError):
        read_coverage_data(tmp_path / ".coverage")


def test_data_is_counted_with_its_sources(shop):
    found = read_any_coverage(shop / ".coverage")

    assert (found.format, found.branch, dict(found.counts)["statements"], found.counts.covered) == (
        "sqlite",
        False,
        3,
        3,
    )


def test_contexts_are_counted_alone(shop):
    write_contexts(shop / ".coverage", shop / "imports", keep=lambda context: not context)

    assert read_any_coverage(shop / "imports").counts.covered == 2


def test_writing_contexts_replaces_what_was_there(shop):
    write_contexts(shop / ".coverage", shop / "some", keep=lambda _: True)
    write_contexts(shop / ".coverage", shop / "some", keep=lambda _: False)

    assert read_coverage_data(shop / "some").totals.covered == 0


def test_torn_data_is_refused(shop):
    body = (shop / ".coverage").read_bytes()
    (shop / ".coverage").write_bytes(body[:5000])

    with pytest.raises(BrokenEvidenceError):
        read_any_coverage(shop / ".coverage")


def test_data_of_no_file_is_no_hundred_percent(tmp_path):
    data = CoverageData(basename=str(tmp_path / ".coverage"))
    data.add_lines({})
    data.write()
    data.close()

    with pytest.raises(BrokenEvidenceError):
        read_any_coverage(tmp_path / ".coverage")


@pytest.mark.parametrize(
    ("files", "known", "folded"),
    [
        (["pkg/a/t.py", "a/t.py", "pkg/x.py"], ["a/t.py", "pkg/x.py"], ["pkg/a/t.py"]),
        (["pkg/a/t.py", "a/t.py"], ["a/t.py", "pkg/a/t.py"], []),
        (["build/lib/a/t.py", "a/t.py"], ["a/t.py"], []),
        (["pkg/t.py", "t.py", "pkg/x.py"], ["t.py", "pkg/x.py"], []),
        (["pkg/other.py", "a/t.py", "pkg/x.py"], ["a/t.py", "pkg/x.py"], []),
    ],
    ids=[
        "folded",
        "both there",
        "a copy elsewhere",
        "without a folder coverage.py folds nothing",
        "not measured, but unlike",
    ],
)
def test_a_source_that_was_folded_is_found(tmp_path, files, known, folded):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    assert folded_sources(known, tmp_path) == folded
