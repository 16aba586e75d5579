"""The gate's decision in the forms that people and CI systems read: text, JSON, Markdown, JUnit.

One decision feeds all four; the exit status is the same in each. Words come from the
catalogues. Text of users is escaped here, since Markdown and XML are made nowhere else.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from jinja2 import TemplateError
from markupsafe import Markup

from reliability.report.environment import page_environment
from reliability.report.frame import page_files
from reliability.report.gate import Gate
from reliability.report.index_view import judge_found, reason_of, release_headline, report_title
from reliability.report.marks import status_of
from reliability.report.own_view import check_texts, is_own
from reliability.report.words import Words

Json = Mapping[str, Any]
_SHOWN_REPORTS: Final = 100
_SHOWN_FIGURES: Final = 4
_SHOWN_LENGTH: Final = 300  # characters of one foreign text: a summary has at most 1 MB
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]|~@#!$]|:(?=/)|\.(?<=www\.))", re.IGNORECASE)
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CARD: Final = re.compile(r'<h2>(.*?)</h2><p class="big">(.*?)</p>', re.DOTALL)
_ELEMENTS: Final = {"FAIL": "failure", "NO_DATA": "error", "INCONCLUSIVE": "skipped", "UNKNOWN": "skipped"}
_VERDICT_OF: Final = {"UNKNOWN": "INCONCLUSIVE"}  # an unknown check leaves its report undecided


def as_text(gate: Gate) -> str:
    """Write one line a report and one for the run, without a last line end."""
    samples = {name: f" (sample {data['sample']})" for name, data in gate.reports.items() if data.get("sample")}
    lines = [
        f"{name}{samples.get(name, '')}: {data['verdict']}: {data['headline']}" for name, data in gate.reports.items()
    ]
    lines += [f"{name}: NO_DATA: {told}" for name, told in gate.problems.items()]
    return "\n".join([*lines, f"{gate.verdict.value}: {f'run {gate.run_id}' if gate.run_id else 'no run was judged'}"])


def as_json(gate: Gate, problem: str) -> str:
    """Write verdict, status, and for each report its verdict, sentence and checks.

    Args:
        gate: The decision.
        problem: Why there is no run to judge, or nothing.

    Returns:
        Indented JSON.
    """
    kept = ("verdict", "reason", "headline", "cautions", "checks")
    data: dict[str, Any] = {
        "run_id": gate.run_id, "verdict": gate.verdict.value, "status": gate.status,
        "reports": {name: {key: report.get(key) for key in kept} for name, report in gate.reports.items()},
        "problems": {**gate.problems, **({"run": problem} if problem else {})},
    }  # fmt: skip
    return json.dumps(data, indent=1, ensure_ascii=False)


def as_markdown(gate: Gate, problem: str, *, words: Words, outputs: Path, base: str, is_release: bool) -> str:
    """Write a summary for the page of a CI job: the sentence, then a table of the reports.

    Args:
        gate: The decision.
        problem: Why there is no run to judge, or nothing.
        words: Main language.
        outputs: Folder of all results; only pages that exist are linked.
        base: Address of that folder; empty for relative links.
        is_release: Whether all that a release needs was judged, so that the sentence may speak of the release.

    Returns:
        Markdown of less than 1 MB; text of users is inert in it.
    """
    if problem:
        return f"**{_status_word(words, 'none')}**: {_markdown(problem)}"
    judgement = judge_found(gate.reports, (*gate.reports, *gate.problems))
    names = [one.report for one in judgement.gates]
    first = gate.reports.get(names[0])
    sentence = release_headline(judgement, gate.reports, words) if is_release else _told(gate, names[0], words)
    subject = "" if is_release else f"{_markdown(report_title(names[0], first, words))}: "
    head = [words.plain(key) for key in ("index.c_report", "frame.result", "index.c_numbers", "index.c_sentence")]
    rows = [(_link(name, gate, words, outputs, base), *_result(gate, name, words)) for name in names[:_SHOWN_REPORTS]]
    table = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    rest = words.plain("index.more_reports", count=len(names) - len(rows)) if len(names) > len(rows) else ""
    foot = f"{words.plain('frame.fact.run')}: {_markdown(gate.run_id)}"
    return "\n".join([f"**{subject}{_markdown(sentence)}**", "", *table, "", *([rest, ""] if rest else []), foot])


def _told(gate: Gate, name: str, words: Words) -> str:
    """Say what a report says, or why it cannot be read."""
    return gate.problems.get(name) or reason_of(gate.reports[name], words)


def _link(name: str, gate: Gate, words: Words, outputs: Path, base: str) -> str:
    """Name a report, as a link to its page where there is one."""
    title = _markdown(report_title(name, gate.reports.get(name), words))
    page = f"runs/{gate.run_id}/{page_files(name, words.language)[words.language]}"
    if not (outputs / page).is_file():
        return title
    address = "/".join([*([base.rstrip("/")] if base else []), page])
    return f"[{title}](<{quote(address, safe=':/?#@=&%+,;~')}>)"


def _result(gate: Gate, name: str, words: Words) -> tuple[str, str, str]:
    """Write the other cells of a row: result, key numbers, sentence."""
    report = gate.reports.get(name)
    if report is None:
        return _status_word(words, "none"), "", _markdown(gate.problems[name])
    sample = f" ({words.plain('index.sample')})" if report.get("sample") else ""
    numbers = "<br>".join(_markdown(text) for text in _key_numbers(report, words))
    word = _status_word(words, status_of(report["verdict"], report["cautions"]))
    return f"{word}{sample}", numbers, _markdown(_told(gate, name, words))


def as_junit(gate: Gate, problem: str, *, words: Words) -> str:
    """Write one test case a check: FAIL is a failure, NO_DATA an error, undecided is skipped.

    A report whose checks do not show its verdict, and one that cannot be read, get a case of their own, so
    that the colour of the test report is that of the gate.
    """
    root = ET.Element("testsuites", name="reliability")
    for name, report in gate.reports.items():
        _suite(root, name, _cases(report, words))
    for name, told in gate.problems.items():
        _suite(root, name, [("verdict", "NO_DATA", told)])
    if problem:
        _suite(root, "gate", [("run", "NO_DATA", problem)])
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}'


def _suite(root: ET.Element, name: str, cases: list[tuple[str, str, str]]) -> None:
    """Add the cases of one report: name, verdict and what was seen."""
    counts = Counter(_ELEMENTS.get(verdict) for _, verdict, _ in cases)
    suite = ET.SubElement(
        root, "testsuite", name=_xml(name), tests=str(len(cases)), failures=str(counts["failure"]),
        errors=str(counts["error"]), skipped=str(counts["skipped"]), time="0",
    )  # fmt: skip
    for title, verdict, told in cases:
        case = ET.SubElement(suite, "testcase", classname=_xml(name), name=_xml(title), time="0")
        if verdict in _ELEMENTS:
            ET.SubElement(case, _ELEMENTS[verdict], message=_xml(told)).text = _xml(f"{verdict}: {told}")
        else:
            ET.SubElement(case, "system-out").text = _xml(told)


def _cases(report: Json, words: Words) -> list[tuple[str, str, str]]:
    """List the checks of a report; its verdict too where no check shows it."""
    cases, seen = [], Counter[str]()
    for check in report["checks"]:
        name, rule, found = _check_texts(check, report, words)
        seen[name] += 1
        verdict = "PASS" if report["verdict"] == "PASS" else check["verdict"]  # advice closes no gate
        cases.append((f"{name} ({seen[name]})" if seen[name] > 1 else name, verdict, f"{rule}: {found}"))
    if report["verdict"] not in {_VERDICT_OF.get(verdict, verdict) for _, verdict, _ in cases}:
        error = report.get("error", {}).get("message", "")
        cases.insert(0, ("verdict", report["verdict"], f"{report['headline']} {error}".strip()))
    return cases


def _check_texts(check: Json, report: Json, words: Words) -> tuple[str, str, str]:
    """Write name, rule and what was seen of a check; its values where there are no words for it."""
    values = {**check["values"], "verdict": check["verdict"], "reason": check.get("reason")}
    key, parts = f"{report['topic']}.check.{check['id']}", ("name", "rule", "seen")
    try:
        texts = check_texts(check, words) if is_own(check) else {p: words.plain(f"{key}.{p}", **values) for p in parts}
    except (KeyError, TemplateError, TypeError):
        told = ", ".join(f"{name} {value}" for name, value in check["values"].items() if value is not None)
        return str(check["values"].get("name", check["id"])), str(check.get("reason", "")), told
    return texts["name"], texts["rule"], texts["seen"]


def _key_numbers(report: Json, words: Words) -> Iterator[str]:
    """Write the first numbers of a report: its key figures as the page has them, else its checks."""
    figures: Any = page_environment(words.language).globals["figures_of"]
    macros = figures(report["topic"]).module
    for figure in report["figures"][:_SHOWN_FIGURES]:
        for title, big in _CARD.findall(str(getattr(macros, figure["id"])(figure, report))):
            yield f"{Markup(title).striptags()}: {Markup(big).striptags()}"  # noqa: S704 -- our own macros' HTML
    for check in report["checks"][:_SHOWN_FIGURES] if not report["figures"] else ():
        name, _, found = _check_texts(check, report, words)
        yield f"{name}: {found}"


def _status_word(words: Words, status: str) -> str:
    return words.plain(f"frame.status.{status}")


def _markdown(text: str) -> str:
    """Make foreign text inert in a cell of a Markdown table; HTML that is escaped already stays so."""
    plain = " ".join((text.unescape() if isinstance(text, Markup) else text).split())
    short = plain if len(plain) <= _SHOWN_LENGTH else f"{plain[: _SHOWN_LENGTH - 1]}…"
    return _MARKDOWN.sub(r"\\\1", html.escape(_NO_XML.sub("\ufffd", short), quote=False))


def _xml(text: str) -> str:
    """Replace what XML 1.0 cannot hold."""
    return _NO_XML.sub("\ufffd", text)
