"""Coverage JSON: the same total as `coverage report`, or a refusal."""

import io
import json
from fractions import Fraction
from pathlib import Path

import coverage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.coverage_json import CoverageCounts, CoverageReport, read_coverage
from tests.evidence_file import read_bytes


def decode_coverage(body: bytes, *, where: str) -> CoverageReport:
    return read_bytes(read_coverage, body, where)


def summary(statements: int, covered: int, branches: int = 0, covered_branches: int = 0) -> dict[str, object]:
    total = statements + branches
    return {
        "covered_lines": covered,
        "num_statements": statements,
        "missing_lines": statements - covered,
        "percent_covered": 100.0 * (covered + covered_branches) / total if total else 100.0,
        "percent_covered_display": "35",
        "num_branches": branches,
        "covered_branches": covered_branches,
    }


def document(files: dict[str, tuple[int, int, int, int]], format_: int | None = 3) -> dict[str, object]:
    meta: dict[str, object] = {"version": "7.17.5", "branch_coverage": True}
    if format_ is not None:
        meta["format"] = format_
    sums = [sum(counts[i] for counts in files.values()) for i in range(4)]
    return {
        "meta": meta,
        "files": {path: {"summary": summary(*counts)} for path, counts in files.items()},
        "totals": summary(*sums),
    }


def body(files: dict[str, tuple[int, int, int, int]], format_: int | None = 3) -> bytes:
    return json.dumps(document(files, format_)).encode()


def covered_of(whole: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.just(whole), st.integers(0, whole))


modules = st.tuples(st.integers(1, 5000).flatmap(covered_of), st.integers(0, 3000).flatmap(covered_of)).map(
    lambda pair: (*pair[0], *pair[1])
)


@given(files=st.dictionaries(st.sampled_from(["a.py", "b.py", "c.py", "d.py"]), modules, min_size=1))
def test_the_total_is_all_that_is_covered_of_all_that_can_be(files: dict[str, tuple[int, int, int, int]]) -> None:
    report = decode_coverage(body(files), where="coverage.json")

    covered = sum(c + cb for _, c, _, cb in files.values())
    total = sum(s + b for s, _, b, _ in files.values())
    assert report.totals.fraction == Fraction(covered, total)
    assert report.totals.missing == total - covered
    assert list(report.modules) == sorted(files)


@given(files=st.dictionaries(st.sampled_from(["a.py", "b.py"]), modules, min_size=1), data=st.data())
def test_a_file_cut_anywhere_is_refused(files: dict[str, tuple[int, int, int, int]], data: st.DataObject) -> None:
    whole = body(files)
    torn = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with pytest.raises(BrokenEvidenceError):
        decode_coverage(torn, where="coverage.json")


def test_the_total_equals_that_of_coverage_report(tmp_path: Path) -> None:
    source = tmp_path / "shop.py"
    source.write_text(
        "def price(n):\n    if n > 3:\n        return 1\n    for i in range(n):\n        n += i\n    return n\n"
    )
    measured = coverage.Coverage(data_file=None, branch=True, include=[str(source)], config_file=False, messages=False)
    with measured.collect():
        namespace: dict[str, object] = {}
        exec(compile(source.read_text(), str(source), "exec"), namespace)  # noqa: S102 -- our own three lines
        price = namespace["price"]
        assert callable(price)
        price(5)
    percent = measured.report(file=io.StringIO())
    measured.json_report(outfile=str(tmp_path / "coverage.json"))

    report = read_coverage(tmp_path / "coverage.json")

    assert report.totals.fraction is not None
    assert float(100 * report.totals.fraction) == pytest.approx(percent, abs=1e-9)
    assert report.meta.branch_coverage


@pytest.mark.parametrize("format_", [None, 2, 3])
def test_each_known_format_is_read(format_: int | None) -> None:
    assert decode_coverage(body({"a.py": (10, 3, 0, 0)}, format_), where="x").totals.fraction == Fraction(3, 10)


def test_an_unknown_format_is_refused_with_its_number() -> None:
    with pytest.raises(BrokenEvidenceError, match="format = 4"):
        decode_coverage(body({"a.py": (10, 3, 0, 0)}, 4), where="x")


@pytest.mark.parametrize("files", [{}, {"a.py": (0, 0, 0, 0)}], ids=["no file at all", "files without statements"])
def test_nothing_measured_is_not_a_hundred_percent(files: dict[str, tuple[int, int, int, int]]) -> None:
    with pytest.raises(BrokenEvidenceError, match="not 100 %"):
        decode_coverage(body(files), where="x")


@pytest.mark.parametrize("key", ["num_statements", "covered_lines", "num_branches", "covered_branches"])
def test_a_total_that_is_not_the_sum_of_the_files_is_refused(key: str) -> None:
    changed = document({"a.py": (10, 3, 4, 1), "b.py": (5, 5, 0, 0)})
    totals = changed["totals"]
    assert isinstance(totals, dict)
    totals[key] += 1

    with pytest.raises(BrokenEvidenceError, match="the files come to"):
        decode_coverage(json.dumps(changed).encode(), where="x")


def test_a_module_without_statements_has_no_percentage() -> None:
    report = decode_coverage(body({"a.py": (4, 4, 0, 0), "empty/__init__.py": (0, 0, 0, 0)}), where="x")

    assert report.modules["empty/__init__.py"].fraction is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("covered_lines", 11),
        ("covered_lines", -1),
        ("covered_lines", 3.0),
        ("covered_lines", True),
        ("covered_branches", 5),
        ("num_statements", "10"),
    ],
)
def test_counts_that_cannot_be_are_refused(key: str, value: object) -> None:
    changed = document({"a.py": (10, 3, 4, 1)})
    totals = changed["totals"]
    assert isinstance(totals, dict)
    totals[key] = value

    with pytest.raises(BrokenEvidenceError, match="totals"):
        decode_coverage(json.dumps(changed).encode(), where="x")


@pytest.mark.parametrize(
    "foreign",
    [b"", b"<html>502</html>", b"[]", b"null", b'{"meta": {}}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "HTML", "a list", "null", "no version", "not UTF-8", "nested deeply"],
)
def test_a_foreign_file_is_refused_with_its_name(foreign: bytes) -> None:
    with pytest.raises(BrokenEvidenceError, match=r"/shop\.json"):
        decode_coverage(foreign, where="shop.json")


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="make test"):
        read_coverage(tmp_path / "none.json")


def test_a_path_is_kept_as_it_was_written() -> None:
    name = '<script>alert("x")</script>.py'

    assert list(decode_coverage(body({name: (1, 1, 0, 0)}), where="x").modules) == [name]


def test_counts_know_what_is_missing() -> None:
    counts = CoverageCounts(statements=10, covered=7, branches=4, covered_branches=1)

    assert (counts.total, counts.missing, counts.fraction) == (14, 6, Fraction(8, 14))
