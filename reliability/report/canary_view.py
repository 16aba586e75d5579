"""What canary blocks say beyond their numbers: which sentence fits, which rows a table has.

Every comparison that a sentence rests on is made here and tested, so that templates and
catalogues only choose by booleans. No sentence says that a whole range is inside the
budget unless `range_inside` is true.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reliability.clock import parse_instant
from reliability.report.words import Words

Data = Mapping[str, Any]


def verdict_values(report: Data) -> dict[str, object]:
    """Derive what the headline and lead of the canary report choose by.

    Args:
        report: The canary report's JSON; without evidence it has no numbers.

    Returns:
        Booleans and numbers by name; `reason_detail` (latency, errors or both) says which
        measure carries the verdict.
    """
    latency, errors = report.get("latency") or {}, report.get("errors") or {}
    baseline, margin = latency.get("baseline_p95_seconds"), latency.get("margin_fraction")
    return {
        "range_inside": range_inside(latency.get("increase_interval"), margin),
        "deciding_fraction": deciding(latency),
        "limit_seconds": None if baseline is None or margin is None else baseline * (1 + margin),
        "has_range": latency.get("increase_interval") is not None,
        "has_wait": latency.get("minutes_needed") is not None,
        "has_needed": latency.get("requests_needed") is not None,
        "has_errors_needed": errors.get("requests_needed") is not None,
        "reason_detail": _blamed(report),
    }


def range_inside(interval: Sequence[float | None] | None, limit: float | None) -> bool:
    """Tell whether the whole likely range stays at or under the limit."""
    if interval is None or limit is None or interval[1] is None:
        return False
    return interval[1] <= limit


def deciding(judged: Data) -> float | None:
    """Return the number that was held against the margin: the lower limit of a FAIL, else the upper."""
    side = "deciding_lower_fraction" if judged.get("verdict") == "FAIL" else "deciding_upper_fraction"
    return judged.get(side)


def view_latency(data: Data, words: Words) -> dict[str, object]:
    """Derive sentence, deciding number and table rows of the latency block."""
    series = data["by_minute"]
    derived: dict[str, object] = {
        "range_inside": range_inside(data["increase_interval"], data["margin_fraction"]),
        "deciding_fraction": deciding(data),
        "deciding_is_lower": data["verdict"] == "FAIL",
        "has_guard": bool(data["guard_fraction"]),
        "has_wait": data["minutes_needed"] is not None,
        "has_needed": data["requests_needed"] is not None,
    }
    rows = [
        (start, base, canary, None if not base or canary is None else canary / base - 1)
        for start, base, canary in zip(
            series["starts"], series["baseline_seconds"], series["canary_seconds"], strict=True
        )
    ]
    return {
        **derived,
        "rows": rows,
        "has_course": any(v is not None for v in (*series["baseline_seconds"], *series["canary_seconds"])),
        "suggested": ", ".join(words.formats.ms(bound) for bound in data["suggested_bounds_seconds"]),
        "sentence": _sentence("latency", data, derived, words),
    }


def view_errors(data: Data, words: Words) -> dict[str, object]:
    """Derive sentence, deciding number and table rows of the error block."""
    steps = data["by_step"]
    derived: dict[str, object] = {
        "range_inside": range_inside(data["interval"], data["allowed_difference_fraction"]),
        "deciding_fraction": deciding(data),
        "deciding_is_lower": data["verdict"] == "FAIL",
        "has_needed": data["requests_needed"] is not None,
    }
    rows = [
        (start, base, _fraction(base), canary, _fraction(canary))
        for start, base, canary in zip(steps["starts"], steps["baseline"], steps["canary"], strict=True)
    ]
    return {**derived, "rows": rows, "sentence": _sentence("errors", data, derived, words)}


def view_exposure(data: Data, words: Words) -> dict[str, object]:
    """Derive the notes about what was lost on the way; an unknown code is shown as it stands."""
    keys = {code: f"canary.exposure.note.{code}" for code in data["notes"]}
    return {"notes": [words.text(key, **data) if words.knows(key) else code for code, key in keys.items()]}


def view_checks(data: Data, words: Words) -> dict[str, object]:
    """Derive the words of each check from its values."""
    rows = []
    for check in data["checks"]:
        values = {**check["values"], "verdict": check["verdict"], "reason": check.get("reason")}
        texts = {part: words.text(f"canary.check.{check['id']}.{part}", **values) for part in ("name", "rule", "seen")}
        rows.append({**texts, "verdict": check["verdict"]})
    return {"rows": rows}


def view_buckets(data: Data, words: Words) -> dict[str, object]:
    """Derive the table rows: bounds and share of both arms by bucket, empty ends left out."""
    bounds: list[float | None] = data["upper_bounds_seconds"]
    written = ["0", *(None if bound is None else bound_text(bound, words) for bound in bounds)]
    rows = list(zip(written[:-1], written[1:], data["baseline_share"], data["canary_share"], strict=True))
    first, last = filled_span(data)
    same = data["baseline_bucket_seconds"] is not None and (
        data["baseline_bucket_seconds"] == data["canary_bucket_seconds"]
    )
    return {"rows": rows[first:last], "same_bucket": same}


def bound_text(seconds: float, words: Words) -> str:
    """Write a bucket bound in milliseconds, with a decimal only when it has one."""
    milliseconds = round(1000.0 * seconds, 6)
    return words.formats.number(milliseconds, 0 if milliseconds.is_integer() else 1)


def view_experiment(data: Data, _: Words) -> dict[str, object]:
    """Derive what was done on purpose in a recorded experiment; absent facts are left out."""
    arms, power, kill = data.get("arms", {}), data.get("planned_power"), data.get("kill")
    canary = arms.get("canary", {})
    factor = canary.get("delay_factor")
    return {
        "delay_fraction": None if factor is None else factor - 1,
        "delay_name": canary.get("delay_name"),
        "errors": {arm: arms[arm].get("error_fraction") for arm in ("baseline", "canary") if arm in arms},
        "power": power,
        "kill": kill,
        "away_seconds": _seconds_between(kill["killed_at"], kill["restarted_at"]) if kill else None,
        "cpu_fraction": data.get("cpu_fraction"),
        "cpu_seconds": data.get("cpu_seconds_per_request") or {},
        "texts": [data[name] for name in ("service_times", "storage") if data.get(name)],
    }


def filled_span(data: Data) -> tuple[int, int]:
    """Return the first and the past-the-last bucket that hold any request, one neighbour added."""
    filled = [
        place for place, pair in enumerate(zip(data["baseline_share"], data["canary_share"], strict=True)) if any(pair)
    ]
    if not filled:
        return 0, len(data["upper_bounds_seconds"])
    return max(0, filled[0] - 1), min(len(data["upper_bounds_seconds"]), filled[-1] + 2)


def _sentence(part: str, data: Data, derived: Data, words: Words) -> str:
    key = f"canary.{part}.reason.{data['reason']}"
    return words.text(key if words.knows(key) else f"frame.verdict.{data['verdict']}.lead", **{**data, **derived})


def _blamed(report: Data) -> str:
    """Name the measure whose check carries the report's verdict, when one or both do."""
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    blamed = [name for name in ("latency", "errors") if verdicts.get(name) == report["verdict"]]
    return "both" if len(blamed) == 2 else "".join(blamed)  # noqa: PLR2004 -- latency and errors


def _seconds_between(start: str, end: str) -> float:
    return (parse_instant(end) - parse_instant(start)).total_seconds()


def _fraction(step: Data) -> float | None:
    return step["errors"] / step["requests"] if step["requests"] else None
