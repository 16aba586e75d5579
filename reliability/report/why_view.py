"""Why a verdict is what it is: the checks, what is undecided, the case for the other verdict, the routes.

Numbers and verdicts come judged; here they are put into words and rows. A report made before
there were such numbers has its checks only.
"""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from reliability.report.arm_words import arm_names, key_of, told
from reliability.report.own_view import check_texts, is_own
from reliability.report.words import Words

Data = Mapping[str, Any]
MOST_ROUTES_DRAWN: Final = 12
_MOST_ROUTES_LISTED: Final = 25
_PARTS: Final = ("name", "rule", "seen")


def view_checks(data: Data, words: Words) -> dict[str, object]:
    """Derive the words of each check, what is still needed, and both sides of each measure."""
    case = data.get("other_case") or {"for": None, "measures": []}
    return {
        "rows": [{**_check_words(check, data, words), "verdict": check["verdict"]} for check in data["checks"]],
        "undecided": [_still_needed(one, data, words) for one in data.get("undecided", ())],
        "speaks_for": case["for"],
        "case": [_case(measure, data, words) for measure in case["measures"] if _is_spoken(measure, case)],
        "measures": [_measure_row(measure, data, words) for measure in case["measures"]],
    }


def view_routes(data: Data, words: Words) -> dict[str, object]:
    """Derive the sentence about all routes, the Simpson line and the words of each row."""
    routes = data["routes"]
    if routes is None:
        return {}
    verdicts = [row["verdict"] for row in routes["judged"]]
    counts = {f"{name.lower()}_count": verdicts.count(name) for name in ("PASS", "FAIL", "INCONCLUSIVE")}
    values = {**routes, **counts, "judged_count": len(verdicts), "unjudged_count": len(routes["not_judged"])}
    return {
        "sentence": told(data, "routes.sentence", words, **values),
        "verdict": next((name for name in ("FAIL", "INCONCLUSIVE", "PASS") if name in verdicts), "INCONCLUSIVE"),
        "judged": routes["judged"][:_MOST_ROUTES_LISTED],
        "more_judged": max(0, len(verdicts) - _MOST_ROUTES_LISTED),
        "unjudged_title": told(data, "routes.unjudged_title", words, count=values["unjudged_count"]),
        "unjudged": [
            {**row, "why": told(data, key, words, **row) if key_of(data, key, words) else row["reason"]}
            for row in routes["not_judged"][:_MOST_ROUTES_LISTED]
            for key in [f"routes.unjudged.{row['reason']}"]
        ],
        "more_unjudged": max(0, len(routes["not_judged"]) - _MOST_ROUTES_LISTED),
        "drawn_count": min(len(verdicts), MOST_ROUTES_DRAWN),
    }


def _check_words(check: Data, data: Data, words: Words) -> Mapping[str, str]:
    """Return name, rule and what was seen; a check of a newer judge has its bare name."""
    if is_own(check):
        return check_texts(check, words)
    path = f"check.{check['id']}"
    if key_of(data, f"{path}.name", words) is None:
        return {"name": check["id"], "rule": "", "seen": ""}
    values = {
        **check["values"], "verdict": check["verdict"], "reason": check.get("reason"), "arms": arm_names(data, words),
    }  # fmt: skip
    return {part: told(data, f"{path}.{part}", words, **values) for part in _PARTS}


def _measure_name(measure: str, route: str | None, data: Data, words: Words) -> Markup:
    path = "why.route" if measure == "route" else f"check.{measure}.name"
    known = key_of(data, path, words)
    return told(data, path, words, route=route) if known else Markup.escape(measure)


def _still_needed(one: Data, data: Data, words: Words) -> Markup:
    """Say how many more requests and minutes a check needs, or that these are no cure."""
    name = _measure_name(one["check"], one.get("route"), data, words)
    cure = "more" if one["more_count"] else "other" if one["had_count"] is not None else "mend"
    return told(data, f"why.needs.{cure}", words, **one, name=name)


def _is_spoken(measure: Data, case: Data) -> bool:
    """Tell whether a measure has a side that the verdict does not take: of a FAIL only what failed, and so on."""
    wanted = {"FAIL": "PASS", "PASS": "FAIL", None: "INCONCLUSIVE"}[case["for"]]
    return bool(measure["verdict"] == wanted and measure["estimate_fraction"] is not None)


def _case(measure: Data, data: Data, words: Words) -> Markup:
    shown = _written(measure, words)
    name = _measure_name(measure["measure"], measure["route"], data, words)
    own = f"why.case.{measure.get('reason')}"
    key = own if key_of(data, own, words) else f"why.case.{measure['verdict']}"
    return told(data, key, words, **{**measure, **shown}, name=name)


def _measure_row(measure: Data, data: Data, words: Words) -> dict[str, object]:
    name = _measure_name(measure["measure"], measure["route"], data, words)
    return {**measure, **_written(measure, words), "name": name}


def _written(measure: Data, words: Words) -> dict[str, object]:
    """Write the rises of a measure: errors in points, latency relative; and its p-values."""
    formats = words.formats
    rise = formats.points if measure["measure"] == "errors" else formats.signed_percent
    rises = ("estimate", "allowed", "lowest", "highest")
    return {
        **{name: rise(measure[f"{name}_fraction"]) for name in rises},
        **{side: words.text("canary.why.chance", p=measure[f"{side}_p_value_fraction"]) for side in ("fail", "pass")},
    }
