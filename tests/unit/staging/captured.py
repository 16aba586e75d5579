"""A behaving fake of scraped replicas: it serves the logged requests and is scraped on a grid."""

import json
from bisect import bisect_left

from reliability.staging.service_model import BUCKET_BOUNDS_SECONDS

SCRAPE_SECONDS = 10.0


def capture_body(requests, *, start=1000.0, end=1100.0, killed=None, restarted=None, warnings=()):
    """Return the body that a Prometheus would give of one replica `canary-1` that served `requests`.

    A kill empties its counters and scrapes fail until it is started again.
    """
    times = [start + SCRAPE_SECONDS * n for n in range(int((end - start) / SCRAPE_SECONDS) + 1)]
    up = [t for t in times if killed is None or not killed <= t < restarted]
    series: list[tuple[str, dict[str, str], list[tuple[float, float]]]] = []
    series.append(("process_start_time_seconds", {}, [(t, _life(t, start, restarted)) for t in up]))
    cpu = [(t, 0.001 * len(_served(requests, t, killed, restarted))) for t in up]
    series.append(("process_cpu_seconds_total", {}, cpu))
    for code in ("200", "500"):
        labels = {"route": "search", "method": "GET", "code": code}
        counts = [(t, float(sum(str(r.status) == code for r in _served(requests, t, killed, restarted)))) for t in up]
        series.append(("http_requests_total", labels, counts))
    for index, bound in enumerate((*BUCKET_BOUNDS_SECONDS, float("inf"))):
        labels = {"route": "search", "method": "GET", "le": "+Inf" if bound == float("inf") else repr(bound)}
        counts = [(t, _at_or_below(index, _served(requests, t, killed, restarted))) for t in up]
        series.append(("http_request_duration_seconds_bucket", labels, counts))
    fixed = {"instance": "canary-1", "arm": "canary", "release": "2.8.0", "job": "staging"}
    result = [
        {"metric": {"__name__": name} | fixed | labels, "values": [[t, f"{v:.17g}"] for t, v in values]}
        for name, labels, values in series
    ]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return json.dumps(answer | ({"warnings": list(warnings)} if warnings else {})).encode()


def _at_or_below(index, requests):
    return float(sum(bisect_left(BUCKET_BOUNDS_SECONDS, r.server_seconds) <= index for r in requests))


def _life(t, start, restarted):
    return start - 5 if restarted is None or t < restarted else restarted


def _served(requests, t, killed, restarted):
    """Requests that are in the counters of the life that is scraped at `t`."""
    done = [r for r in requests if not r.is_lost and r.completed_at_seconds <= t]
    if killed is not None and t >= restarted:
        return [r for r in done if r.completed_at_seconds >= restarted]
    return done
