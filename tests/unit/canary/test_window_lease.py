"""A canary on a server is judged under the lease of its window; one that was reserved is judged with its token."""

import json
import os
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from reliability.canary.window_lease import TTL_SECONDS, keep, under_lease
from reliability.canary.windows import GRACE_SECONDS, Windows, open_windows, this_process
from reliability.clock import SystemClock, format_instant, parse_instant
from reliability.errors import BackendUnavailableError, NotHolderError, RangeConflictError, SecretError
from reliability.notebook.run import Place
from reliability.resilience.lock_service import LockService
from reliability.resilience.stores.addresses import open_lock_service
from reliability.settings_file import read_settings, resolve_parameters
from reliability.window import Window
from tests.fake_query_api import FakeQueryApi, serving, target
from tests.fakes import ManualClock

TOML = """
[prometheus]
url = "{url}"
[canary]
source = "prometheus"
baseline = 'track="stable"'
canary = 'track="canary"'
[resilience]
service = "{service}"
"""
NOW = SystemClock().now().replace(microsecond=0)
LAST_HOUR = Window(start=NOW - timedelta(hours=1), end=NOW + timedelta(hours=1))


def leases(project):
    return open_windows(read_settings(project), project=project)


@dataclass(kw_only=True)
class Watched(FakeQueryApi):
    """A server that looks, whenever it is asked, at the windows that are taken."""

    project: Path
    seen: list[tuple[str, ...]]

    def answer(self, path, form):
        with closing(leases(self.project)) as windows:
            self.seen.append(tuple(lease.holder for lease in windows.held_now()))
        return super().answer(path, form)


@pytest.fixture
def server(project):
    arms = {"a:1": "stable", "b:1": "canary"}
    series = [one for name, track in arms.items() for one in target({"instance": name, "track": track})]
    with serving(watched := Watched(series=series, project=project, seen=[])) as url:
        (project / "reliability.toml").write_text(TOML.format(url=url, service="shop"))
        yield watched


@pytest.fixture
def windows(project, server):
    with closing(leases(project)) as opened:
        yield opened


@contextmanager
def live(project, *, token=None):
    settings = read_settings(project)
    place = Place(project=project, settings=settings, now=NOW, answers=project, increments=None)
    parameters = resolve_parameters(settings, "canary", {}, report="canary")
    with under_lease(parameters, place, token=token) as leased:
        yield leased


def judged(project, work):
    with live(project):
        work()


def test_a_live_canary_holds_its_window_while_it_asks_and_no_longer(run, server, windows):
    status, shown = run()

    assert status in (0, 3), shown.err
    assert set(server.seen) == {(this_process(),)}
    assert windows.held_now() == ()


@pytest.mark.requirement("RES-LOCK-01")
def test_an_overlapping_window_of_the_service_is_refused_with_whose_which_and_since_when(run, server, windows):
    held = windows.reserve(LAST_HOUR, holder="release 2.8", now=NOW)

    status, shown = run()

    assert (status, shown.out) == (6, "")
    since = format_instant(held.acquired_at)
    assert f"release 2.8 holds {LAST_HOUR} since {since}, until " in shown.err
    assert shown.err.endswith("[range-conflict]\n")
    assert server.queries == []
    assert windows.held_now() == (held,)


@pytest.mark.parametrize("made_free", ["another service", "a window before it", "given back"])
def test_what_does_not_overlap_is_judged(run, project, server, windows, made_free):
    before = Window(start=NOW - timedelta(hours=3), end=NOW - timedelta(minutes=36))
    held = windows.reserve(before if made_free == "a window before it" else LAST_HOUR, holder="bob", now=NOW)
    if made_free == "another service":
        text = (project / "reliability.toml").read_text()
        (project / "reliability.toml").write_text(text.replace("shop", "bar"))
    if made_free == "given back":
        windows.release(held.fencing_token)

    assert run()[0] in (0, 3)


def test_a_recording_and_kept_increments_need_no_lease(run, project, server, windows):
    windows.reserve(LAST_HOUR, holder="bob", now=NOW)

    assert run("--capture", "sample:pass", "--keep", "kept.json")[0] == 0
    assert run("--increments", "kept.json")[0] == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, BackendUnavailableError])
def test_whatever_ends_a_judgement_gives_the_window_back(project, windows, error):
    held = []

    def ended():
        held.extend(windows.held_now())
        raise error

    with pytest.raises(error):
        judged(project, ended)

    assert len(held) == 1
    assert windows.held_now() == ()


def test_a_judgement_whose_lease_was_lost_does_not_count(project, windows):
    def lost():
        (lease,) = windows.held_now()
        windows.release(lease.fencing_token)
        windows.reserve(LAST_HOUR, holder="bob", now=NOW)

    with pytest.raises(NotHolderError, match="what was judged does not count"):
        judged(project, lost)

    assert [lease.holder for lease in windows.held_now()] == ["bob"]


class Turns(threading.Event):
    """An event that is set after some turns; before each, time goes on."""

    def __init__(self, count, clock):
        super().__init__()
        self.left, self.clock = count, clock

    def wait(self, timeout=None):
        self.clock.advance(timeout)
        self.left -= 1
        return self.left < 0


@pytest.fixture
def timed(tmp_path):
    clock = ManualClock(NOW)
    opened = partial(open_lock_service, "sqlite:///timed.sqlite3", folder=tmp_path, clock=clock)
    return clock, lambda: Windows(opened(), service="shop")


def test_a_lease_is_kept_for_as_long_as_a_judgement_takes(timed):
    clock, again = timed
    with closing(again()) as windows:
        lease = windows.take(LAST_HOUR, holder="ana", ttl_seconds=TTL_SECONDS)

        keep(lease, again, Turns(10, clock))

        assert windows.held(lease.fencing_token).expires_at > clock.now()
        assert windows.held_now()[0].extension_count == 0


def test_two_renewals_may_fail_and_a_lost_lease_ends_them(timed):
    clock, again = timed
    failing = iter([BackendUnavailableError("away"), SecretError("the file is being written anew")])

    def flaky():
        for error in failing:
            raise error
        return again()

    with closing(again()) as windows:
        lease = windows.take(LAST_HOUR, holder="ana", ttl_seconds=TTL_SECONDS + 1)
        keep(lease, flaky, Turns(3, clock))
        assert windows.held(lease.fencing_token)
        windows.release(lease.fencing_token)

        keep(lease, again, turns := Turns(10, clock))

    assert turns.left == 9


def test_a_reserved_window_is_judged_with_its_token_up_to_now(run, project, server):
    begin = NOW - timedelta(minutes=12)
    status, shown = run("window", "reserve", "--start", format_instant(begin), "--minutes", 35, "--holder", "ana")
    token = shown.out.strip()
    assert (status, token.isdigit()) == (0, True)
    assert f"judge it with: reliability canary --lease {token}" in shown.err

    with live(project, token=int(token)) as leased:
        assert parse_instant(leased["window_end"]) == NOW
        assert leased["window_minutes"] == 12
    assert run("--lease", token)[0] in (0, 3)

    assert set(server.seen) == {("ana",)}
    assert run()[0] == 6


def test_a_window_that_is_over_is_judged_whole(project, windows):
    over = Window(start=NOW - timedelta(minutes=31), end=NOW - timedelta(minutes=1))
    held = windows.reserve(over, holder="ana", now=NOW)

    with live(project, token=held.fencing_token) as leased:
        end = parse_instant(leased["window_end"])
        assert Window(start=end - timedelta(minutes=leased["window_minutes"]), end=end) == over


def test_the_token_is_looked_at_again_behind_the_judgement(project, windows):
    held = windows.reserve(LAST_HOUR, holder="ana", now=NOW)

    with pytest.raises(NotHolderError, match="does not count"), live(project, token=held.fencing_token):
        windows.release(held.fencing_token)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--lease", "99"], 5, "[not-holder]"),
        (["--lease", "1", "-p", "window_end=2026-11-26T18:00:00Z"], 2, "says which window is judged"),
        (["--lease", "1", "--capture", "sample:pass"], 2, "is a recording"),
        (["--lease", "1", "--increments", "kept.json"], 2, "is measured already"),
        (["--lease", "1"], 2, "wait for it"),
    ],
    ids=["unknown token", "two windows", "recording", "increments", "a window to come"],
)
def test_a_token_that_does_not_fit_is_refused_before_the_server_is_asked(run, windows, arguments, status, told):
    to_come = Window(start=NOW + timedelta(hours=5), end=NOW + timedelta(hours=6))
    assert windows.reserve(to_come, holder="ana", now=NOW).fencing_token == 1

    ended, shown = run(*arguments)

    assert (ended, shown.out) == (status, "")
    assert told in shown.err


def test_a_token_of_another_service_opens_no_window_and_is_not_given_back(run, project, server, windows):
    held = windows.reserve(LAST_HOUR, holder="ana", now=NOW)
    text = (project / "reliability.toml").read_text()
    (project / "reliability.toml").write_text(text.replace("shop", "bar"))

    assert run("--lease", held.fencing_token)[0] == 5
    assert run("window", "extend", held.fencing_token, "--end", format_instant(NOW + timedelta(hours=2)))[0] == 5
    assert run("window", "release", held.fencing_token)[1].out.endswith("was not held any more\n")
    assert server.queries == []
    assert windows.held_now() == (held,)


def test_a_reservation_is_extended_listed_and_given_back(run, windows):
    end = format_instant(NOW + timedelta(hours=2))
    token = run("window", "reserve", "--start", format_instant(NOW))[1].out.strip()

    status, shown = run("window", "extend", token, "--end", end)

    assert (status, f"{this_process()} holds {format_instant(NOW)} / {end}" in shown.out) == (0, True)
    (listed,) = json.loads(run("window", "list", "--json")[1].out)
    assert (str(listed["fencing_token"]), listed["end_at"], listed["extension_count"]) == (token, end, 1)
    behind = parse_instant(listed["expires_at"]) - parse_instant(end)
    assert abs(behind.total_seconds() - GRACE_SECONDS) < 60
    assert run("window", "list")[1].out.startswith(f"{token}: {this_process()} holds ")
    assert run("window", "release", token)[1].out == f"{token} is given back\n"
    assert run("window", "release", token) == (0, (f"{token} was not held any more\n", ""))
    assert run("window", "list")[1].out == "no window is taken\n"


def test_a_reservation_is_not_extended_into_the_next_one(run, windows):
    first = windows.reserve(Window(start=NOW, end=NOW + timedelta(hours=1)), holder="ana", now=NOW)
    next_one = Window(start=NOW + timedelta(hours=1), end=NOW + timedelta(hours=2))
    windows.reserve(next_one, holder="bob", now=NOW)

    status, shown = run("window", "extend", first.fencing_token, "--end", format_instant(NOW + timedelta(minutes=61)))

    assert status == 6
    assert f"bob holds {next_one}" in shown.err
    assert "ana" not in shown.err
    kept = windows.held(first.fencing_token)
    assert (kept.end_at, kept.extension_count) == (first.end_at, 0)
    assert run("window", "reserve", "--start", format_instant(NOW))[0] == 6


def test_an_end_that_is_too_far_away_changes_nothing(run, windows):
    held = windows.reserve(LAST_HOUR, holder="ana", now=NOW)
    far = format_instant(NOW + timedelta(days=500))

    extended, told_of_end = run("window", "extend", held.fencing_token, "--end", far)
    reserved, told_of_start = run("window", "reserve", "--start", far)

    assert (extended, reserved) == (2, 2)
    assert f"the window would end at {far}" in told_of_end.err
    assert "give an earlier end" in told_of_start.err
    assert windows.held_now() == (held,)


def test_an_extension_that_is_cut_short_leaves_no_window_that_is_free_before_it_is_over(project, windows, monkeypatch):
    def lost(*_args, **_options):
        raise BackendUnavailableError("away")

    held = windows.reserve(LAST_HOUR, holder="ana", now=NOW)
    monkeypatch.setattr(LockService, "extend", lost)

    with pytest.raises(BackendUnavailableError):
        windows.extend(held.fencing_token, end_at=NOW + timedelta(hours=9), now=NOW)

    (left,) = windows.held_now()
    assert left.end_at == held.end_at
    assert left.expires_at > NOW + timedelta(hours=9)


@pytest.mark.parametrize("instant", ["tomorrow", "2026-11-27T03:30:00"], ids=["a word", "without an offset"])
def test_an_instant_without_an_offset_is_a_usage_error(run, windows, instant):
    assert run("window", "extend", 1, "--end", instant)[0] == 2
    assert run("window", "reserve", "--start", instant)[0] == 2


def test_windows_of_other_settings_are_reserved_extended_listed_and_given_back(run, project, server, windows, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    config = other / "reliability.toml"
    config.write_text((project / "reliability.toml").read_text())

    token = run("window", "reserve", "--start", format_instant(NOW), "--config", config)[1].out.strip()
    (listed,) = json.loads(run("window", "list", "--json", "--config", config)[1].out)
    assert str(listed["fencing_token"]) == token
    assert windows.held_now() == ()
    assert run("--config", config)[0] == 6
    end = format_instant(NOW + timedelta(hours=2))
    assert run("window", "extend", token, "--end", end, "--config", config)[0] == 0
    assert run("window", "release", token, "--config", config)[1].out == f"{token} is given back\n"


def test_a_holder_without_a_name_is_a_usage_error(run, windows):
    status, shown = run("window", "reserve", "--holder", "")

    assert (status, windows.held_now()) == (2, ())
    assert "holder is ''" in shown.err


def test_a_window_that_is_over_may_be_reserved_and_is_told_to_be(run, windows):
    start = NOW - timedelta(hours=3)

    over = run("window", "reserve", "--start", format_instant(start), "--minutes", 35)[1].err
    current = run("window", "reserve", "--start", format_instant(NOW), "--minutes", 35)[1].err

    assert "the window is over already" in over
    assert "over already" not in current


@pytest.mark.parametrize(
    "arguments",
    [
        ("reserve", "--minutes", "nan"),
        ("reserve", "--minutes", "1e-9"),
        ("reserve", "--start", "9999-12-31T23:58:00Z", "--minutes", "5"),
        ("reserve", "--start", "9999-12-31T23:58:00-05:00"),
        ("extend", "9" * 23, "--end", "2026-11-27T03:30:00Z"),
        ("extend", "0", "--end", "2026-11-27T03:30:00Z"),
        ("release", "9" * 23),
    ],
    ids=" ".join,
)
def test_a_window_or_a_token_that_cannot_be_is_a_usage_error(run, windows, arguments):
    status, shown = run("window", *arguments)

    assert (status, shown.out) == (2, "")
    assert "internal" not in shown.err
    assert windows.held_now() == ()


def test_a_token_that_cannot_be_judges_nothing(run, server):
    assert run("--lease", "9" * 23)[0] == 2
    assert server.queries == []


def test_a_holder_that_gave_back_in_the_meantime_is_told_so(project, windows):
    class Gone(LockService):
        def acquire(self, *_args, **_options):
            raise RangeConflictError("taken", holders=("bob",))

        def list_leases(self, resource=None, *, at=None):
            return ()

    with pytest.raises(RangeConflictError, match="somebody who has just given it back") as caught:
        Windows(Gone.__new__(Gone), service="shop").reserve(LAST_HOUR, holder="ana", now=NOW)

    assert caught.value.holders == ("bob",)


def test_a_user_without_a_name_is_told_by_number(monkeypatch):
    def nameless():
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)

    assert this_process().startswith(f"uid {os.getuid()}@")


def test_without_a_service_in_the_settings_it_is_the_folder_that_names_it(project):
    with closing(leases(project)) as windows:
        windows.reserve(LAST_HOUR, holder="ana", now=NOW)

    with closing(open_lock_service("sqlite:///outputs/state/leases.sqlite3", folder=project)) as locks:
        assert [lease.resource for lease in locks.list_leases()] == [f"canary-window/{project.name}"]
