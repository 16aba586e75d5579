"""Cobertura: sums are believed only where they agree with the lines, and nothing outside is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import BrokenEvidenceError
from reliability.sources.coverage_xml import read_coverage_xml
from tests.evidence_file import read_bytes

WHOLE = """<?xml version="1.0" ?>
<coverage version="7.17.5" lines-valid="3" lines-covered="2" line-rate="0.6667" branches-valid="2" branches-covered="1">
<packages><package name="shop"><classes>
<class name="one.py" filename="shop/one.py"><methods/><lines>
<line number="1" hits="1" branch="true" condition-coverage="50% (1/2)" missing-branches="3"/>
<line number="2" hits="0"/>
<line number="3" hits="7"/>
</lines></class>
</classes></package></packages>
</coverage>
"""


def read(text):
    return read_bytes(read_coverage_xml, text.encode(), "coverage.xml")


def test_counts_are_those_of_the_lines():
    found = read(WHOLE)

    assert found.version == "7.17.5"
    assert {name: tuple(dict(counts).values()) for name, counts in found.files.items()} == {"shop/one.py": (3, 2, 2, 1)}


def test_files_of_one_name_under_several_roots_count_together():
    again = WHOLE[WHOLE.index("<class ") : WHOLE.index("</classes>")]
    text = WHOLE.replace("</classes>", f"{again}</classes>")
    for name, value in (("lines-valid", 3), ("lines-covered", 2), ("branches-valid", 2), ("branches-covered", 1)):
        text = text.replace(f'{name}="{value}"', f'{name}="{2 * value}"')

    assert tuple(dict(read(text).files["shop/one.py"]).values()) == (6, 4, 4, 2)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('lines-valid="3"', 'lines-valid="4"', "come to"),
        ('lines-covered="2"', 'lines-covered="3"', "come to"),
        ('branches-valid="2"', 'branches-valid="0"', "come to"),
        ('branches-covered="1"', 'branches-covered="2"', "come to"),
        ('lines-valid="3"', "", "no Cobertura"),
        ('lines-covered="2"', "", "no count"),
        ('lines-covered="2"', 'lines-covered="2.0"', "no count"),
        ('hits="7"', 'hits="-7"', "no count"),
        ('hits="7"', "", "no count"),
        ("(1/2)", "", "without its counts"),
        ("(1/2)", "(3/2)", "takes 3 of 2"),
        ("<coverage ", "<testsuite ", "no whole XML"),
        ('<line number="2" hits="0"/>', "", "come to"),
    ],
)
def test_what_cannot_be_a_total_is_refused(old, new, reason):
    with pytest.raises(BrokenEvidenceError, match=reason):
        read(WHOLE.replace(old, new, 1))


@pytest.mark.parametrize(
    "doctype",
    ['<!DOCTYPE coverage [<!ENTITY a "b">]>', '<!DOCTYPE coverage [<!ENTITY a SYSTEM "file:///etc/passwd">]>'],
    ids=["entity", "outside"],
)
def test_entities_are_refused(doctype):
    with pytest.raises(BrokenEvidenceError):
        read(WHOLE.replace("<coverage", f"{doctype}<coverage", 1).replace("shop/one.py", "&a;"))


def test_the_doctype_of_other_tools_is_no_entity():
    doctype = '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'

    assert read(WHOLE.replace("<coverage", f"{doctype}<coverage", 1)) == read(WHOLE)


@given(cut=st.integers(0, len(WHOLE.rstrip()) - 1))
def test_a_file_that_was_cut_anywhere_is_refused(cut):
    with pytest.raises(BrokenEvidenceError):
        read(WHOLE[:cut])
