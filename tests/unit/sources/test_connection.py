"""Who is asked, and what goes with the request: credentials, tenant, certificates, proxy."""
# ruff: noqa: S105, S106 -- an invented token, and names of variables

import base64
import ssl
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stamina
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from reliability.errors import (
    PrometheusAuthError,
    PrometheusUnreachableError,
    ReliabilityError,
    SecretError,
    SettingsError,
    UsageError,
)
from reliability.settings import PrometheusSettings
from reliability.sources.connection import Connection, connect
from reliability.sources.live_transport import LiveTransport
from reliability.sources.prometheus import PrometheusSource
from tests.fault_server import FaultServer, ReceivedRequest, answers, closed_port

END = datetime(2026, 11, 26, 18, 40, tzinfo=UTC)
TOKEN = "hunter2.hunter2"
NO_VARIABLES: Mapping[str, str] = {}


@pytest.fixture(autouse=True)
def without_waits():
    with stamina.set_testing(True, attempts=3):
        yield


def connected(
    url: str, project: Path, *, source: str = "prometheus", environ: Mapping[str, str] = NO_VARIABLES, **options: Any
) -> Connection:
    return connect(PrometheusSettings(url=url, **options), source, project=project, environ=environ)


def asked(connection: Connection) -> None:
    PrometheusSource(LiveTransport(connection)).ask("up", at=END)


def received(project: Path, *, environ: Mapping[str, str] = NO_VARIABLES, **options: Any) -> ReceivedRequest:
    with FaultServer(answers()) as server:
        asked(connected(server.url, project, environ=environ, **options))
    return server.requests[0]


def test_a_bearer_token_comes_from_a_file_of_the_project(tmp_path: Path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    request = received(tmp_path, bearer_token_file="token")

    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_bearer_token_comes_from_a_variable(tmp_path: Path):
    request = received(tmp_path, bearer_token_variable="PROM_TOKEN", environ={"PROM_TOKEN": TOKEN})

    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("place", ["file", "variable"])
def test_basic_authentication_takes_its_password_from_a_file_or_a_variable(place: str, tmp_path: Path):
    (tmp_path / "NAME").write_text("pässword: yes\n")

    request = received(tmp_path, username="ana", environ={"NAME": "pässword: yes"}, **{f"password_{place}": "NAME"})

    scheme, _, value = request.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "ana:pässword: yes")


def test_a_tenant_goes_in_its_header_and_partial_answers_are_refused(tmp_path: Path):
    request = received(tmp_path, tenant="team-a")

    assert request.headers["x-scope-orgid"] == "team-a"
    assert b"partial_response=false" in request.body
    assert "authorization" not in request.headers


@pytest.mark.parametrize("written", ["{url}", "{url}/", "prometheus"])
def test_the_configured_address_gets_the_credentials_however_it_is_named(written: str, tmp_path: Path):
    with FaultServer(answers()) as server:
        connection = connected(
            server.url, tmp_path, source=written.format(url=server.url), name="Production",
            bearer_token_variable="T", environ={"T": TOKEN},
        )  # fmt: skip

    assert connection.headers == {"Authorization": f"Bearer {TOKEN}"}
    assert connection.name == "Production"


def test_another_address_gets_neither_credentials_nor_the_name(tmp_path: Path):
    with FaultServer(answers()) as other:
        connection = connected(
            "http://prometheus.example", tmp_path, source=other.url, name="Production", deadline_seconds=3.0,
            tenant="team-a", bearer_token_variable="T",
        )  # fmt: skip
        asked(connection)

    assert not {"authorization", "x-scope-orgid"} & set(other.requests[0].headers)
    assert (connection.name, connection.deadline_seconds) == ("Prometheus", 3.0)


def test_the_configured_server_without_an_address_says_where_to_write_it(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"url = .* under \[prometheus\]"):
        connect(PrometheusSettings(), "prometheus", project=tmp_path, environ={})


def test_what_is_no_address_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="http://host:9090"):
        connect(PrometheusSettings(), "promtheus", project=tmp_path, environ={})


@pytest.mark.parametrize("target", ["/elsewhere", "http://127.0.0.1:9/"], ids=["same host", "other port"])
def test_a_redirect_does_not_get_the_credentials_again(target: str, tmp_path: Path):
    with FaultServer(answers("", status=307, Location=target)) as server:
        with pytest.raises(ReliabilityError, match="redirect"):
            asked(connected(server.url, tmp_path, bearer_token_variable="T", environ={"T": TOKEN}))

        assert len(server.requests) == 1


# A secret is never shown.


def test_a_secret_is_in_no_repr_message_or_traceback_even_with_its_variables(tmp_path: Path):
    for behaviour in (answers("<html>", status=401), answers("no", status=503), answers("{")):
        with FaultServer(behaviour) as server:
            connection = connected(server.url, tmp_path, bearer_token_variable="T", environ={"T": TOKEN})
            with pytest.raises(ReliabilityError) as caught:
                asked(connection)
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "hunter2" not in shown + repr(connection) + str(caught.value)


def test_a_server_that_cannot_be_reached_gives_no_secret_away(tmp_path: Path):
    url = f"http://127.0.0.1:{closed_port()}"
    connection = connected(url, tmp_path, username="ana", password_variable="T", environ={"T": TOKEN})
    with pytest.raises(PrometheusUnreachableError) as caught:
        asked(connection)

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "hunter2" not in shown
    assert connection.headers["Authorization"] not in shown


def test_refused_credentials_say_which_section_names_them(tmp_path: Path):
    with FaultServer(answers("no", status=401)) as server, pytest.raises(PrometheusAuthError) as caught:
        asked(connected(server.url, tmp_path, bearer_token_variable="T", environ={"T": TOKEN}))

    assert "did not accept the credentials" in str(caught.value)
    assert "[prometheus]" in str(caught.value)


@pytest.mark.parametrize("value", ["", "two words hunter2", "Bearer hunter2", "hunter2é", "hunter2\nX-Evil: 1"])
def test_what_is_no_token_is_refused_by_the_name_of_its_place(value: str, tmp_path: Path):
    with pytest.raises(SecretError, match="PROM_TOKEN") as caught:
        connected("http://p.example", tmp_path, bearer_token_variable="PROM_TOKEN", environ={"PROM_TOKEN": value})

    assert "hunter2" not in str(caught.value)


# Certificates.


@dataclass(frozen=True)
class Authority:
    """An authority of our own, its certificate and a client's in files of `folder`."""

    folder: Path
    authority: trustme.CA

    def server_context(self, *, wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder, ours = tmp_path_factory.mktemp("tls"), trustme.CA()
    client = ours.issue_cert("client.example")
    key = client.private_key_pem.bytes()
    locked = load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
    )
    ours.cert_pem.write_to_path(folder / "ca.pem")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    (folder / "client.key").write_bytes(key)
    (folder / "locked.key").write_bytes(locked)
    return Authority(folder, ours)


def test_a_server_with_a_certificate_of_ones_own_authority_is_trusted_by_ca_file(authority: Authority):
    with FaultServer(answers(), tls=authority.server_context()) as server:
        asked(connected(server.url, authority.folder, ca_file="ca.pem"))

    assert len(server.requests) == 1


def test_the_certificates_of_the_machine_are_trusted_too(authority: Authority, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "ca.pem"))
    with FaultServer(answers(), tls=authority.server_context()) as server:
        asked(connected(server.url, authority.folder))

    assert len(server.requests) == 1


def test_a_server_with_an_unknown_certificate_gets_nothing(authority: Authority):
    with FaultServer(answers(), tls=authority.server_context()) as server:
        connection = connected(server.url, authority.folder, bearer_token_variable="T", environ={"T": TOKEN})
        with pytest.raises(PrometheusUnreachableError, match="certificate verify failed") as caught:
            asked(connection)

    assert "ca_file" in str(caught.value)
    assert server.requests == []


def test_a_server_that_wants_a_client_certificate_gets_ours(authority: Authority):
    with FaultServer(answers(), tls=authority.server_context(wants_client=True)) as server:
        asked(
            connected(
                server.url, authority.folder, ca_file="ca.pem",
                client_certificate_file="client.pem", client_key_file="client.key",
            )
        )  # fmt: skip
        with pytest.raises(PrometheusUnreachableError):
            asked(connected(server.url, authority.folder, ca_file="ca.pem"))

    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["missing.pem", "client.key"])
def test_a_ca_file_without_certificates_is_refused_before_anything_is_sent(name: str, authority: Authority):
    with pytest.raises(SettingsError, match=f"prometheus.ca_file: {name}") as caught:
        connected("https://p.example", authority.folder, ca_file=name)

    assert str(authority.folder) not in str(caught.value)


@pytest.mark.parametrize("key", ["missing.key", "ca.pem", "locked.key"])
def test_a_key_that_does_not_fit_or_wants_a_passphrase_is_refused_without_asking_for_one(
    key: str, authority: Authority
):
    with pytest.raises(SettingsError, match=key):
        connected("https://p.example", authority.folder, client_certificate_file="client.pem", client_key_file=key)


# A proxy.


def test_a_server_elsewhere_is_asked_through_the_proxy(tmp_path: Path):
    with FaultServer(answers()) as proxy:
        asked(connected("http://prometheus.example:9090", tmp_path, proxy=proxy.url))

    assert proxy.requests[0].path == "http://prometheus.example:9090/api/v1/query"


def test_a_server_on_this_machine_is_asked_without_the_proxy(tmp_path: Path):
    request = received(tmp_path, proxy=f"http://127.0.0.1:{closed_port()}")

    assert request.path == "/api/v1/query"
