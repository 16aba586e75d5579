"""Cures for errors that keep the doctor from looking further.

Fed by `reliability.workbench.doctor`; what an error means is said by the error itself.
"""

import os
import re
from collections.abc import Mapping
from typing import Final

from reliability.errors import (
    CircuitOpenError,
    PrometheusAnswerError,
    PrometheusAuthError,
    PrometheusBusyError,
    PrometheusUnreachableError,
    QueryTooBigError,
    QueryTooSlowError,
    ReliabilityError,
    SourceError,
    UsageError,
)
from reliability.settings import FILE_NAME, CanarySettings, PrometheusSettings
from reliability.settings_file import PREFIX

# What a server that asks for a client certificate makes of a connection without one.
_WANTS_CERTIFICATE: Final = re.compile(
    r"EOF occurred|certificate[ _]required|handshake|bad[ _]certificate|reset by peer|closed connection", re.IGNORECASE
)
_UNTRUSTED: Final = re.compile(r"certificate[ _]verify[ _]failed|self-signed", re.IGNORECASE)
_LATE: Final = "gave no whole answer"
_VARIABLE: Final = re.compile(r"environment variable (\w+)")
_WAIT: Final = "wait until the server is well, and run the doctor again; the settings need no change"
_SMALLER: Final = "judge a shorter window (canary.window_minutes), or narrow the matchers of canary.baseline and canary"
_CURES: Final[tuple[tuple[type[SourceError], str], ...]] = (
    (PrometheusAuthError, "mend the credentials under [prometheus]: a bearer token, or username and password"),
    (PrometheusBusyError, _WAIT),
    (CircuitOpenError, _WAIT),
    (QueryTooBigError, _SMALLER),
    (QueryTooSlowError, f"{_SMALLER}, or raise prometheus.deadline_seconds"),
    (PrometheusAnswerError, "mend prometheus.url, so that it leads to a Prometheus, or look at what stands before it"),
    (SourceError, "mend canary.source, or record it again"),
)


def cure_of(error: ReliabilityError, environ: Mapping[str, str] | None = None) -> str:
    """Say what to do about an error.

    Args:
        error: A wrong setting, or data that cannot be had.
        environ: Environment variables; those of the process by default.

    Returns:
        The cure, where the fault is.
    """
    text = str(error.args[0])
    if isinstance(error, PrometheusUnreachableError):
        return _cure_of_silence(text)
    if isinstance(error, UsageError):
        return _cure_of_settings(text, os.environ if environ is None else environ)
    return next(cure for kind, cure in _CURES if isinstance(error, kind))


def _cure_of_silence(text: str) -> str:
    if _LATE in text:
        return "raise prometheus.deadline_seconds, or find out why the server is slow"
    if _UNTRUSTED.search(text):
        return "name the certificate of its authority as prometheus.ca_file"
    if _WANTS_CERTIFICATE.search(text):
        return (
            "with https, the server may want a client certificate: set prometheus.client_certificate_file and "
            "prometheus.client_key_file; else see that prometheus.url has the right scheme and port"
        )
    return "see that the server runs, and mend prometheus.url or prometheus.proxy"


def _cure_of_settings(text: str, environ: Mapping[str, str]) -> str:
    """Name the variable at fault: the one that the error names, else those whose option it names."""
    if named := _VARIABLE.search(text):
        return f"mend {named[1]} in the environment"
    words = set(re.findall(r"\w+", text.replace(" metric", "_metric")))
    told = {f"canary.{option}": option in words for option in CanarySettings.model_fields}
    told |= {f"prometheus.{option}": f"prometheus.{option}" in text for option in PrometheusSettings.model_fields}
    names = [PREFIX + place.replace(".", "_").upper() for place, is_told in told.items() if is_told]
    at_fault = [name for name in names if name in environ]
    return f"mend {' and '.join(at_fault)} in the environment" if at_fault else f"mend it in {FILE_NAME}"
