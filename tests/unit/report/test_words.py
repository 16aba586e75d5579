import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, UndefinedError, meta
from markupsafe import Markup

from reliability.report.verdict_view import headline, lead
from reliability.report.words import LANGUAGES, Words, read_catalogue
from reliability.shipped import shipped_folder
from tests.unit.report import examples

SYNTAX = Environment(autoescape=False)  # noqa: S701 -- only parses, renders no page
CANARY_REASONS = (
    "inside-budget", "over-budget", "over-budget-latency", "over-budget-errors", "over-budget-both", "over-budget-late",
    "buckets-missing", "requests-missing",
    "not-enough-evidence", "not-enough-evidence-latency", "not-enough-evidence-errors", "not-enough-evidence-both",
    "too-few-requests", "too-few-scrapes", "buckets-too-coarse", "overflow-bucket", "bounds-differ",
    "server-warning", "data-gap",
    "no-traffic", "no-traffic-baseline", "no-traffic-canary", "missing-evidence", "broken-evidence",
    "prometheus-unreachable", "prometheus-answer", "notebook-failed",
    "breaker-open", "prometheus-busy", "prometheus-auth", "query-too-big", "query-too-slow",
    "replica-gone", "error-label-missing", "requests-differ",
    "traffic-split", "restart-loss", "birth-unknown", "replicas-differ", "clock-skew", "stale-data", "mixed-releases",
    "unit-doubtful", "over-budget-routes", "routes-undecided", "no-route-judged", "mean-over-budget",
    "baseline-failing",
    "over-budget-not-after-holm", "foreign-history",
)  # fmt: skip


def placeholders(text: str) -> set[str]:
    """Return the names that a string needs values for."""
    if "{" not in text:
        return set()
    for name in ("number", "percent", "level", "exact", "signed_percent", "points", "ms", "seconds", "duration",
                 "minutes", "instant", "day", "clock", "interval", "plural", "named"):  # fmt: skip
        SYNTAX.filters.setdefault(name, str)
    return meta.find_undeclared_variables(SYNTAX.parse(text)) - {"span"}


def test_both_languages_have_the_same_keys() -> None:
    english, spanish = (set(read_catalogue(language)) for language in ("en", "es"))

    assert english ^ spanish == set()


def test_every_string_takes_the_same_values_in_both_languages() -> None:
    english, spanish = read_catalogue("en"), read_catalogue("es")

    different = {k for k in english if placeholders(english[k]) != placeholders(spanish[k])}

    assert different == set()


def test_lists_have_as_many_lines_in_both_languages() -> None:
    english, spanish = read_catalogue("en"), read_catalogue("es")

    assert {k for k in english if english[k].count("\n") != spanish[k].count("\n")} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_hold_no_markup_so_that_one_string_serves_pages_and_terminals(language: str) -> None:
    assert {key for key, text in read_catalogue(language).items() if set("<>&") & set(_bare(text))} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_spanish_and_english_use_no_ascii_minus_before_a_number(language: str) -> None:
    assert {key for key, text in read_catalogue(language).items() if " -{{" in text} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", CANARY_REASONS)
def test_every_reason_has_a_short_headline_and_lead(reason: str, language: str) -> None:
    report = _report_for(reason)

    assert 1 <= len(headline(report, language=language).split(" ")) <= 13
    assert 1 <= len(lead(report, language=language).split(" ")) <= 35
    assert Words(language).knows(f"canary.verdict.{reason}.headline")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", [*CANARY_REASONS, "load-differs", "mix-differs"])
def test_two_windows_have_short_words_too_and_none_that_speak_of_promoting(reason: str, language: str) -> None:
    report = examples.before_after(dict(_report_for(reason)))

    said, more = headline(report, language=language), lead(report, language=language)

    assert 1 <= len(said.split(" ")) <= 13
    assert 1 <= len(more.split(" ")) <= 35
    assert not re.search("promot|promov|roll back|revertir", f"{said} {more}", re.IGNORECASE)


@pytest.mark.parametrize(
    "reason",
    ["inside-budget", "over-budget-latency", "over-budget-both", "over-budget-routes", "not-enough-evidence-latency",
     "not-enough-evidence-both", "too-few-requests", "over-budget-late", "load-differs", "mix-differs"],
)  # fmt: skip
def test_a_lead_of_two_windows_says_that_they_lie_apart(reason: str) -> None:
    report = examples.before_after(dict(_report_for(reason)))

    assert lead(report, language="en").startswith("Measured at different times")
    assert lead(report, language="es").startswith("Medido en momentos distintos")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verdict_of_the_frame_has_words_for_reports_without_their_own(language: str) -> None:
    words = Words(language)

    assert all(
        words.knows(f"frame.verdict.{v}.{p}")
        for v in ("PASS", "FAIL", "INCONCLUSIVE", "NO_DATA")
        for p in ("headline", "lead")
    )


def test_values_are_escaped_for_pages_and_plain_for_terminals() -> None:
    words = Words("en")

    assert words.text("canary.queries.source", source="<b>") == Markup("Source: &lt;b&gt;")
    assert words.plain("canary.queries.source", source="<b>") == "Source: <b>"


@pytest.mark.parametrize(
    ("name", "spanish"),
    [("(other routes)", "(otras rutas)"), ("", "(sin valor)"), ("/\u202egro", r"/\u202egro"), ("/b", "/b")],
)
def test_a_name_of_ours_is_translated_and_an_invisible_letter_escaped(name: str, spanish: str) -> None:
    assert Words("es").named(name) == spanish


def test_a_recorded_capture_is_called_so_in_the_language_of_the_page() -> None:
    assert Words("es").source("recorded capture 'pass'") == "captura grabada \u00abpass\u00bb"
    assert Words("en").source("recorded capture 'pass'") == "recorded capture 'pass'"
    assert Words("es").source("http://prometheus:9090") == "http://prometheus:9090"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="source"):
        Words("en").text("canary.queries.source")


def test_an_unknown_key_names_the_catalogue() -> None:
    with pytest.raises(KeyError, match=r"templates/i18n/es has no words for 'canary\.nothing'"):
        Words("es").text("canary.nothing")


def test_lines_that_come_out_empty_are_left_out() -> None:
    report = examples.undecided_report()
    report["latency"]["minutes_needed"] = None

    lines = Words("en").lines("canary.next.INCONCLUSIVE", **report)

    assert len(lines) == 2
    assert "longer window" in lines[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_files_are_named_alike(language: str) -> None:
    folders = [Path("templates/i18n") / code for code in LANGUAGES]

    assert {key.split(".")[0] for key in read_catalogue(language)} >= {"frame", "canary", "index"}
    assert len({tuple(sorted(f.name for f in folder.glob("*.toml"))) for folder in folders}) == 1


def _bare(text: str) -> str:
    """Drop placeholders and conditions, which may compare and quote."""
    for opening, closing in (("{{", "}}"), ("{%", "%}")):
        while opening in text:
            start = text.index(opening)
            text = text[:start] + text[text.index(closing, start) + 2 :]
    return text


def _report_for(reason: str) -> Mapping[str, Any]:
    """Return a report whose headline and lead are those of this reason."""
    stem, _, detail = next(
        (
            (s, "-", reason.removeprefix(f"{s}-"))
            for s in ("over-budget", "not-enough-evidence")
            if reason.startswith(f"{s}-") and reason != "over-budget-late"
        ),
        (reason, "", ""),
    )
    if stem == "inside-budget":
        return examples.canary_report()
    if stem.startswith("over-budget"):
        report = examples.failing_report(reason=stem)
    elif stem in {
        "missing-evidence",
        "broken-evidence",
        "prometheus-unreachable",
        "prometheus-answer",
        "notebook-failed",
        "breaker-open",
        "prometheus-busy",
        "prometheus-auth",
        "query-too-big",
        "query-too-slow",
    }:
        return examples.report_without_evidence(stem)
    else:
        report = examples.undecided_report(reason=stem)
        report["verdict"] = "NO_DATA" if stem.startswith("no-traffic") else "INCONCLUSIVE"
    for check, seen in examples.SEEN.items():
        for code, values in seen.items():
            if reason in (code, f"{code}-{check}"):
                report["checks"].append({"id": check, "verdict": report["verdict"], "reason": code, "values": values})
    for check in report["checks"]:
        check["verdict"] = report["verdict"] if detail in (check["id"], "both") else "PASS"
    return report


@pytest.mark.parametrize("template", sorted(shipped_folder("templates").rglob("*.html.j2")), ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}", " ", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", text)

    assert set(re.findall(r"[^\W\d_]{2,}", text)) <= {"reliability"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_late_rise_of_errors_does_not_speak_of_latency(language: str) -> None:
    report = dict(_report_for("over-budget-late"))
    report["checks"] = [
        {**check, "verdict": "FAIL" if check["id"] == "errors" else "PASS"} for check in report["checks"]
    ]

    said = f"{headline(report, language=language)} {lead(report, language=language)}"

    assert "fail" in said or "falla" in said
    assert not re.search("slower|lento", said)
