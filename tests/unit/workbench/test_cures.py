"""Each error that stops the doctor has a cure where the fault is."""

import pytest

from reliability.errors import (
    PrometheusAuthError,
    PrometheusBusyError,
    PrometheusUnreachableError,
    ReliabilityError,
    SelectorError,
    SettingsError,
)
from reliability.workbench.cures import cure_of

CERTIFICATE = "prometheus.client_certificate_file and prometheus.client_key_file"


@pytest.mark.parametrize(
    ("error", "environ", "words"),
    [
        (SettingsError("canary.margin_percent = 'x': mend."), {}, "reliability.toml"),
        (SettingsError("environment variable RELIABILITY_LANGUAGE: mend."), {}, "RELIABILITY_LANGUAGE in the env"),
        (SelectorError("baseline reads 'foo'."), {"RELIABILITY_CANARY_BASELINE": "foo"}, "CANARY_BASELINE in the env"),
        (SelectorError("baseline reads 'foo'."), {"RELIABILITY_CANARY_CANARY": "foo"}, "reliability.toml"),
        (PrometheusBusyError("P answered 503."), {}, "wait until the server is well"),
        (PrometheusAuthError("P answered 401."), {}, "credentials"),
        (PrometheusUnreachableError("P gave no whole answer within 5 s."), {}, "prometheus.deadline_seconds"),
        (PrometheusUnreachableError("P cannot be reached: EOF occurred in violation of protocol."), {}, CERTIFICATE),
        (PrometheusUnreachableError("P cannot be reached: tlsv13 alert certificate required."), {}, CERTIFICATE),
        (PrometheusUnreachableError("P cannot be reached: sslv3 alert handshake failure."), {}, CERTIFICATE),
        (PrometheusUnreachableError("P cannot be reached: certificate verify failed."), {}, "prometheus.ca_file"),
        (PrometheusUnreachableError("P cannot be reached: Connection refused."), {}, "prometheus.url"),
    ],
    ids=lambda value: str(value.args[0])[:40] if isinstance(value, ReliabilityError) else "",
)
def test_the_cure_is_where_the_fault_is(error: ReliabilityError, environ: dict[str, str], words: str):
    cure = cure_of(error, environ)

    assert words in cure
    assert ("reliability.toml" in cure) == (words == "reliability.toml")
    assert ("credentials" in cure) == isinstance(error, PrometheusAuthError)
