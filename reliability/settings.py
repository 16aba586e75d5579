"""What a user may set, each option with its unit, default and meaning: one place for all three.

A notebook parameter that is None takes its value from here. Secrets never stand here, only
where they lie; reading files and variables belongs to `reliability.settings_file`, what a
value means for a verdict to the judges.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from reliability.clock import format_instant, parse_instant
from reliability.credentials import Secret

FILE_NAME: Final = "reliability.toml"
PHASE_FILE_NAME: Final = "phase.toml"  # in the project's folder, unless own_phase_file names another
LOCKS_URL: Final = "sqlite:///outputs/state/leases.sqlite3"
SESSIONS_URL: Final = "sqlite:///outputs/state/sessions.sqlite3"
_SQLITE_ADDRESS: Final = re.compile(r"sqlite:///([^?#:]*[^?#:/])")  # the file, absolute ones with a fourth slash
EVIDENCE_FOLDER: Final = "outputs/evidence"
RECORD_FOLDER: Final = "outputs/record"  # with a folder by phase
_HOST: Final = re.compile(r"[\w.-]+|.*:.*")  # a colon only inside the brackets of IPv6, which are checked before
OF_THE_SERVICE: Final = (  # options of [canary] that describe what is measured, not how it is judged
    "baseline", "canary", "baseline_release", "canary_release", "latency_metric", "latency_unit", "requests_metric",
    "error_matchers", "window_minutes", "window_end", "warmup_minutes", "baseline_window_end", "canary_share_percent",
    "route_label", "history_file",
)  # fmt: skip
LIVE_WINDOW_MINUTES: Final = 35.0
WARMUP_MINUTES: Final = 5.0
Percent = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, le=60 * 24 * 31, allow_inf_nan=False)]


def check_address(url: str) -> str:
    """Return the address of a server without a slash at its end.

    Raises:
        ValueError: It is none, or carries a secret, which would be stored in notebooks and pages.
    """
    try:
        parts = urlsplit(url)
        is_address = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0 and parts.netloc[-1] != ":"
    except ValueError:  # its words repeat the address
        is_address = False
    # urlsplit drops line ends and spaces at the ends without a word
    if not is_address or not url.startswith(("http://", "https://")) or not url.isprintable() or set(url) & set(" @?#"):
        raise ValueError(
            "write the address as http://host:9090, with its path prefix where there is one, without user and query"
        )
    return url.rstrip("/")


def check_sqlite_address(url: str) -> str:
    """Return the address of a SQLite file.

    Raises:
        ValueError: It is none; others may hold a password, which no settings file may.
    """
    if not _SQLITE_ADDRESS.fullmatch(url) or not url.isprintable():
        raise ValueError(
            "write sqlite:///folder/file.sqlite3 (absolute: sqlite:////folder/file.sqlite3); the address of a server "
            "may hold a password, so put it into a file or a variable and name that one with _file or _variable"
        )
    return url


def _check_source(source: str) -> str:
    if "://" in source or "@" in source:  # also without its scheme, an address may carry a password
        check_address(source)
    if not source.isprintable():
        raise ValueError("it holds a line end or another control character; write it on one line")
    return source


def _no_fraction(percent: float) -> float:
    """Refuse what was meant as a fraction: a budget below one percent cannot be measured."""
    if 0 < percent < 1:
        raise ValueError(f"{percent:g} % is below one percent; it is given in percent, so write 10 for 10 %")
    return percent


def _instant(text: str) -> str:
    parse_instant(text)
    return text


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PrometheusSettings(_Section):
    """The server that holds the metrics, and how it is asked.

    Credentials are sent to this address only. A relative file starts at the project's folder.
    """

    url: Annotated[str, AfterValidator(check_address)] | None = Field(
        None, description="address, for example http://127.0.0.1:9090"
    )
    name: Annotated[str, Field(min_length=1, max_length=60)] = Field(
        "Prometheus", description="what pages call the server; they do not show its address"
    )
    deadline_seconds: Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)] = Field(
        5.0, description="longest wait for one query, all tries together"
    )
    bearer_token_file: str | None = Field(None, description="file that holds a bearer token")
    bearer_token_variable: str | None = Field(None, description="environment variable that holds a bearer token")
    username: str | None = Field(None, description="user of basic authentication")
    password_file: str | None = Field(None, description="file that holds its password")
    password_variable: str | None = Field(None, description="environment variable that holds its password")
    tenant: Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$")] | None = Field(
        None, description="X-Scope-OrgID of Mimir, Cortex or Loki"
    )
    ca_file: str | None = Field(None, description="certificates to trust; else those of the machine")
    client_certificate_file: str | None = Field(None, description="own certificate, for mutual TLS")
    client_key_file: str | None = Field(None, description="its key, in a file without a passphrase")
    proxy: Annotated[str, AfterValidator(check_address)] | None = Field(
        None, description="address of a proxy; HTTP_PROXY is not used"
    )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Where the secrets lie that a query needs: the token or the password."""
        options = ("bearer_token_file", "bearer_token_variable", "password_file", "password_variable")
        named = {option: getattr(self, option) for option in options}
        return tuple(
            Secret(option=f"prometheus.{option}", name=name) for option, name in named.items() if name is not None
        )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if len(self.secrets) > 1:
            listed = " and ".join(secret.option for secret in self.secrets)
            raise ValueError(f"{listed} are both set; keep one")
        has_password = bool(self.password_file or self.password_variable)
        if bool(self.username) != has_password:
            raise ValueError("a username and a password_file or password_variable go together; set both or none")
        if bool(self.client_certificate_file) != bool(self.client_key_file):
            raise ValueError("client_certificate_file and client_key_file go together; set both or none")
        return self


class CanarySettings(_Section):
    """Where the two arms are measured and how much worse the canary may be.

    A value of None is taken from the capture's manifest where there is one, else from
    the built-in default named in the description.
    """

    source: Annotated[str, AfterValidator(_check_source)] = Field(
        "sample:pass", description="prometheus (the server of [prometheus]), sample:NAME, a capture, or a URL"
    )
    baseline: str | None = Field(None, description="label matchers of the baseline; else label arm is baseline")
    canary: str | None = Field(None, description="label matchers of the canary; else label arm is canary")
    baseline_release: str | None = Field(None, description="name of the baseline's release, as shown")
    canary_release: str | None = Field(None, description="name of the canary's release, as shown")
    latency_metric: str | None = Field(None, description="histogram; else http_request_duration_seconds")
    latency_unit: Literal["seconds", "milliseconds"] | None = Field(None, description="unit of its bounds")
    requests_metric: str | None = Field(None, description="request counter; else http_requests_total")
    error_matchers: str | None = Field(None, description="label matchers of failed requests; else code 5xx")
    window_minutes: Minutes | None = Field(None, description="length with warm-up; live: 35; capture: all")
    window_end: Annotated[str, AfterValidator(_instant)] | None = Field(
        None, description="end, for example 2026-11-26T18:40:00Z; live: now"
    )
    warmup_minutes: Annotated[float, Field(ge=0, le=1440)] | None = Field(None, description="cut off both arms; else 5")
    baseline_window_end: Annotated[str, AfterValidator(_instant)] | None = Field(
        None, description="end of an earlier window as baseline: before and after instead of two arms"
    )
    canary_share_percent: Annotated[float, Field(gt=0, lt=100)] | None = Field(
        None, description="share of the traffic that the canary should get; else not checked"
    )
    route_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] | None = Field(
        None, description="label of the route: compared route by route too; else all routes in one"
    )
    gate_routes: bool = Field(False, description="each judged route must pass as well; else routes only caution")
    history_file: str | None = Field(None, description="noise measured by canary calibrate; else none")
    margin_percent: Annotated[Percent, AfterValidator(_no_fraction)] = Field(
        10.0, description="largest P95 increase that still passes; else 10"
    )
    error_margin_points: Percent = Field(0.5, description="largest rise of the error rate, percentage points; else 0.5")
    error_margin_percent: Annotated[Percent, AfterValidator(_no_fraction)] = Field(
        50.0, description="largest rise of the error rate, relative; else 50"
    )

    @model_validator(mode="after")
    def _windows_apart(self) -> Self:
        if self.baseline_window_end and self.window_end:
            start = parse_instant(self.window_end) - timedelta(minutes=self.window_minutes or 0)
            if parse_instant(self.baseline_window_end) > start:
                raise ValueError(
                    f"baseline_window_end = {self.baseline_window_end} lies behind {format_instant(start)}, where the "
                    "canary's window begins; choose an earlier end, a later window_end, or shorter window_minutes"
                )
        return self


class PhaseSettings(_Section):
    """Which files tell about coverage, tests and the phase."""

    evidence_folder: str | None = Field(None, description="evidence with its manifest; else outputs/evidence")
    coverage_file: str | None = Field(None, description="coverage JSON without a manifest; else evidence_folder")
    junit_file: str | None = Field(None, description="JUnit XML without a manifest; else evidence_folder")
    phase_file: str | None = Field(None, description="phase with imported history; else FASE 3")
    own_phase_file: str | None = Field(None, description="phase of the measured project; else phase.toml, if any")
    record_folder: str | None = Field(None, description="record of the own phase; else outputs/record/<phase id>")
    resilience_source: Annotated[str, AfterValidator(_check_source)] | None = Field(
        None, description="what components report, as canary.source; else that"
    )


class RollbackSettings(_Section):
    """Which runbook and which drills prove that a release can be taken back."""

    drill_file: str | None = Field(None, description="drill log; else the sample's")
    runbook_file: str | None = Field(None, description="runbook; else templates/rollback_runbook.md")
    limit_minutes: Annotated[float, Field(gt=0, le=15)] = Field(
        15.0, description="longest rollback that passes; else 15"
    )
    max_age_days: Annotated[float, Field(gt=0, le=30)] = Field(
        30.0, description="oldest drill that still counts; else 30"
    )


SqliteAddress = Annotated[str, AfterValidator(check_sqlite_address)]


class ResilienceSettings(_Section):
    """Where window leases and sessions are kept: SQLite on one host, PostgreSQL and Redis for many.

    A relative file starts at the project's folder.
    """

    service: Annotated[str, Field(pattern=r"^\w[\w./-]*$", max_length=100)] | None = Field(
        None, description="what window leases are taken for; else the name of the project's folder"
    )
    locks_url: SqliteAddress | None = Field(None, description=f"SQLite file of leases; else {LOCKS_URL}")
    locks_url_file: str | None = Field(None, description="file that holds sqlite:///... or postgresql://...")
    locks_url_variable: str | None = Field(None, description="environment variable that holds one")
    sessions_url: SqliteAddress | None = Field(None, description=f"SQLite file of sessions; else {SESSIONS_URL}")
    sessions_url_file: str | None = Field(None, description="file that holds sqlite:///... or redis(s)://...")
    sessions_url_variable: str | None = Field(None, description="environment variable that holds one")

    @property
    def locks(self) -> str | Secret:
        """The address of the leases, or where it lies."""
        return next(iter(self._hidden("locks")), self.locks_url or LOCKS_URL)

    @property
    def sessions(self) -> str | Secret:
        """The address of the sessions, or where it lies."""
        return next(iter(self._hidden("sessions")), self.sessions_url or SESSIONS_URL)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Where addresses lie that may hold passwords."""
        return (*self._hidden("locks"), *self._hidden("sessions"))

    def _hidden(self, kind: str) -> tuple[Secret, ...]:
        named = {option: getattr(self, option) for option in (f"{kind}_url_file", f"{kind}_url_variable")}
        return tuple(
            Secret(option=f"resilience.{option}", name=name) for option, name in named.items() if name is not None
        )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        for kind in ("locks", "sessions"):
            options = (f"{kind}_url", f"{kind}_url_file", f"{kind}_url_variable")
            given = [f"resilience.{option}" for option in options if getattr(self, option) is not None]
            if len(given) > 1:
                raise ValueError(f"{' and '.join(given)} are set together; keep one")
        return self


class Settings(_Section):
    """All settings of one project."""

    language: Literal["en", "es"] = Field("en", description="main language of the pages; the other one is made too")
    prometheus: PrometheusSettings = PrometheusSettings()
    canary: CanarySettings = CanarySettings()
    phase: PhaseSettings = PhaseSettings()
    rollback: RollbackSettings = RollbackSettings()
    resilience: ResilienceSettings = ResilienceSettings()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Where all secrets of the project lie."""
        return (*self.prometheus.secrets, *self.resilience.secrets)


SECTION_OF_REPORT: Final[Mapping[str, str]] = {
    "canary_comparison": "canary",
    "phase_progress": "phase",
    "rollback_readiness": "rollback",
}
