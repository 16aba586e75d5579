"""The doctor: looks at machine, settings, server and arms in order, and says what to mend.

The arms are fetched, counted and judged as the report does it; what is seen there belongs to
`reliability.workbench.arm_checks`.
"""

import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from reliability.clock import SystemClock
from reliability.errors import PrometheusRefusedError, SourceError, UsageError
from reliability.notebook.canary_evidence import CanaryEvidence, load_evidence
from reliability.notebook.origin import find_origin
from reliability.notebook.run import Place
from reliability.settings import FILE_NAME, Settings
from reliability.settings_file import read_settings, resolve_parameters
from reliability.sources.connection import CONFIGURED
from reliability.workbench.arm_checks import check_arm, check_counts, refused_arms
from reliability.workbench.backend_checks import check_backends
from reliability.workbench.cures import cure_of
from reliability.workbench.finding import NO_DATA, SETTINGS, Finding, fault, note, ok, status_of
from reliability.workbench.history import read_history
from reliability.workbench.local_checks import check_kernel, check_outputs, check_secrets
from reliability.workbench.server import Server, is_server, open_server

WORKS_NOW: Final = "works now"
_REPORT: Final = "reliability report canary"
_CLOCK_SECONDS: Final = 3.0


def examine(project: Path, *, offline: bool) -> list[Finding]:
    """Look at everything that a canary report needs.

    Args:
        project: The project's folder.
        offline: Ask no server.

    Returns:
        The findings in the order of looking, up to the first fault that hides the rest. One with
        the subject `WORKS_NOW` names the report that can be made now.
    """
    found: list[Finding] = []
    try:
        for finding in _look(project, offline=offline):
            found.append(finding)  # noqa: PERF402 -- those before an error are kept
    except UsageError as err:
        found.append(fault("settings", str(err.args[0]), cure=cure_of(err), status=SETTINGS))
    except SourceError as err:
        found.append(fault("data", str(err.args[0]), cure=cure_of(err), status=NO_DATA))
    return found


def _look(project: Path, *, offline: bool) -> Iterator[Finding]:
    yield from (ok("python", platform.python_version()), check_kernel(), check_outputs(project / "outputs"))
    settings = read_settings(project)
    if (project / FILE_NAME).is_file():
        yield ok("settings", f"{FILE_NAME} is valid")
    else:
        cure = "write one with: reliability init --prometheus URL"
        yield note("settings", f"there is no {FILE_NAME}; defaults and environment hold", cure=cure)
    secrets = check_secrets(settings, project=project, environ=os.environ)
    yield from secrets
    if status_of(secrets):
        return
    yield from check_backends(settings.resilience, project=project, offline=offline)
    source, is_live = settings.canary.source, is_server(settings.canary.source)
    if not is_live:
        yield from _look_at_canary(settings, project, is_live=False)
    if is_live or settings.prometheus.url:
        server = open_server(settings.prometheus, source if is_live else CONFIGURED, project=project)
        if offline:
            yield note("server", "not asked: offline")
            return
        yield from _look_at_server(server)
    if is_live:
        yield from _look_at_canary(settings, project, is_live=True)
    elif settings.prometheus.url:
        cure = 'set canary.source = "prometheus" to judge what it has'
        yield note("source", f"canary.source is {source}, not this server", cure=cure)


def _look_at_server(server: Server) -> Iterator[Finding]:
    """Ask who it is, and compare clocks; its reading is taken to lie in the middle of the round trip."""
    clock = SystemClock()
    before = clock.now().timestamp()
    at = server.number("time()")
    after = clock.now().timestamp()
    yield ok("server", f"{server.transport.where} answers ({' '.join(dict.fromkeys(server.product()))})")
    ahead, uncertain = at - (before + after) / 2, (after - before) / 2
    text = f"the server is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine"
    if abs(ahead) - uncertain > _CLOCK_SECONDS:
        cure = "set both by NTP; until then a live window misses its newest samples, so give window_end"
        yield fault("clock", text, cure=cure, status=NO_DATA)
    else:
        yield ok("clock", f"{text}, {uncertain:.1f} s of it uncertain")


def _look_at_canary(settings: Settings, project: Path, *, is_live: bool) -> Iterator[Finding]:
    """Fetch, count and judge both arms; where a server has less than the window, over a shorter one."""
    parameters = resolve_parameters(settings, "canary", {}, report="canary_comparison")
    command = _REPORT
    with tempfile.TemporaryDirectory() as folder:
        now = SystemClock().now()
        place = Place(project=project, settings=settings, now=now, answers=Path(folder), increments=None)
        try:
            evidence = load_evidence(parameters, place=place)
        except PrometheusRefusedError as err:
            yield refused_arms(find_origin(parameters, place=place), err)
            return
        if not is_live:
            yield ok("source", evidence.origin.description)
        arms = [*check_arm("baseline", evidence), *check_arm("canary", evidence)]
        yield from arms
        if status_of(arms):
            return
        if is_live:
            window, shorter = _window(evidence)
            yield window
            if window.status:
                return
            command += "".join(f" -p {name}={value:g}" for name, value in shorter.items())
            evidence = load_evidence({**parameters, **shorter}, place=place) if shorter else evidence
    counts = check_counts(evidence)
    yield from counts
    if not status_of(counts):
        yield ok(WORKS_NOW, command)


def _window(evidence: CanaryEvidence) -> tuple[Finding, Mapping[str, float]]:
    """Compare the window with what there is; name parameters for a shorter one where it is too long."""
    window = evidence.judged_window
    at_once = evidence.answers if evidence.baseline_judged_window is None else {"canary": evidence.answers["canary"]}
    history = read_history(at_once.values(), end_seconds=window.end.timestamp())
    text = (
        f"the report judges {window.seconds / 60:g} minutes behind the warm-up; samples of both arms go back "
        f"{history.seconds / 60:.1f}"
    )
    if history.covers(window.seconds):
        return ok("window", text), {}
    if history.minutes is None:
        cure = f"wait {history.wait_seconds} s, or choose another window"
        return fault("window", f"too few scrapes: {text}", cure=cure, status=NO_DATA), {}
    minutes, warmup = history.minutes
    shorter = {"window_minutes": minutes, "warmup_minutes": min(warmup, evidence.origin.warmup_minutes)}
    return note("window", text, cure="wait, or judge a shorter window with the command below"), shorter
