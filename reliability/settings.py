"""What a user may set: `reliability.toml` read into frozen settings, one place for defaults.

A notebook parameter that is None takes its value from here. Secrets never stand here;
what a value means for a verdict belongs to the judges.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reliability.clock import parse_instant
from reliability.errors import ParameterError, SettingsError

FILE_NAME: Final = "reliability.toml"
Percent = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Minutes = Annotated[float, Field(gt=0, le=60 * 24 * 31, allow_inf_nan=False)]


def _without_secrets(source: str) -> str:
    """Refuse a URL that carries credentials: parameters are stored in notebooks and pages."""
    parts = urlsplit(source)
    if parts.scheme in ("http", "https") and (parts.username or parts.password or parts.query or parts.fragment):
        raise ValueError("the URL carries a user, a password, a query or a fragment; give scheme, host and path only")
    return source


def _instant(text: str) -> str:
    try:
        parse_instant(text)
    except ValueError as err:
        raise ValueError(f"'{text}' is no instant; write it as 2026-11-26T18:40:00Z") from err
    return text


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CanarySettings(_Section):
    """Where the two arms are measured and how much worse the canary may be.

    A value of None is taken from the capture's manifest where there is one, else from
    the built-in default named in the description.
    """

    source: Annotated[str, AfterValidator(_without_secrets)] = Field(
        "sample:pass", description="sample:NAME, a capture folder, or the URL of a Prometheus"
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
    margin_percent: Percent = Field(10.0, description="largest P95 increase that still passes; else 10")
    error_margin_points: Percent = Field(0.5, description="largest rise of the error rate, percentage points; else 0.5")
    error_margin_percent: Percent = Field(50.0, description="largest rise of the error rate, relative; else 50")
    query_deadline_seconds: Annotated[float, Field(gt=0, le=300)] = Field(
        5.0, description="longest wait for one query, retries included"
    )


class PhaseSettings(_Section):
    """Which files tell about coverage, tests and the phase."""

    coverage_file: str | None = Field(None, description="coverage JSON; else outputs/evidence, else the sample")
    junit_file: str | None = Field(None, description="JUnit XML; else outputs/evidence, else the sample")
    phase_file: str | None = Field(None, description="phase with imported history; else FASE 3")
    own_phase_file: str | None = Field(None, description="phase of the measured project; else this project's")
    record_folder: str | None = Field(None, description="record of the own phase; else outputs/record/<phase id>")


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


class Settings(_Section):
    """All settings of one project.

    Attributes:
        language: Main language of the pages; the other one is made too.
    """

    language: Literal["en", "es"] = "en"
    canary: CanarySettings = CanarySettings()
    phase: PhaseSettings = PhaseSettings()
    rollback: RollbackSettings = RollbackSettings()


SECTION_OF_REPORT: Final[Mapping[str, str]] = {
    "canary_comparison": "canary",
    "phase_progress": "phase",
    "rollback_readiness": "rollback",
}


def find_project_folder(start: Path) -> Path:
    """Find the nearest folder, upwards from `start`, with `reliability.toml` or a git checkout.

    Args:
        start: Usually the working directory; notebooks start in their own folder.

    Returns:
        The project's folder, or `start` itself when there is none.
    """
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file() or (folder / ".git").exists():
            return folder
    return here


def read_settings(project: Path) -> Settings:
    """Read the project's `reliability.toml`; without one, all defaults hold.

    Args:
        project: Folder that may hold the file.

    Returns:
        Validated, frozen settings.

    Raises:
        SettingsError: The file is no TOML, has an unknown key or an impossible value.
    """
    path = project / FILE_NAME
    if not path.is_file():
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SettingsError(f"{path} is not valid TOML: {err}. Mend that line and run again.") from err
    except ValidationError as err:
        raise SettingsError(f"{path}: {_first_problem(err)}") from err


def resolve_parameters(settings: Settings, report: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Lay a notebook's parameters over the settings; None means "from the settings".

    Args:
        settings: The project's settings.
        report: Name of the report, which names the section.
        parameters: What the notebook's parameters cell holds.

    Returns:
        A value for every key of the section.

    Raises:
        ParameterError: An unknown name, a wrong type or an impossible value.
    """
    section: _Section = getattr(settings, SECTION_OF_REPORT[report])
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        merged = type(section).model_validate({**section.model_dump(), **given})
    except ValidationError as err:
        raise ParameterError(f"parameters of {report}: {_first_problem(err)}") from err
    return merged.model_dump()


def _first_problem(err: ValidationError) -> str:
    problem = err.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"'{key}' is no setting; look for a misspelt name and remove or mend it."
    if problem["type"] == "value_error":  # may hold a secret, so the value is not repeated
        return f"{key}: {problem['msg'].removeprefix('Value error, ')}."
    return f"{key} = {problem['input']!r}: {problem['msg']}. Mend the value and run again."
