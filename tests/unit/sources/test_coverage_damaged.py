"""Damaged files of coverage: refused as evidence, never an error of another kind."""

import sqlite3
from contextlib import closing, suppress

import coverage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError
from reliability.sources.coverage_file import read_any_coverage

MODULE = "def a(n):\n    if n:\n        return 1\n    return 2\n\n\na(1)\n"
PLACES = st.integers(0, 10**6)
NAMES = (".coverage", "coverage.json", "coverage.lcov", "coverage.xml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a measured module, and the bytes of its coverage in each format."""
    folder = tmp_path_factory.mktemp("whole")
    source = folder / "shop.py"
    source.write_text(MODULE)
    data = folder / ".coverage"
    measured = coverage.Coverage(data_file=str(data), branch=True, include=[str(source)], config_file=False)
    with measured.collect():
        exec(compile(MODULE, str(source), "exec"), {})  # noqa: S102 -- our own lines
    measured.save()
    measured.json_report(outfile=str(folder / "coverage.json"))
    measured.lcov_report(outfile=str(folder / "coverage.lcov"))
    measured.xml_report(outfile=str(folder / "coverage.xml"))
    bodies = {name: (folder / name).read_bytes() for name in NAMES}
    return folder, bodies


def read(folder, name, body):
    path = folder / f"damaged{name}"
    path.write_bytes(body)
    try:
        return read_any_coverage(path)
    finally:
        path.unlink()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(whole, name, data):
    folder, bodies = whole
    body = bodies[name] if name == ".coverage" else bodies[name].rstrip()
    cut = data.draw(PLACES) % len(body)

    with pytest.raises(BrokenEvidenceError):
        read(folder, name, body[:cut])


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_bytes_that_changed_never_raise_anything_else(whole, name, data):
    folder, bodies = whole
    body = bytearray(bodies[name])
    place = data.draw(PLACES) % len(body)
    new = data.draw(st.binary(min_size=1, max_size=9))
    body[place : place + len(new)] = new

    with suppress(BrokenEvidenceError):
        read(folder, name, bytes(body))


@pytest.mark.parametrize("path", [None, b"\xc8", 7], ids=["no path", "no text", "a number"])
def test_rows_that_cannot_be_are_refused(whole, path, tmp_path):
    folder, bodies = whole
    data = tmp_path / "data"
    data.write_bytes(bodies[".coverage"])
    with closing(sqlite3.connect(data)) as database, database:
        database.execute(
            "UPDATE file SET path = CASE WHEN typeof(?1) = 'blob' THEN CAST(?1 AS TEXT) ELSE ?1 END", [path]
        )

    with pytest.raises(BrokenEvidenceError):
        read_any_coverage(data, sources=folder)


def test_the_whole_files_agree(whole):
    folder, bodies = whole

    assert {read(folder, name, bodies[name]).counts.fraction for name in NAMES} == {
        read_any_coverage(folder / ".coverage").counts.fraction
    }
