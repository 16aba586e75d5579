"""The doctor: looks at machine, settings, server and arms in order, and says what to mend.

Each look belongs to a module of its own; what is judged and shown belongs to the report.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reliability.clock import Clock
from reliability.errors import SettingsError, SourceError, UsageError
from reliability.notebook.origin import URL_PREFIXES, Origin, find_origin
from reliability.notebook.run import Place
from reliability.settings import FILE_NAME, Settings
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.captures import Capture
from reliability.sources.connection import CONFIGURED, connect
from reliability.sources.live_transport import LiveTransport
from reliability.sources.promql import Matcher
from reliability.workbench.arm_checks import Labels, SeenArm, check_arm, check_counts, check_pair
from reliability.workbench.finding import NO_DATA, SETTINGS, Finding, fault, note, ok
from reliability.workbench.history import FULL_MINUTES, ask_history
from reliability.workbench.local_checks import check_kernel, check_outputs, check_python, check_secrets
from reliability.workbench.server import ClockDifference, Server, named, selector

COMMAND: Final = "reliability report canary"
_CLOCK_SECONDS: Final = 3.0
ARMS: Final = ("baseline", "canary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the doctor found.

    Attributes:
        findings: In the order of looking.
        command: The report that can be made now; empty when none can.
    """

    findings: tuple[Finding, ...]
    command: str


def examine(project: Path, *, environ: Mapping[str, str], clock: Clock, offline: bool) -> Examination:
    """Look at everything that a canary report needs.

    Args:
        project: The project's folder.
        environ: Environment variables.
        clock: The clock of this machine.
        offline: Ask no server.

    Returns:
        The findings; nothing raises that a user could mend.
    """
    local = [check_python(), check_kernel(), check_outputs(project / "outputs")]
    try:
        settings = read_settings(project, environ)
    except SettingsError as err:
        cure = f"mend it; '{FILE_NAME}' may hold what 'reliability schema' prints"
        wrong = fault("settings", str(err.args[0]), cure=cure, status=SETTINGS)
        return Examination(findings=(*local, wrong), command="")
    local.append(_settings_file(project))
    local += check_secrets(settings.prometheus, project=project, environ=environ)
    server, found = _check_server(settings, project=project, environ=environ, clock=clock, offline=offline)
    if server is None and _is_live(settings):
        return Examination(findings=(*local, *found), command="")
    more, command = _check_canary(settings, server if _is_live(settings) else None, project=project, clock=clock)
    return Examination(findings=(*local, *found, *more), command=command)


def _is_live(settings: Settings) -> bool:
    source = settings.canary.source
    return source == CONFIGURED or source.startswith(URL_PREFIXES)


def _settings_file(project: Path) -> Finding:
    if (project / FILE_NAME).is_file():
        return ok("settings", f"{FILE_NAME} is valid")
    cure = "write one with: reliability init --prometheus URL"
    return note("settings", f"there is no {FILE_NAME}; defaults and environment hold", cure=cure)


def _check_server(
    settings: Settings, *, project: Path, environ: Mapping[str, str], clock: Clock, offline: bool
) -> tuple[Server | None, list[Finding]]:
    """Reach the server of the canary, else the configured one, and compare clocks; None when it cannot be asked."""
    is_live = _is_live(settings)
    if not is_live and settings.prometheus.url is None:
        return None, []
    source = settings.canary.source if is_live else CONFIGURED
    try:
        connection = connect(settings.prometheus, source, project=project, environ=environ)
        server = Server(transport=LiveTransport(connection), clock=clock)
        if offline:
            return None, [note("server", "not asked: offline")]
        difference = server.clock_difference()
        product, version = server.product()
    except SourceError as err:
        return None, [fault("server", str(err.args[0]), cure="mend prometheus.url or its credentials", status=NO_DATA)]
    except UsageError as err:
        return None, [_refused("server", err)]
    found = [ok("server", f"{connection.name} answers ({product} {version})"), _compared(difference)]
    if not is_live:
        cure = 'set canary.source = "prometheus" to judge what it has'
        found.append(note("source", f"canary.source is {settings.canary.source}, not this server", cure=cure))
    return server, found


def _compared(clock: ClockDifference) -> Finding:
    text = f"the server is {abs(clock.seconds):.1f} s {'ahead of' if clock.seconds > 0 else 'behind'} this machine"
    if abs(clock.seconds) - clock.uncertainty_seconds > _CLOCK_SECONDS:
        cure = "set both by NTP; until then a live window misses its newest samples, so give window_end"
        return fault("clock", text, cure=cure, status=NO_DATA)
    return ok("clock", f"{text}, {clock.uncertainty_seconds:.1f} s of it uncertain")


def _check_canary(
    settings: Settings, server: Server | None, *, project: Path, clock: Clock
) -> tuple[list[Finding], str]:
    """Fetch both arms as the report does, and look at them."""
    with tempfile.TemporaryDirectory() as answers:
        place = Place(
            project=project, settings=settings, now=clock.now(), answers=Path(answers) / "answers", increments=None
        )
        try:
            parameters = resolve_parameters(settings, "canary", {}, report="canary_comparison")
            origin = find_origin(parameters, place=place)
            seen = [_fetched(origin, arm) for arm in ARMS]
        except UsageError as err:
            return [_refused("canary", err)], ""
        except SourceError as err:
            return [fault("canary", str(err.args[0]), cure="see above", status=NO_DATA)], ""
    found = [
        finding for arm in seen for finding in check_arm(arm, names=origin.names, present=_present(origin, server))
    ]
    found += check_pair(*seen, names=origin.names)
    if any(finding.level == "fault" for finding in found):
        return found, ""
    window, command = ok("window", str(origin.window)), COMMAND
    if server is not None and settings.canary.window_end is None:
        window, command = _check_window(origin, server)
    counts = check_counts(*seen, names=origin.names, window=origin.window) if command else []
    works = command if all(finding.level != "fault" for finding in counts) else ""
    source = [ok("source", origin.source.description)] if server is None else []
    return [*source, *found, window, *counts], works


def _fetched(origin: Origin, name: str) -> SeenArm:
    arm = origin.arms[name]
    answer = origin.source.fetch(metrics=origin.names.fetched(), matchers=arm.matchers, window=origin.window)
    return SeenArm(name=name, arm=arm, answer=answer)


def _present(origin: Origin, server: Server | None) -> Callable[[], Sequence[Labels]]:
    """Return how to read the label sets that the histogram has, whatever the arm."""

    def read() -> Sequence[Labels]:
        if isinstance(origin.source, Capture):
            return [series.labels for series in origin.source.answer.series if series.name == origin.names.bucket]
        with suppress(SourceError):
            infinite = Matcher(name="le", op="=", value="+Inf")
            return [row.labels for row in server.rows(selector(named(origin.names.bucket, infinite)))] if server else []
        return []

    return read


def _check_window(origin: Origin, server: Server) -> tuple[Finding, str]:
    """Compare the window with what there is, and name the report that can be made now."""
    history = ask_history(server, origin.names.latency, [origin.arms[arm].matchers for arm in ARMS])
    wanted, possible = origin.window.seconds / 60, history.minutes
    asked = f"{wanted:g} minutes are asked for; samples of both arms go back {history.seconds / 60:.2f}"
    if origin.warmup_minutes >= wanted:
        text = f"{wanted:g} minutes leave nothing behind the warm-up of {origin.warmup_minutes:g} minutes"
        cure = "lengthen canary.window_minutes or shorten canary.warmup_minutes"
        return fault("window", text, cure=cure, status=SETTINGS), ""
    if possible is None:
        cure = f"wait {history.wait_seconds} s"
        return fault("window", f"too few scrapes yet: {asked}", cure=cure, status=NO_DATA), ""
    if history.covers(min(wanted, FULL_MINUTES)) and wanted >= min(possible[0], FULL_MINUTES):
        return ok("window", asked), COMMAND
    command = f"{COMMAND} -p window_minutes={possible[0]:g} -p warmup_minutes={possible[1]:g}"
    cure = "remove window_minutes and warmup_minutes" if history.covers(FULL_MINUTES) else f"run: {command}"
    return note("window", asked, cure=cure), command


def _refused(subject: str, err: UsageError) -> Finding:
    return fault(subject, str(err.args[0]), cure=f"mend it in {FILE_NAME}", status=SETTINGS)
