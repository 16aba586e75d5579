"""Samples of an answer as one long pandas table for analysts.

Fed with any `Answer`; labels are categories and numbers stay arrays, so that no sample
becomes a Python object. What is counted or judged does not belong here.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from reliability.sources.answer import Answer

if TYPE_CHECKING:
    import pandas as pd

_OWN_COLUMNS: Final = ("metric", "time", "value")


def samples_frame(answer: Answer) -> "pd.DataFrame":
    """Put all samples into one table, a row each.

    Args:
        answer: What a server answered.

    Returns:
        Columns `metric` (category, empty for an expression), one category a label (empty
        text where a series does not have it, as in PromQL), `time` (UTC, milliseconds)
        and `value` (float). A label that is called like one of these columns gets
        `label_` before its name.
    """
    import pandas as pd  # noqa: PLC0415 -- half a second that reports without tables do not pay

    series = answer.series
    lengths = np.array([one.times_seconds.size for one in series], dtype=np.intp)
    labels = sorted({label for one in series for label in one.labels} - {"__name__"})
    texts = {"metric": [one.name for one in series]}
    texts |= {_column(label, labels): [one.labels.get(label, "") for one in series] for label in labels}
    columns: dict[str, object] = {}
    for column, of_series in texts.items():
        few = pd.Categorical(of_series)
        columns[column] = pd.Categorical.from_codes(np.repeat(few.codes, lengths), dtype=few.dtype)
    seconds = np.concatenate([np.empty(0), *(one.times_seconds for one in series)])
    milliseconds = np.rint(seconds * 1000, out=seconds).astype("datetime64[ms]")
    columns["time"] = pd.DatetimeIndex(milliseconds, copy=False).tz_localize("UTC")
    columns["value"] = np.concatenate([np.empty(0), *(one.values for one in series)])  # noqa: PD011 -- arrays of our own
    return pd.DataFrame(columns, copy=False)


def _column(label: str, labels: list[str]) -> str:
    """Name the column of a label so that it is no other one's."""
    if label not in _OWN_COLUMNS:
        return label
    name = f"label_{label}"
    while name in labels:
        name = f"label_{name}"
    return name
