"""Reading settings: flags over environment over file, and a sentence for each that is wrong."""

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.errors import OperatorFault
from runtime.settings.declaration import (
    ACTIVE_SOURCES,
    PREFIX,
    Declaration,
    SluiceSettings,
    Sources,
    declarations,
    in_document,
)

S = TypeVar("S", bound=SluiceSettings)

CONFIG_VARIABLE: Final = "SLUICE_CONFIG"
# Variables of ours that are no settings: spoken between our own processes, or by tools and tests.
INTERNAL_VARIABLES: Final = frozenset(
    {
        "SLUICE_CALLED_FROM",
        "SLUICE_CHROMIUM",
        "SLUICE_DEBUG_NATIVE",
        "SLUICE_FFMPEG",
        "SLUICE_NGINX",
        "SLUICE_READY_FD",
        "SLUICE_REDIS_SERVER",
        "SLUICE_VARNISH",
    }
)
TEST_PREFIX: Final = "SLUICE_TEST_"


class SettingsFault(OperatorFault):
    """A setting is missing, unknown or outside its range. The message has one sentence for each."""

    code = "settings.invalid"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load(
    cls: type[S],
    flags: Mapping[str, object] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> S:
    """Build `cls` from `flags` (None means not given), then the environment, then the TOML file.

    The file is ``--config``, else SLUICE_CONFIG, else ``$XDG_CONFIG_HOME/sluice/sluice.toml`` if
    that exists. One file and one environment serve all processes, so a key of another process is
    fine and an unknown one is not.

    Raises `SettingsFault`.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    variables = dict(os.environ if environment is None else environment)
    path = _config_path(given, variables)
    sources = Sources(variables, _read(path) if path else {})
    _refuse_unknown(sources, path)
    token = ACTIVE_SOURCES.set(sources)
    try:
        return cls(**given)
    except ValidationError as error:
        raise SettingsFault(_explain(cls, error, given, sources, path)) from error
    finally:
        ACTIVE_SOURCES.reset(token)


def _config_path(given: Mapping[str, object], variables: Mapping[str, str]) -> Path | None:
    named = given.get("config") or variables.get(CONFIG_VARIABLE)
    if named:
        return Path(str(named)).expanduser().absolute()
    home = variables.get("XDG_CONFIG_HOME") or "~/.config"
    usual = Path(home).expanduser() / "sluice" / "sluice.toml"
    return usual if usual.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsFault([f"the settings file {path} does not exist"]) from error
    except OSError as error:
        raise SettingsFault([f"cannot read the settings file {path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsFault([f"the settings file {path} is not TOML: {error}"]) from error


def _refuse_unknown(sources: Sources, path: Path | None) -> None:
    problems = [*_unknown_variables(sources.environment), *_unknown_keys(sources.document, path)]
    if problems:
        raise SettingsFault(problems)


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    known = {each.environment for each in all_declarations()} | INTERNAL_VARIABLES
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not name.startswith(TEST_PREFIX):
            yield f"the environment variable {name} is no setting{_suggest(name, known)}"


def _unknown_keys(document: Mapping[str, Any], path: Path | None) -> Iterator[str]:
    known = {each.key for each in all_declarations()}
    tables = {each.section for each in all_declarations() if each.section}
    for key, value in document.items():
        if key in tables and isinstance(value, dict):
            dotted = [f"{key}.{inner}" for inner in value]
        else:
            dotted = [key]
        for name in dotted:
            if name not in known:
                yield f"the key {name} in {path} is no setting{_suggest(name, known)}"


def _suggest(name: str, known: Iterable[str]) -> str:
    """Offer the nearest name; the prefix that all share would make everything look near."""
    by_rest = {each.removeprefix(PREFIX): each for each in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), by_rest, n=1, cutoff=0.7)
    return f"; did you mean {by_rest[close[0]]}?" if close else ""


def all_declarations() -> list[Declaration]:
    """List every setting of every process once."""
    # Imported here because the catalogue imports the classes, and they are declared with what
    # stands above them.
    from runtime.settings.catalogue import every_declaration  # noqa: PLC0415

    return every_declaration()


def _explain(
    cls: type[SluiceSettings],
    error: ValidationError,
    given: Mapping[str, object],
    sources: Sources,
    path: Path | None,
) -> Iterator[str]:
    declared = {each.name: each for each in declarations(cls)}
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if name in declared:
            origin, value = _origin(declared[name], given, sources, path)
            yield _sentence(declared[name], detail, origin, value)
        else:
            yield f"{name or cls.__name__}: {_reason(detail)}"


def _sentence(declared: Declaration, detail: ErrorDetails, origin: str, written: object) -> str:
    if detail["type"] == "missing":
        return (
            f"{declared.flag} is required (or {declared.environment}, or {declared.key} in the "
            f"settings file): {declared.allowed}"
        )
    value = "hidden" if declared.is_secret else repr(written)
    return f"{origin} is {value}: {_reason(detail)}; allowed is {declared.allowed}"


def _reason(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return "too small"
        case "less_than_equal":
            return "too large"
        case "value_error":
            return str(context.get("error", detail["msg"]))
        case "int_parsing" | "int_type" | "int_from_float":
            return "not a whole number"
        case "bool_parsing" | "bool_type":
            return "neither yes nor no"
        case "enum":
            return "not one of the words"
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:]


def _origin(
    declared: Declaration, given: Mapping[str, object], sources: Sources, path: Path | None
) -> tuple[str, object]:
    """Say where a value came from, and what is written there."""
    if declared.name in given:
        return declared.flag, given[declared.name]
    if variable := sources.environment.get(declared.environment):
        return declared.environment, variable
    return f"{declared.key} in {path}", in_document(sources.document, declared)
