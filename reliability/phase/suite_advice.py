"""Classes the tests that cannot run everywhere or take long, and says how to set them apart.

Pure: how tests ended goes in, groups with marker lines, a `-m` expression and suites come out. Running
tests and measuring coverage belong to `reliability.phase.suite_runs`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reliability.phase.causes import Cause, cause_of, is_outside, missing_module
from reliability.phase.suite_runs import ProbedTest

SLOW_MARKER: Final = "slow"
LONG: Final = "long"
ABSENT: Final = "absent"  # a skip that says so in words of its own
DEFECT: Final = "defect"
_SERVICES: Final = {
    "postgres": r"postgres|psycopg|\b5432\b|libpq",
    "redis": r"redis|\b6379\b",
    "mysql": r"mysql|mariadb|\b3306\b",
    "mongo": r"mongo|\b27017\b",
    "kafka": r"kafka|\b9092\b",
    "rabbitmq": r"rabbit|amqp|\b5672\b",
    "elasticsearch": r"elastic|\b9200\b",
    "docker": r"docker",
    "prometheus": r"prometheus|\b9090\b",
    "spacy": r"spacy|en_core|es_core",
    "network": r"name resolution|getaddrinfo|Name or service|Network is unreachable",
}
_SUITE_LABELS: Final = {
    "unit": '{ en = "Unit", es = "Unitarias" }',
    "heavy": '{ en = "With services and libraries", es = "Con servicios y bibliotecas" }',
    "slow": '{ en = "Long", es = "Largas" }',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tests to set apart for one reason.

    Attributes:
        kind: A class of `reliability.phase.causes`, or ABSENT, or LONG.
        marker: Marker that would set them apart.
        tests: Node ids.
        files: Files that cannot even be collected; their tests cannot be counted from outside.
        reason: Message of the first.
    """

    kind: str
    marker: str
    tests: tuple[str, ...]
    files: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to set apart, and how.

    Attributes:
        groups: By kind and marker.
        defects: Node ids of tests that failed for another reason, and files that broke: to be mended, not marked.
        lines: Place (file or function) and the line to add there.
        expression: For `-m` of the unit suite; empty when nothing is to be marked.
        suites: Tables for the phase's TOML.
    """

    groups: tuple[Group, ...]
    defects: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    expression: str
    suites: str

    @property
    def tests(self) -> frozenset[str]:
        """Node ids to set apart."""
        return frozenset(test for group in self.groups for test in group.tests)

    @property
    def markers(self) -> list[str]:
        """Lines that register the markers with pytest."""
        names = sorted({group.marker for group in self.groups})
        return [f"{name}: {'takes long' if name == SLOW_MARKER else name.replace('_', ' ', 1)}" for name in names]

    @property
    def files(self) -> tuple[str, ...]:
        """Files that cannot be collected and are to be set apart."""
        return tuple(path for group in self.groups for path in group.files)


def advise(
    tests: Mapping[str, ProbedTest],
    files: Mapping[str, ProbedTest],
    *,
    slow_seconds: float,
    is_own_module: Callable[[str], bool],
) -> Advice:
    """Advise how to set tests apart.

    Args:
        tests: How tests ended, by node id.
        files: Files that were not collected, by path.
        slow_seconds: A test that takes as long or longer is long.
        is_own_module: Tells whether a missing module should be in the project itself: then the project is broken.

    Returns:
        Groups, marker lines and suites; empty when every test runs here in little time.
    """
    found: dict[tuple[str, str], tuple[list[str], list[str], list[str]]] = {}
    defects: list[str] = []
    for place, test in [*tests.items(), *files.items()]:
        kind = _kind(test, slow_seconds=slow_seconds, is_own_module=is_own_module)
        if kind == DEFECT:
            defects.append(place)
        elif kind is not None:
            of_tests, of_files, reasons = found.setdefault((kind, _marker(kind, place, test.reason)), ([], [], []))
            (of_files if place in files else of_tests).append(place)
            reasons.append(test.reason)
    groups = tuple(
        Group(kind=kind, marker=marker, tests=tuple(of_tests), files=tuple(of_files), reason=reasons[0])
        for (kind, marker), (of_tests, of_files, reasons) in sorted(found.items())
    )
    return Advice(
        groups=groups,
        defects=tuple(defects),
        lines=_lines(groups, tests),
        expression=_expression(groups),
        suites=_suites(groups),
    )


def _kind(test: ProbedTest, *, slow_seconds: float, is_own_module: Callable[[str], bool]) -> str | None:
    if test.outcome == "passed":
        return LONG if test.seconds >= slow_seconds else None
    if test.outcome == "xfailed" or (test.outcome == "skipped" and not is_outside(test.reason)):
        return None
    module, cause = missing_module(test.reason), cause_of(test.reason)
    if (module and is_own_module(module)) or (cause is Cause.OTHER and test.outcome == "failed"):
        return DEFECT
    return ABSENT if cause is Cause.OTHER else cause.value


def _marker(kind: str, place: str, reason: str) -> str:
    """Name the marker after what is absent: the module, the service, the program."""
    if kind in (LONG, Cause.TIMEOUT):
        return SLOW_MARKER
    module = missing_module(reason)
    program = re.search(r"No such file or directory: '([\w-]+)'|\bno ([\w-]+) on this machine", reason)
    services = (
        name for text in (reason, place) for name, sign in _SERVICES.items() if re.search(sign, text, re.IGNORECASE)
    )
    named = module.partition(".")[0] if module else (program[1] or program[2]) if program else next(services, "service")
    return f"needs_{re.sub(r'[^a-z0-9]+', '_', named.lower()).strip('_') or 'service'}"


def _lines(groups: tuple[Group, ...], tests: Mapping[str, ProbedTest]) -> tuple[tuple[str, str], ...]:
    """One line per file where all its tests are of one group, else one per function, else one per parameter set."""
    together: dict[str, set[str]] = {}
    for test in tests:
        for whole in (test.partition("::")[0], test.partition("[")[0]):
            together.setdefault(whole, set()).add(test)
    lines: dict[str, str] = {}
    for group in groups:
        mark, of_group = f"pytest.mark.{group.marker}", set(group.tests)
        lines |= dict.fromkeys(group.files, f"pytestmark = {mark}")
        for test in group.tests:
            path, function = test.partition("::")[0], test.partition("[")[0]
            if together[path] <= of_group:
                lines[path] = f"pytestmark = {mark}"
            elif together[function] <= of_group:
                lines[function] = f"@{mark}"
            else:
                lines[test] = f"pytest.param(..., marks={mark})"
    return tuple(sorted(lines.items()))


def _expression(groups: tuple[Group, ...]) -> str:
    return " and ".join(f"not {marker}" for marker in sorted({group.marker for group in groups}))


def _suites(groups: tuple[Group, ...]) -> str:
    if not groups:
        return ""
    needs = sorted({group.marker for group in groups} - {SLOW_MARKER})
    ignored = [f"--ignore={path}" for group in groups for path in group.files]
    tables = [_suite("unit", ["-m", _expression(groups), *ignored], "unit = true")]
    if needs:
        tables.append(_suite("heavy", ["-m", " or ".join(needs)], "required = false\nheavy = true"))
    if any(group.marker == SLOW_MARKER for group in groups):
        tables.append(_suite("slow", ["-m", SLOW_MARKER], "required = true"))
    return "\n".join(tables)


def _suite(name: str, arguments: list[str], rest: str) -> str:
    words = json.dumps(arguments, ensure_ascii=False)  # JSON's strings are TOML's
    return f"[suites.{name}]\nlabel = {_SUITE_LABELS[name]}\narguments = {words}\n{rest}\n"
