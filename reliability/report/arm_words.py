"""What the two arms of a canary report are called: baseline and canary, or before and after.

A comparison of two windows says most things in the usual words (`canary.toml`). Where these
speak of a canary beside a baseline, `before_after.toml` has words of its own under the same key.
"""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from reliability.report.words import Words

Data = Mapping[str, Any]
ARMS: Final = ("baseline", "canary")
_TOPICS: Final = {"before-after": ("before_after", "canary")}


def topics_of(data: Data) -> tuple[str, ...]:
    """Return the catalogues that speak of these data, the closest first."""
    return _TOPICS.get(data.get("comparison", ""), ("canary",))


def key_of(data: Data, path: str, words: Words) -> str | None:
    """Find the closest key of words for a path below the topic; None when no catalogue has any."""
    keys = (f"{topic}.{path}" for topic in topics_of(data))
    return next((key for key in keys if words.knows(key)), None)


def told(data: Data, path: str, words: Words, **values: object) -> Markup:
    """Say something in the words that fit these data.

    Args:
        data: A report's or a block's JSON; without `comparison` the arms ran at once.
        path: Table path below the topic, for example `latency.baseline`.
        words: Language.
        values: What the placeholders stand for.

    Returns:
        The escaped text.
    """
    return words.text(key_of(data, path, words) or f"canary.{path}", **values)


def arm_names(data: Data, words: Words) -> dict[str, Markup]:
    """Name both arms as in the middle of a sentence."""
    return {arm: told(data, f"arm.{arm}", words) for arm in ARMS}
