"""Builds logged requests for the staging tests."""

import math
from typing import Any

from reliability.staging.request_log import LOST, LoggedRequest


def answered(**changes):
    """Return one answered request; name what differs."""
    fields: dict[str, Any] = {
        "completed_at_seconds": 1005.0,
        "arm": "canary",
        "instance": "canary-1",
        "release": "2.8.0",
        "route": "search",
        "method": "GET",
        "status": 200,
        "client_seconds": 0.101,
        "server_seconds": 0.1,
    }
    return LoggedRequest(**(fields | changes))


def lost(**changes):
    """Return one request that got no answer."""
    return answered(**({"status": LOST, "release": "", "server_seconds": math.nan} | changes))
