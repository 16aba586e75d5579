"""What canary blocks say beyond their numbers: which sentence fits, which rows a table has.

Every comparison that a sentence rests on is made here and tested, so that templates and
catalogues only choose. No sentence says that a whole range is inside the budget unless
`range_inside` is true.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from reliability.clock import parse_instant
from reliability.report.arm_words import key_of
from reliability.report.words import Words

BUSY_MACHINE_FRACTION: Final = 0.40  # above it, latencies may tell of the machine and not of the service
Data = Mapping[str, Any]


def verdict_values(report: Data) -> dict[str, object]:
    """Derive what the headline and lead of the canary report choose by.

    Args:
        report: The canary report's JSON; without evidence it has no numbers.

    Returns:
        Values by name; `reason_detail` (latency, errors or both) says which measure
        carries the verdict, `cause` holds what the check with the reason saw.
    """
    latency = report.get("latency", {})
    baseline, margin = latency.get("baseline_p95_seconds"), latency.get("margin_fraction")
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    blamed = [name for name in ("latency", "errors") if verdicts.get(name) == report["verdict"]]
    return {
        "range_inside": range_inside(latency.get("increase_interval"), margin),
        "deciding_fraction": deciding(latency),
        "limit_seconds": baseline and baseline * (1 + margin),
        "reason_detail": "both" if len(blamed) > 1 else "".join(blamed),
        "cause": next((check["values"] for check in report["checks"] if _carries(check, report["reason"])), {}),
    }


def _carries(check: Data, reason: str) -> bool:
    return reason in (check.get("reason"), f"{check.get('reason')}-{check['id']}")


def range_inside(interval: Sequence[float | None] | None, limit: float | None) -> bool:
    """Tell whether the whole likely range stays at or under the limit."""
    high = interval[1] if interval else None
    return high is not None and limit is not None and high <= limit


def deciding(judged: Data) -> float | None:
    """Return the number that was held against the margin: the lower limit of a FAIL, else the upper."""
    side = "deciding_lower_fraction" if judged.get("verdict") == "FAIL" else "deciding_upper_fraction"
    return judged.get(side)


def view_latency(data: Data, words: Words) -> dict[str, object]:
    """Derive sentence, deciding number and table rows of the latency block."""
    series = data["by_minute"]
    courses = series["baseline_seconds"], series["canary_seconds"]
    none_key = key_of(data, f"latency.no_range.{data.get('no_interval_reason')}", words)
    return {
        **_judged("latency", data, range_inside(data["increase_interval"], data["margin_fraction"]), words),
        "rows": [
            (moment(start, words), base, canary, canary / base - 1 if base and canary is not None else None)
            for start, base, canary in zip(series["starts"], *courses, strict=True)
        ],
        "no_range": none_key and words.text(none_key),
        "at_once": data.get("comparison") != "before-after",
        "has_course": any(value is not None for course in courses for value in course),
        "suggested": ", ".join(words.formats.ms(bound) for bound in data["suggested_bounds_seconds"]),
    }


def view_errors(data: Data, words: Words) -> dict[str, object]:
    """Derive sentence, deciding number and table rows of the error block."""
    steps = data["by_step"]
    rows = [
        (moment(start, words), *(part for step in pair for part in (step, _error_fraction(step))))
        for start, *pair in zip(steps["starts"], steps["baseline"], steps["canary"], strict=True)
    ]
    inside = range_inside(data["interval"], data["allowed_difference_fraction"])
    return {**_judged("errors", data, inside, words), "rows": rows}


def view_exposure(data: Data, words: Words) -> dict[str, object]:
    """Derive the notes about what was lost on the way; an unknown code is shown as it stands."""
    keys = {code: key_of(data, f"exposure.note.{code}", words) for code in data["notes"]}
    return {"notes": [words.text(key, **data) if key else code for code, key in keys.items()]}


def view_buckets(data: Data, words: Words) -> dict[str, object]:
    """Derive the table rows: bounds and share of both arms by bucket, empty ends left out."""
    bounds: list[float | None] = data["upper_bounds_seconds"]
    written = ["0", *(None if bound is None else bound_text(bound, words) for bound in bounds)]
    rows = list(zip(written[:-1], written[1:], data["baseline_share"], data["canary_share"], strict=True))
    first, last = filled_span(data)
    bucket = data["baseline_bucket_seconds"]
    return {"rows": rows[first:last], "same_bucket": bool(bucket) and bucket == data["canary_bucket_seconds"]}


def moment(start: str | float, words: Words) -> str:
    """Write when a step begins: the time of day, or minutes since the start of its own window."""
    return words.formats.clock(start) if isinstance(start, str) else words.formats.minutes(start)


def bound_text(seconds: float, words: Words) -> str:
    """Write a bucket bound in milliseconds, with a decimal only when it has one."""
    milliseconds = round(1000.0 * seconds, 6)
    return words.formats.number(milliseconds, 0 if milliseconds.is_integer() else 1)


def view_experiment(data: Data, words: Words) -> dict[str, object]:
    """Derive what was done on purpose in a recorded experiment; absent facts are left out."""
    arms, kill, outage = data.get("arms", {}), data.get("kill"), data.get("payment_outage")
    canary = arms.get("canary", {})
    layers = {arm: told["layers"] for arm, told in arms.items() if "layers" in told}
    homes = data.get("sessions", {})
    away_seconds = _lasted(kill, "killed_at", "restarted_at")
    outage_seconds = _lasted(outage, "began_at", "ended_at")
    delay_fraction = canary.get("delay_factor", 1) - 1
    return {
        "layers": layers if any(layers.values()) else None,
        "layers_text": _recorded(data.get("layers", ""), words),
        "delay_fraction": delay_fraction,
        "delay_name": (canary.get("delay_name") and _recorded(canary["delay_name"], words)) if delay_fraction else None,
        "layers_alone": has_layers_alone(data),
        "errors": {arm: told.get("error_fraction") for arm, told in arms.items()},
        "power": data.get("planned_power"),
        "kill": None if away_seconds is None else kill,
        "away_seconds": away_seconds,
        "outage": None if outage_seconds is None else outage,
        "refused_count": data.get("breaker_refused_calls", 0),
        "outage_seconds": outage_seconds,
        "cpu_fraction": data.get("cpu_fraction"),
        "machine_fraction": data.get("machine_cpu_fraction"),
        "machine_was_busy": data.get("machine_cpu_fraction", 0.0) > BUSY_MACHINE_FRACTION,
        "busy_fraction": BUSY_MACHINE_FRACTION,
        "lateness_seconds": data.get("largest_arrival_lateness_seconds"),
        "cpu_seconds": data.get("cpu_seconds_per_request"),
        "homes": [_home(homes[arm], words) for arm in ("baseline", "canary")] if homes else None,
        "homes_differ": homes.get("baseline") != homes.get("canary"),
        "texts": [_recorded(data[name], words) for name in ("service_times", "storage") if data.get(name)],
    }


def has_layers_alone(experiment: Data) -> bool:
    """Tell whether all that the canary of an experiment does differently are its resilience layers."""
    arms = experiment.get("arms", {})
    baseline, canary = (arms.get(arm, {}) if isinstance(arms, Mapping) else {} for arm in ("baseline", "canary"))
    if not isinstance(baseline, Mapping) or not isinstance(canary, Mapping):  # a manifest may come from anywhere
        return False
    told = [(arm.get("delay_factor"), arm.get("error_fraction")) for arm in (baseline, canary)]
    return bool(canary.get("layers")) and not baseline.get("layers") and told[0] == told[1]


def _home(told: Data, words: Words) -> tuple[str, str]:
    """Return where sessions lie, and what is kept there for certain; an unknown code stays as it stands."""
    key = f"canary.experiment.durability.{told['durability']}"
    return told["store"], words.text(key) if words.knows(key) else told["durability"]


def _lasted(told: object, start: str, end: str) -> float | None:
    """Return the seconds that an event lasted; None when it is not told or makes no sense, which costs no verdict."""
    try:
        seconds = (parse_instant(told[end]) - parse_instant(told[start])).total_seconds()  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    return seconds if seconds >= 0 else None


def _recorded(text: str, words: Words) -> tuple[Markup, str]:
    """Return a text of a manifest in words, with their language: one that we wrote is translated, another is quoted."""
    key = f"canary.experiment.known.{text}"
    return (words.text(key), words.language) if words.knows(key) else (Markup("\u201c{}\u201d").format(text), "en")


def filled_span(data: Data) -> tuple[int, int]:
    """Return the first and the past-the-last bucket that hold any request, one neighbour added."""
    shares = zip(data["baseline_share"], data["canary_share"], strict=True)
    filled = [place for place, pair in enumerate(shares) if any(pair)] or [0]
    return max(0, filled[0] - 1), filled[-1] + 2


def _judged(part: str, data: Data, inside: bool, words: Words) -> dict[str, object]:
    """Derive what both measures say: the deciding number and the sentence of the reason."""
    key = key_of(data, f"{part}.reason.{data['reason']}", words)
    values = {
        "range_inside": inside,
        "deciding_fraction": deciding(data),
        "deciding_is_lower": data["verdict"] == "FAIL",
    }
    text = words.text(key or f"frame.verdict.{data['verdict']}.lead", **{**data, **values})
    return {**values, "sentence": text}


def _error_fraction(step: Data) -> float | None:
    return step["errors"] / step["requests"] if step["requests"] else None
