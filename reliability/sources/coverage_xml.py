"""Reads Cobertura XML, and believes its sums only where they agree with the lines.

The share is `(lines-covered + branches-covered) / (lines-valid + branches-valid)`; `line-rate` is rounded and
counts lines alone, so nobody reads it. Goals do not belong here.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from reliability.errors import BrokenEvidenceError
from reliability.sources.coverage_json import CoverageCounts, add
from reliability.sources.validation import read_evidence

_CURE: Final = "Write it anew with 'coverage xml'."
_TAKEN: Final = re.compile(r"\(([0-9]+)/([0-9]+)\)")
_SUMS: Final = {
    "statements": "lines-valid",
    "covered": "lines-covered",
    "branches": "branches-valid",
    "covered_branches": "branches-covered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageXml:
    """One Cobertura file.

    Attributes:
        version: Version of the tool that wrote it, as it says.
        roots: Folders that the names start from.
        files: Counts by file name; files of one name under several roots stand together.
    """

    version: str
    roots: tuple[str, ...]
    files: dict[str, CoverageCounts]


def read_coverage_xml(path: Path) -> CoverageXml:
    """Read a Cobertura file.

    Args:
        path: File that `coverage xml` or another tool wrote.

    Returns:
        Counts by file.

    Raises:
        MissingEvidenceError: There is no such file.
        BrokenEvidenceError: It is torn, is no Cobertura, defines entities or contradicts itself.
    """
    body = read_evidence(path, cure="Name the file that 'coverage xml' wrote.")
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as err:
        raise BrokenEvidenceError(f"{path} is no whole XML: {err}. {_CURE}") from err
    if root.tag != "coverage" or root.get("lines-valid") is None:
        raise BrokenEvidenceError(f"{path} begins with <{root.tag[:60]}>, which is no Cobertura report. {_CURE}")
    files: dict[str, CoverageCounts] = {}
    for element in root.iter("class"):
        name = element.get("filename", "")
        files[name] = add([counts for counts in (files.get(name), _counts(path, element)) if counts])
    told = {ours: _number(path, root, theirs) for ours, theirs in _SUMS.items()}
    if dict(add(files.values())) != told:
        raise BrokenEvidenceError(
            f"{path} says {told} in all, but its lines come to {dict(add(files.values()))}. {_CURE}"
        )
    roots = tuple(element.text.strip() for element in root.iter("source") if element.text)
    return CoverageXml(version=root.get("version", ""), roots=roots, files=dict(sorted(files.items())))


def _counts(path: Path, element: Element) -> CoverageCounts:
    lines = element.findall("lines/line")
    taken = covered = 0
    for line in lines:
        covered += _number(path, line, "hits") > 0
    branches = [_TAKEN.search(line.get("condition-coverage", "")) for line in lines if line.get("branch") == "true"]
    if None in branches:
        raise BrokenEvidenceError(f"{path} has a branch without its counts in {element.get('filename')}. {_CURE}")
    found = [match for match in branches if match is not None]
    taken = sum(int(match[1]) for match in found)
    ways = sum(int(match[2]) for match in found)
    if taken > ways:
        raise BrokenEvidenceError(f"{path} takes {taken} of {ways} branches in {element.get('filename')}. {_CURE}")
    return CoverageCounts(statements=len(lines), covered=covered, branches=ways, covered_branches=taken)


def _number(path: Path, element: Element, name: str) -> int:
    text = element.get(name, "0" if name.startswith("branches") else "")
    if not text.isdecimal():
        raise BrokenEvidenceError(f"{path} says {name}='{text[:60]}' of <{element.tag}>, no count. {_CURE}")
    return int(text)
