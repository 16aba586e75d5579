"""The command `canary calibrate`: measure and store the noise between two groups of one version.

Parses, calls, tells in plain words, sets the status. How it is measured stands in `calibration`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import click

from reliability.canary.asking import chosen_source
from reliability.canary.calibration import Calibration, ToldNoise, measure, tell_noise, to_store
from reliability.errors import ParameterError, UsageError
from reliability.judge.history import NoiseHistory
from reliability.notebook.run import Place
from reliability.report.words import printable
from reliability.sources.history_file import RECOMMENDED_SECONDS, StoredHistory, write_history
from reliability.verdicts import EXIT_STATUS, Verdict

FILE_NAME: Final = "canary_history.json"


@click.command(
    epilog="""\b
Examples:
  reliability canary calibrate -p window_minutes=125
  reliability canary calibrate --capture captures/quiet-night --a 'pod=~"api-[0-4]"' --b 'pod=~"api-[5-9]"'

\b
Exit status: 0 stored, 1 the groups are not alike, 2 usage or settings, 3 too little or doubtful data, 4 no data."""
)
@click.option("--capture", metavar="PATH", help="A capture's folder, a recorded body, or stored answers of a run.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings instead of the project's reliability.toml.")
@click.option("-p", "assignments", metavar="NAME=VALUE", multiple=True, help="Set an option of [canary].")
@click.option("--a", metavar="MATCHERS", help="First group; by default the baseline, split into two by its replicas.")
@click.option("--b", metavar="MATCHERS", help="Second group, of the same version.")
@click.option("--to", type=click.Path(path_type=Path), help=f"File for it; by default {FILE_NAME} of the project.")
@click.option("--replace", is_flag=True, help="Write over a file that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def calibrate(
    ctx: click.Context,
    *,
    capture: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    a: str | None,
    b: str | None,
    to: Path | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Measure the noise between two arms of one version, and store it for the verdicts to come.

    No canary runs while it is measured. Two hours are the least that helps, six are better. Without
    --b one arm's replicas are split into two groups, by turns in the order of their names.
    """
    if b is not None and a is None:
        raise ParameterError("--b names the second group; name the first one with --a.")
    with chosen_source(capture, config, assignments, baseline=a, canary=b) as (parameters, place):
        target = place.project / FILE_NAME if to is None else to
        if target.exists() and not replace:
            raise UsageError(f"{target} exists and is left as it is; give --replace to write over it, or another --to.")
        measured = measure(parameters, place=place, is_split=b is None)
    history = None
    if measured.verdict is Verdict.PASS and measured.noise is not None:
        history = to_store(measured, measured.noise)
        _check_secrets(history, place)
        write_history(target, history, replace=replace)
    if as_json:
        click.echo(json.dumps(_document(measured, history, target), indent=1, sort_keys=True))
    else:
        for line in _lines(measured, target, place.project):
            click.echo(printable(line))
    ctx.exit(EXIT_STATUS[measured.verdict])


def _lines(measured: Calibration, target: Path, project: Path) -> Iterator[str]:
    """Tell in plain words what was found and what became of it."""
    evidence = measured.evidence
    latency = evidence.latency
    requests = {"a": latency.baseline_request_count, "b": latency.canary_request_count}
    yield f"{evidence.origin.description}, {evidence.judged_window}"
    for name, group in measured.groups.items():
        yield f"  {name}: {group}; {requests[name]} requests"
    noise = measured.noise
    if noise is not None:
        yield from _noise_lines(tell_noise(measured, noise), noise, margin=latency.margin_fraction)
    interval = latency.increase_interval
    likely = f", P95 {interval[0]:+.1%} to {interval[1]:+.1%}" if interval else ""
    verdicts = f"latency {latency.verdict.value}{likely}; errors {evidence.errors.verdict.value}"
    yield f"  b beside a, under the budgets of a canary: {verdicts}"
    yield from _stored_lines(noise, target, project) if measured.verdict is Verdict.PASS else _refusal(measured)


def _stored_lines(noise: NoiseHistory | None, target: Path, project: Path) -> Iterator[str]:
    if noise is not None and _is_short(noise):
        yield f"warning: {noise.seconds / 60:.0f} minutes are little; measure 2 hours, better 6, and store it anew."
    named = target.resolve()
    told = named.relative_to(project) if named.is_relative_to(project) else named
    yield f"{target} is written; canaries use it with this line under [canary] of reliability.toml:"
    yield f"history_file = {json.dumps(str(told), ensure_ascii=False)}"


def _refusal(measured: Calibration) -> Iterator[str]:
    if measured.verdict is Verdict.FAIL:
        listed = " and ".join(measured.unlike)
        yield f"nothing is stored: the groups are not alike in {listed}. Are they one version, on nodes alike?"
    elif measured.broken:
        listed = ", ".join(f"{check.id} ({check.reason})" for check in measured.broken)
        yield f"nothing is stored: the data is not to be trusted: {listed}."
    else:
        yield "nothing is stored: too few scrapes, or the buckets do not hold the P95; measure for longer, mend bounds."


def _is_short(noise: NoiseHistory) -> bool:
    return noise.seconds < RECOMMENDED_SECONDS


def _noise_lines(told: ToldNoise, noise: NoiseHistory, *, margin: float) -> Iterator[str]:
    unseen = "none was seen" + (", but the time is too short to say that there is none" if _is_short(noise) else "")
    yield f"  noise over {noise.seconds / 60:.0f} minutes, beside the chance of single requests:"
    if noise.latency_log_variance_seconds == 0:
        yield f"  latency: {unseen}"
    else:
        share = "" if told.noise_share_fraction is None else f", {told.noise_share_fraction:.0%} of the variance here"
        yield (
            f"  latency: over ten minutes the P95 of the groups differs by {told.latency_sd_fraction:.1%} "
            f"(one standard deviation){share};"
        )
        yield f"  it takes {told.minutes:.1f} minutes of a canary with margin {100 * margin:.3g}%, whatever the traffic"
    if told.error_sd_fraction is None:
        yield "  errors: too few to tell; a canary measures their noise by itself"
    elif told.error_sd_fraction == 0:
        yield f"  errors: {unseen}"
    else:
        yield f"  errors: over ten minutes their rates differ by {told.error_sd_fraction:.1%} of the rate"


def _document(measured: Calibration, history: StoredHistory | None, target: Path) -> dict[str, Any]:
    evidence, _noise = measured.evidence, measured.noise
    return {
        "verdict": measured.verdict.value,
        "latency": {"verdict": evidence.latency.verdict.value, "increase_interval": evidence.latency.increase_interval},
        "errors": {"verdict": evidence.errors.verdict.value},
        "unlike": list(measured.unlike),
        "broken": [{"check": check.id, "reason": check.reason} for check in measured.broken],
        "noise": None
        if measured.noise is None
        else asdict(measured.noise) | asdict(tell_noise(measured, measured.noise)),
        "cautions": list(history.cautions(at=evidence.origin.as_of)) if history else [],
        "groups": measured.groups,
        "stored": None if history is None else str(target),
    }


def _check_secrets(history: StoredHistory, place: Place) -> None:
    """Refuse matchers that hold a configured secret."""
    if place.settings.secrets:
        from reliability.report.secret_check import check_secrets, read_secrets  # noqa: PLC0415 -- loads papermill

        values = read_secrets(place.settings, project=place.project, environ=os.environ)
        files = {"of the history": history.model_dump_json().encode()}
        check_secrets(values, SimpleNamespace(cells=[], metadata={}), {}, files, name="the calibration")
