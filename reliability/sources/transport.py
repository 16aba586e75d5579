"""The way to the query API: a live server, one whose answers are recorded, or recorded answers.

`reliability.sources.live_transport` has the live one, `reliability.sources.answer_store` the
others. What a body means does not belong here.
"""

from collections.abc import Mapping
from typing import Final, Protocol

QUERY: Final = "/api/v1/query"
QUERY_RANGE: Final = "/api/v1/query_range"


class Transport(Protocol):
    """Carries one request of the query API and brings the body of the answer."""

    @property
    def where(self) -> str:
        """Name of the server for messages and pages; no host, no credentials."""
        ...

    def ask(self, path: str, form: Mapping[str, str]) -> bytes:
        """Send a form.

        Args:
            path: For example `/api/v1/query`.
            form: Parameters; their order does not matter.

        Returns:
            The body as it came, not compressed.

        Raises:
            SourceError: It cannot be had.
        """
        ...
