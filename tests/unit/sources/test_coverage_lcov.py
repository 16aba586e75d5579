"""LCOV: sums are believed only where they agree with the lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError
from reliability.sources.coverage_lcov import read_lcov
from tests.evidence_file import read_bytes

WHOLE = """SF:shop/one.py
DA:1,1
DA:2,0
BRDA:1,0,jump to line 2,0
BRDA:1,0,jump to line 3,1
LF:2
LH:1
BRF:2
BRH:1
end_of_record
"""


def read(text):
    return read_bytes(read_lcov, text.encode(), "coverage.lcov")


def record(name, hits, branches):
    lines = [f"DA:{number},{hit}" for number, hit in enumerate(hits, 1)]
    ways = [f"BRDA:1,0,{number},{taken}" for number, taken in enumerate(branches)]
    sums = [f"LF:{len(hits)}", f"LH:{sum(hit > 0 for hit in hits)}"] if hits else []
    if branches:
        sums += [f"BRF:{len(branches)}", f"BRH:{sum(taken not in ('-', 0) for taken in branches)}"]
    return "\n".join([f"SF:{name}", *lines, *ways, *sums, "end_of_record", ""])


@given(
    files=st.dictionaries(
        st.from_regex(r"[a-z]{1,5}/[a-z]{1,5}\.py", fullmatch=True),
        st.tuples(st.lists(st.integers(0, 3)), st.lists(st.sampled_from([0, 1, "-"]))),
        min_size=1,
    )
)
def test_counts_are_those_of_the_lines(files):
    text = "".join(record(name, *parts) for name, parts in files.items())

    found = read(text)

    for name, (hits, branches) in files.items():
        expected = (len(hits), sum(h > 0 for h in hits), len(branches), sum(b == 1 for b in branches))
        assert tuple(dict(found[name]).values()) == expected


def test_line_ends_of_windows_are_read_alike():
    assert read(WHOLE.replace("\n", "\r\n")) == read(WHOLE)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("LF:2\n", "", "no LF or LH"),
        ("LH:1\n", "", "no LF or LH"),
        ("LF:2", "LF:3", "come to"),
        ("LH:1", "LH:2", "come to"),
        ("BRF:2\n", "", "come to"),
        ("BRH:1", "BRH:2", "come to"),
        ("DA:2,0\n", "", "come to"),
        ("LF:2", "LF:two", "no one number"),
        ("LF:2", "LF:2\nLF:2", "no one number"),
        ("LF:2", "LF:-2", "no one number"),
        ("DA:2,0", "DA:2", "tells no count"),
        ("DA:2,0", "DA:2,x", "tells no count"),
        ("SF:shop/one.py\n", "", "0 SF lines"),
        ("DA:1,1", "SF:shop/two.py\nDA:1,1", "2 SF lines"),
        ("end_of_record\n", "", "torn"),
    ],
)
def test_what_cannot_be_a_total_is_refused(old, new, reason):
    with pytest.raises(BrokenEvidenceError, match=reason):
        read(WHOLE.replace(old, new, 1))


def test_a_file_that_stands_there_twice_is_refused():
    with pytest.raises(BrokenEvidenceError, match="twice"):
        read(WHOLE * 2)


@given(cut=st.integers(1, len(WHOLE) - 1))
def test_a_file_that_was_cut_anywhere_is_refused(cut):
    if WHOLE[:cut].rstrip("\n") != WHOLE.rstrip("\n"):
        with pytest.raises(BrokenEvidenceError):
            read(WHOLE[:cut])


def test_other_bytes_are_refused(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"SF:\xff\nend_of_record\n")

    with pytest.raises(BrokenEvidenceError, match="UTF-8"):
        read_lcov(tmp_path / "a")
