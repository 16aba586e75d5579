"""Settings of a project from their three places: command line over environment over `reliability.toml`.

Says where a refused value stands and how to mend it. What may be set, and its defaults,
stands in `reliability.settings`.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from reliability.errors import ParameterError, SettingsError
from reliability.settings import FILE_NAME, OF_THE_SERVICE, Settings

PREFIX: Final = "RELIABILITY_"
RUN_FILES: Final = "RELIABILITY_RUN_FILES"  # from the runner to its kernel: folder for what a run keeps
RUN_CSV: Final = "RELIABILITY_RUN_CSV"  # from the runner to its kernel: keep the increments too
_NO_SETTINGS: Final = frozenset((RUN_FILES, RUN_CSV))
_WITH_UNIT: Final = re.compile(r"\s*[-+]?\d[\d.,_]*\s*(%|[a-zA-Zµ]+)\s*")
_UNIT: Final = re.compile(r"_(days|hours|minutes|seconds|milliseconds|ms|percent|points|fraction)$")
_NEAR_SECRETS: Final = re.compile(r"^(prometheus|resilience)$|(url|proxy|_file|_variable)$")
Place = tuple[str, ...]


def find_project_folder(start: Path) -> Path:
    """Find the nearest folder, upwards from `start`, with `reliability.toml` or a git checkout.

    Args:
        start: Usually the working directory; notebooks start in their own folder.

    Returns:
        The project's folder, or `start` itself when there is none.
    """
    here = start.resolve()
    for folder in (here, *here.parents):
        if os.path.lexists(folder / FILE_NAME) or (folder / ".git").exists():
            return folder
    return here


def read_settings(project: Path, environ: Mapping[str, str] | None = None, *, file: Path | None = None) -> Settings:
    """Read the project's settings; a variable `RELIABILITY_<SECTION>_<OPTION>` beats the file.

    Args:
        project: Folder that may hold `reliability.toml`; without one, the defaults hold.
        environ: Environment variables; those of the process by default.
        file: Another file instead, which must be there.

    Returns:
        Validated, frozen settings.

    Raises:
        SettingsError: The file is no TOML; a key or a variable is unknown, or its value is impossible.
    """
    path = project / FILE_NAME if file is None else file
    if file is not None and not os.path.lexists(file):
        raise SettingsError(f"{file} is not there; mend the name of the file.")
    values = _read_file(path)
    variables = os.environ if environ is None else environ
    options = {PREFIX + "_".join(place).upper(): place for place in _options(Settings)}
    origins: dict[Place, str] = {}
    for name in sorted(options.keys() & variables.keys()):
        *section, option = place = options[name]
        origins[place] = f"environment variable {name}"
        holder = values.setdefault(section[0], {}) if section else values
        if isinstance(holder, dict):  # else validation refuses what the file has in place of the section
            holder[option] = _typed(place, variables[name], origins[place])
    try:
        settings = Settings.model_validate(values)
    except ValidationError as err:
        place, problem = _first_problem(err, Settings)
        raise SettingsError(f"{origins.get(place, path)}: {problem}") from err
    known = {*options, *_NO_SETTINGS, *(secret.name for secret in settings.secrets)}
    for name in sorted(variables.keys() - known):
        if name.startswith(PREFIX):
            raise SettingsError(
                f"environment variable {name} is no setting{_closest(name, options)}; mend its name or unset it."
            )
    return settings


def resolve_parameters(
    settings: Settings, section: str, parameters: Mapping[str, object], *, report: str
) -> dict[str, object]:
    """Lay a notebook's parameters over a section of the settings; None means "from the settings".

    Args:
        settings: The project's settings.
        section: Name of the section, for example `canary`.
        parameters: What the notebook's parameters cell holds.
        report: Name of the report, for messages.

    Returns:
        A value for every key of the section.

    Raises:
        ParameterError: An unknown name, a wrong type or an impossible value.
    """
    chosen: BaseModel = getattr(settings, section)
    given = {name: value for name, value in parameters.items() if value is not None}
    values = chosen.model_dump()
    if str(given.get("source", "")).startswith("sample:"):  # the sample's own names, not those of the user's service
        values |= dict.fromkeys(OF_THE_SERVICE)
    try:
        merged = type(chosen).model_validate({**values, **given})
    except ValidationError as err:
        raise ParameterError(f"parameters of {report}: {_first_problem(err, type(chosen))[1]}") from err
    return merged.model_dump()


def read_assignments(section: str, assignments: Sequence[str]) -> dict[str, object]:
    """Read texts such as `margin_percent=5` as options of a section.

    Args:
        section: Name of the section, for example `canary`.
        assignments: Texts of `-p`; of an option that comes twice the last one holds.

    Returns:
        Typed value by option.

    Raises:
        ParameterError: A text is no assignment, or names no option.
        SettingsError: A value has the wrong type.
    """
    known = {place[1]: place for place in _options(Settings) if place[0] == section and len(place) > 1}
    given: dict[str, object] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ParameterError(f"-p {text}: write it as -p name=value.")
        if name not in known:
            raise ParameterError(f"-p {name}: {section} has no such option{_closest(name, known)}; mend its name.")
        given[name] = _typed(known[name], value, f"-p {name}")
    return given


def _read_file(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {}
    if not path.is_file():  # a link to nowhere must not read as "no settings"
        raise SettingsError(f"{path} is no file, or a link to none; mend or remove it.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SettingsError(f"{path} is not valid TOML: {err}. Mend that line and run again.") from err


def _options(model: type[BaseModel]) -> dict[Place, FieldInfo]:
    """Return every option by its place."""
    found: dict[Place, FieldInfo] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found.update({(name, *place): option for place, option in _options(field.annotation).items()})
        else:
            found[name,] = field
    return found


def _typed(place: Place, text: str, origin: str) -> object:
    try:
        value: object = TypeAdapter(_options(Settings)[place].rebuild_annotation()).validate_strings(text)
    except ValidationError as err:
        raise SettingsError(f"{origin}: {_words(err.errors(include_url=False)[0], '.'.join(place))}") from err
    return value


def _first_problem(err: ValidationError, model: type[BaseModel]) -> tuple[Place, str]:
    problem = err.errors(include_url=False)[0]
    place = tuple(str(part) for part in problem["loc"])
    key = ".".join(place)
    if problem["type"] != "extra_forbidden":
        return place, _words(problem, key)
    known = [".".join(option) for option in _options(model)]
    return place, f"'{key}' is no setting{_closest(key, known)}; mend or remove it."


def _words(problem: Any, key: str) -> str:
    """Put a refused value into words; one that may hold a secret, as those of a server's section, is not repeated."""
    value, is_plain = problem["input"], isinstance(problem["input"], bool | int | float)
    if problem["type"] == "value_error" or (not is_plain and (_NEAR_SECRETS.search(key) or "@" in str(value))):
        return f"{key + ': ' if key else ''}{problem['msg'].removeprefix('Value error, ')}."
    if isinstance(value, str) and _WITH_UNIT.fullmatch(value) and "number" in problem["msg"]:
        return f"{key} = {value!r}: write a plain number, the name of the option says its unit."
    return f"{key} = {value!r}: {problem['msg']}. Mend the value and run again."


def _closest(name: str, known: Collection[str]) -> str:
    """Name the option that was meant: the same with another unit, else the closest spelling."""
    same = [option for option in known if _UNIT.sub("", option.lower()) == _UNIT.sub("", name.lower())]
    close = same or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""
