"""HTTP to our own servers on this machine: no proxy, no ~/.netrc, no compression."""

from typing import Any

import requests


def loopback_session() -> requests.Session:
    """Return a session that reaches 127.0.0.1 whatever the environment says; close it after use."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    return session


def fetch_health(port: int) -> dict[str, Any] | None:
    """Ask a replica for its release, status and requests in flight; None when it does not answer."""
    with loopback_session() as session:
        try:
            answer = session.get(f"http://127.0.0.1:{port}/health", timeout=2.0)
            return dict(answer.json())
        except (requests.RequestException, ValueError):
            return None
