"""Finds the threshold of coverage that is in force: in which file it stands, what it hides or beats.

Nothing is run: the rules of pytest, pytest-cov and coverage.py about which value wins are
applied to the files. Whether it may be raised is judged in `reliability.judge.ratchet`, and
files are changed in `reliability.phase.threshold_edit`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from reliability.errors import ThresholdError
from reliability.sources.configuration import (
    COVERAGE_FILES,
    PYTEST_FILES,
    Document,
    Keys,
    at,
    holds_coverage,
    parse_configuration,
    pytest_table,
    read_configuration,
    report_table,
    table_at,
)
from reliability.sources.evidence_manifest import ThresholdPlace, Thresholds

OPTION: Final = "--cov-fail-under"
ENVIRONMENT: Final = "PYTEST_ADDOPTS"
_SAFE_DECIMALS: Final = 2
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?:-([^}]*))?\})")
_PLAIN: Final = re.compile(r"\d+(\.\d+)?")
_COMMANDS: Final = ("Makefile", "noxfile.py", "tox.ini", ".gitlab-ci.yml", "Jenkinsfile", ".github/workflows/*.y*ml")
_COMMAND: Final = re.compile(r"^[^#\n]*(?:--cov-fail-under|coverage report[^#\n]*--fail-under)[= ]+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundThreshold:
    """A threshold and where exactly it stands.

    Attributes:
        path: File; the name of a variable for the environment.
        keys: Keys of the option within the file's document.
        word: Index of its word among the words of `addopts`; None for `fail_under`.
        written: The number as it is written.
        percent: The value.
    """

    path: Path
    keys: Keys
    word: int | None
    written: str
    percent: Decimal

    @property
    def key(self) -> str:
        """Key for people."""
        first, *rest = self.keys
        name = ".".join(self.keys) if self.path.suffix == ".toml" else " ".join([f"[{first}]", *rest])
        return name if self.word is None else f"{name} {OPTION}"


def find_thresholds(project: Path, *, environment: Mapping[str, str]) -> Thresholds:
    """Find the threshold in force and those that it hides.

    Args:
        project: Folder that pytest and coverage.py are started in.
        environment: Environment variables; `PYTEST_ADDOPTS` and `COVERAGE_RCFILE` count.

    Returns:
        Threshold in force, shadowed ones, and what makes it weaker than it looks. A threshold of 0
        holds nothing and is not one.

    Raises:
        ThresholdError: A configuration file cannot be read, or pytest would refuse it.
    """
    search = _Search(project, environment)
    winner = search.winner()
    others = [found for found in search.found if found is not winner and found.percent]
    return Thresholds(
        effective=_place(project, winner) if winner else None,
        shadowed=[_place(project, found) for found in others],
        warnings=[*search.warnings(winner), *(_hidden(project, found, winner) for found in others)],
    )


def find_effective(project: Path, *, environment: Mapping[str, str]) -> FoundThreshold | None:
    """Find the threshold in force with its exact place; see `find_thresholds`."""
    return _Search(project, environment).winner()


def locate(found: FoundThreshold, body: bytes) -> tuple[int, int] | None:
    """Find the digits of a threshold in its file, by proof: changing them changes this value and nothing else.

    Args:
        found: The threshold.
        body: The file.

    Returns:
        Start and end in bytes; None when no such place exists (a variable, `3.5e1`).
    """
    if not _PLAIN.fullmatch(found.written):
        return None
    probe = "7" if found.written != "7" else "8"
    before = parse_configuration(found.path, body)
    for match in re.finditer(rb"(?<![\w.])" + re.escape(found.written.encode()) + rb"(?![\w.])", body):
        try:
            after = parse_configuration(found.path, body[: match.start()] + probe.encode() + body[match.end() :])
        except ThresholdError:
            continue
        if _differs_only_there(before, after, found, probe):
            return match.span()
    return None


def _differs_only_there(before: Document, after: Document, found: FoundThreshold, written: str) -> bool:
    old, new = at(before, found.keys), at(after, found.keys)
    if _without(before, found.keys) != _without(after, found.keys):
        return False
    if found.word is None:
        return str(new) == written
    words = _words(old)
    words[found.word] = words[found.word].removesuffix(found.written) + written
    return _words(new) == words


def _without(document: Document, keys: Keys) -> dict[str, Any]:
    rest = dict(document)
    if len(keys) == 1:
        rest.pop(keys[0], None)
    else:
        rest[keys[0]] = _without(rest[keys[0]], keys[1:])
    return rest


class _Search:
    """The configuration of one project: every threshold in it, and which file wins for whom."""

    def __init__(self, project: Path, environment: Mapping[str, str]) -> None:
        self._project, self._environment = project, environment
        self._pytest_path: Path | None = None
        self._options: list[str] = []
        self._by_option: list[FoundThreshold] = []
        self._by_report: list[FoundThreshold] = []
        self._report: tuple[Path, Mapping[str, Any]] | None = None
        self._read_pytest()
        self._read_coverage()

    @property
    def found(self) -> list[FoundThreshold]:
        """All thresholds, also those of 0."""
        return [*self._by_option, *self._by_report]

    def winner(self) -> FoundThreshold | None:
        """The last option of the file or the environment that pytest takes, else `fail_under`; None at 0."""
        counting = [found for found in self._by_option if found.path in (self._pytest_path, Path(ENVIRONMENT))]
        if counting and "--no-cov" not in self._options:
            return counting[-1] if counting[-1].percent else None
        in_report = [found for found in self._by_report if self._report and found.path == self._report[0]]
        return in_report[0] if in_report and in_report[0].percent else None

    def warnings(self, winner: FoundThreshold | None) -> Iterator[str]:
        """What makes the winner weaker than it looks."""
        if "--no-cov" in self._options:
            yield "addopts holds --no-cov: no run of pytest checks coverage. Remove it."
        if winner and winner.word is not None and not any(_starts_coverage(word) for word in self._options):
            yield f"{OPTION} stands in addopts without --cov: only runs that are started with --cov check it."
        if winner and "$" in str(winner.written):
            yield f"The threshold is written {winner.written} and depends on the environment; write a number."
        if winner and (decimals := self._decimals(winner)) < _SAFE_DECIMALS and winner.percent < 100:  # noqa: PLR2004
            passing = winner.percent - Decimal(5).scaleb(-decimals - 1)
            yield (
                f"Coverage is compared after rounding to {decimals} decimals, so about {passing} % passes as "
                f"{winner.percent} %; set precision = 2 in the report section of coverage.py's configuration."
            )
        yield from _commands(self._project, {(found.path, _line(found)) for found in self.found})

    def _read_pytest(self) -> None:
        for folder in (self._project, *self._project.parents):
            for path in (folder / name for name in PYTEST_FILES):
                document = read_configuration(path)
                table = None if document is None else pytest_table(path, document)
                if document is not None and table is not None:
                    self._take_options(path, (*table, "addopts"), at(document, (*table, "addopts")))
            if self._pytest_path:
                break
        variable = self._environment.get(ENVIRONMENT, "")
        self._options += _words(variable)
        self._by_option += _in_words(Path(ENVIRONMENT), ("environment",), variable)

    def _take_options(self, path: Path, keys: Keys, value: object) -> None:
        if self._pytest_path is None:
            self._pytest_path, self._options = path, _words(value)
        self._by_option += _in_words(path, keys, value)

    def _read_coverage(self) -> None:
        first = _last_value(self._options, "--cov-config") or self._environment.get("COVERAGE_RCFILE")
        for name in dict.fromkeys((first or COVERAGE_FILES[0], *COVERAGE_FILES[1:])):
            path = self._project / name
            document = read_configuration(path)
            if document is None and name == first:
                raise ThresholdError(f"{path} is named as coverage.py's configuration, but there is no such file.")
            if document is None or not (name == first or holds_coverage(path, document)):
                continue
            keys = report_table(path, document)
            table = table_at(document, keys)
            if self._report is None:
                self._report = (path, table)
            if "fail_under" in table:
                written, option = str(table["fail_under"]), (*keys, "fail_under")
                percent = _percent(path, _expand(written, self._environment))
                self._by_report.append(
                    FoundThreshold(path=path, keys=option, word=None, written=written, percent=percent)
                )

    def _decimals(self, winner: FoundThreshold) -> int:
        exponent = winner.percent.normalize().as_tuple().exponent
        own = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        precision = _last_value(self._options, "--cov-precision") if winner.word is not None else None
        written = precision or str((self._report[1] if self._report else {}).get("precision", 0))
        return max(own, int(written) if written.isdigit() else 0)


def _in_words(path: Path, keys: Keys, value: object) -> Iterator[FoundThreshold]:
    words = _words(value)
    for index, word in enumerate(words):
        name, equals, written = word.partition("=")
        if name != OPTION:
            continue
        at_word = index if equals else index + 1
        written = written if equals else "".join(words[at_word : at_word + 1])
        yield FoundThreshold(path=path, keys=keys, word=at_word, written=written, percent=_percent(path, written))


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as err:
            raise ThresholdError(f"addopts cannot be split into words ({err}): {value!r}. Close the quote.") from err
    return [str(word) for word in value] if isinstance(value, Sequence) else []


def _last_value(words: Sequence[str], option: str) -> str | None:
    found = None
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name, equals, value = word.partition("=")
        if name == option:
            found = value if equals else following
    return found


def _starts_coverage(word: str) -> bool:
    return word.partition("=")[0] == "--cov"


def _expand(written: str, environment: Mapping[str, str]) -> str:
    """Put variables in, as coverage.py does."""
    return _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], match[3] or ""), written)


def _percent(path: Path, written: str) -> Decimal:
    try:
        percent = Decimal(written)
    except InvalidOperation:
        percent = Decimal(-1)
    if not (percent.is_finite() and 0 <= percent <= 100):  # noqa: PLR2004 -- percent
        raise ThresholdError(f"{path}: the threshold {written!r} is no number from 0 to 100. Write a number.")
    return percent


def _place(project: Path, found: FoundThreshold) -> ThresholdPlace:
    return ThresholdPlace(percent=found.percent, file=_name(project, found.path), key=found.key, line=_line(found))


def _line(found: FoundThreshold) -> int | None:
    if not found.path.is_file():
        return None
    body = found.path.read_bytes()
    span = locate(found, body)
    return body[: span[0]].count(b"\n") + 1 if span else None


def _name(project: Path, path: Path) -> str:
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.as_posix()


def _hidden(project: Path, found: FoundThreshold, winner: FoundThreshold | None) -> str:
    force = f"{winner.percent} % of {_name(project, winner.path)} is in force" if winner else "no threshold is in force"
    return f"{_name(project, found.path)} says {found.percent} % ({found.key}), but {force}. Remove one of them."


def _commands(project: Path, known: AbstractSet[tuple[Path, int | None]]) -> Iterator[str]:
    """Name commands that carry a threshold: on the command line it beats every file."""
    for path in sorted(path for pattern in _COMMANDS for path in project.glob(pattern) if path.is_file()):
        text = path.read_bytes().decode("utf-8", errors="replace")
        for match in _COMMAND.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            if (path, line) not in known:
                command = f"{_name(project, path)} line {line} passes the threshold {match[1]} on a command line"
                yield f"{command}, which beats every file."
