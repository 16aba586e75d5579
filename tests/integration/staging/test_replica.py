import socket
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reliability.staging.layers import open_desk
from reliability.staging.loopback import fetch_health, loopback_session
from reliability.staging.payment import OUTAGE_FILE, PaymentStub
from reliability.staging.processes import free_port
from reliability.staging.replica import OBSERVED_HEADER, RELEASE_HEADER, Replica, ReplicaMetrics, ReplicaServer
from reliability.staging.service_model import ROUTES, Behaviour
from reliability.staging.storage import SQLITE_FILES, ArmStorage

pytestmark = pytest.mark.integration


class RunningReplica:
    def __init__(self, port, session):
        self.port = port
        self.session = session

    def ask(self, method, target):
        return self.session.request(method, f"http://127.0.0.1:{self.port}{target}", timeout=10)

    def samples(self, name):
        families = text_string_to_metric_families(self.ask("GET", "/metrics").text)
        return [sample for family in families for sample in family.samples if sample.name == name]


@pytest.fixture
def replica(request, tmp_path):
    metrics = ReplicaMetrics()
    storage = ArmStorage(arm="canary", folder=tmp_path, choice=SQLITE_FILES)
    served = Replica(
        release="2.8.0",
        desk=open_desk(storage, layers=True, registry=metrics.registry),
        payments=PaymentStub(tmp_path / OUTAGE_FILE),
        behaviour=Behaviour(seed=1, delay_factor=0.01, error_fraction=getattr(request, "param", 0.0)),
        metrics=metrics,
    )
    port = free_port()
    server = ReplicaServer(port=port, replica=served)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    with loopback_session() as session:
        yield RunningReplica(port, session)
    server.shutdown()
    thread.join()
    server.server_close()
    served.forget_thread()


def test_all_counters_are_exported_as_zero_before_the_first_request(replica):
    requests = replica.samples("http_requests_total")
    counts = replica.samples("http_request_duration_seconds_count")

    assert len(requests) == 2 * len(ROUTES) + 2  # a reservation may also be a conflict, or refused by the breaker
    assert len(counts) == len(ROUTES)
    assert {sample.value for sample in [*requests, *counts]} == {0}
    assert replica.samples("process_start_time_seconds")
    assert replica.samples("process_cpu_seconds_total")


def test_every_route_answers_and_is_counted_once(replica):
    for route in ROUTES:
        assert replica.ask(route.method, f"{route.path}?guest=g&day=1").status_code == route.success_status

    answered = {
        (s.labels["route"], s.labels["method"], s.labels["code"])
        for s in replica.samples("http_requests_total")
        if s.value == 1
    }

    assert answered == {(route.name, route.method, str(route.success_status)) for route in ROUTES}


def test_the_answer_carries_the_very_duration_that_the_histogram_observed(replica):
    answer = replica.ask("GET", "/search?guest=g&day=1")

    (observed,) = [s.value for s in replica.samples("http_request_duration_seconds_sum") if s.value > 0]

    assert float(answer.headers[OBSERVED_HEADER]) == observed
    assert answer.headers[RELEASE_HEADER] == "2.8.0"


def test_metrics_health_and_unknown_paths_are_not_measured(replica):
    replica.ask("GET", "/health")
    replica.ask("GET", "/metrics")

    assert replica.ask("GET", "/nothing").status_code == 404
    assert {s.value for s in replica.samples("http_request_duration_seconds_count")} == {0}


def test_health_names_the_release_and_the_requests_in_flight(replica):
    assert fetch_health(replica.port) == {"release": "2.8.0", "status": "ok", "in_flight": 0}


def test_a_replica_that_is_gone_has_no_health():
    assert fetch_health(free_port()) is None


@pytest.mark.parametrize("replica", [1.0], indirect=True, ids=["always-failing"])
def test_an_injected_failure_answers_500_and_is_counted_as_such(replica):
    answer = replica.ask("POST", "/reservations?guest=g&day=1")

    failed = {s.labels["route"]: s.value for s in replica.samples("http_requests_total") if s.labels["code"] == "500"}

    assert answer.status_code == 500
    assert failed["reserve"] == 1


@pytest.mark.parametrize("replica", [1.0], indirect=True, ids=["always-failing"])
def test_an_open_breaker_answers_503_at_once_and_says_when_to_come_again(replica):
    for day in range(5):
        assert replica.ask("POST", f"/reservations?guest=g&day={day}").status_code == 500

    refused = replica.ask("POST", "/reservations?guest=g&day=9")

    assert refused.status_code == 503
    assert 1 <= int(refused.headers["Retry-After"]) <= 5
    (sample,) = [s for s in replica.samples("http_requests_total") if s.labels["code"] == "503"]
    assert sample.value == 1


def test_the_metrics_of_the_layers_stand_beside_those_of_the_requests(replica):
    replica.ask("POST", "/reservations?guest=g&day=1")
    replica.ask("POST", "/sessions?guest=g&day=1")

    assert {s.labels["name"] for s in replica.samples("reliability_circuit_state")} == {"payments"}
    assert [s.value for s in replica.samples("reliability_lock_leases")] == [0]
    assert [(s.labels["kind"], s.value) for s in replica.samples("session_active_total")] == [("guest", 1)]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.name}-{route.method}")
@pytest.mark.parametrize(
    "query",
    ["guest=" + "x" * 101, "guest=a%00b", "day=abc", "day=-1", "day=99999999999", "day=" + "9" * 5000, "day=%D9%A3"],
    ids=["long name", "zero byte", "word", "negative", "far day", "endless", "arabic digit"],
)
def test_a_wish_that_makes_no_sense_is_refused_and_counted(replica, route, query):
    assert replica.ask(route.method, f"{route.path}?{query}").status_code == 400

    (counted,) = [s for s in replica.samples("http_requests_total") if s.value]
    assert (counted.labels["route"], counted.labels["code"], counted.value) == (route.name, "400", 1)


@pytest.mark.parametrize("length", ["-1", "abc", "99999999"])
def test_a_body_whose_length_makes_no_sense_is_not_waited_for(replica, length):
    request = f"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", replica.port), timeout=10) as connection:
        connection.sendall(request)

        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400")
