"""How a setting is declared: one table for flags, help, errors and the reference page."""

import inspect
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Any, ClassVar, Final, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.settings.quantities import Measure, format_bytes, format_seconds

PREFIX: Final = "SLUICE_"
YES_OR_NO: Final = Measure("yes or no", "")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where `load` looks beside the flags: environment and TOML document."""

    environment: dict[str, str]
    document: dict[str, Any]


# Set while `load` runs. Without it a class is built from the given values and its defaults alone,
# so that tests and callers get the same object on every machine.
ACTIVE_SOURCES: ContextVar[Sources | None] = ContextVar("settings_sources", default=None)


def setting(
    default: object,
    prose: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    secret: bool = False,
    default_says: str | None = None,
    default_factory: Callable[[], object] | None = None,
) -> Any:
    """Declare one setting: its default (`...` when required), what it does, and its bounds.

    `secret` keeps the value out of messages and off the command line; `default_says` words a
    default that depends on the machine.
    """
    extra: dict[str, Any] = {"secret": secret, "default_says": default_says}
    if default_factory is not None:
        return Field(
            default_factory=default_factory,
            description=prose,
            ge=ge,
            le=le,
            json_schema_extra=extra,
        )
    return Field(default, description=prose, ge=ge, le=le, json_schema_extra=extra)


class SluiceSettings(BaseSettings):
    """Base of all settings classes.

    `section` names the TOML table and the middle of the environment variable for the fields which
    that class declares itself; the empty section is the top level of the file.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, validate_default=True)

    section: ClassVar[str] = ""
    title: ClassVar[str] = ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes it
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put flags over environment over file, and nothing else."""
        sources = ACTIVE_SOURCES.get()
        if sources is None or not issubclass(settings_cls, SluiceSettings):
            return (init_settings,)
        return (
            init_settings,
            EnvironmentSource(settings_cls, sources),
            DocumentSource(settings_cls, sources),
        )


@dataclass(frozen=True, slots=True)
class Declaration:
    """One setting as declared."""

    name: str
    section: str
    field: FieldInfo

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        """The environment variable."""
        middle = f"{self.section.upper()}_" if self.section else ""
        return f"{PREFIX}{middle}{self.name.upper()}"

    @property
    def key(self) -> str:
        """The dotted key of the TOML file."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def prose(self) -> str:
        """What the setting does."""
        return self.field.description or ""

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.field.is_required()

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown, nor stand on a command line that others can list."""
        return bool(self._extra("secret"))

    @property
    def type(self) -> Any:
        """The bare type, without ``| None``."""
        return _bare(self.field.annotation)

    @property
    def is_switch(self) -> bool:
        """Whether it is yes or no."""
        return self.type is bool

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words of an enumeration, else nothing."""
        if isinstance(self.type, type) and issubclass(self.type, Enum):
            return tuple(str(member.value) for member in self.type)
        return ()

    @property
    def measure(self) -> Measure:
        """What the value is."""
        if self.is_switch:
            return YES_OR_NO
        if self.choices:
            return Measure("one of " + ", ".join(self.choices), "|".join(self.choices))
        marks = [*self.field.metadata, *_marks(self.field.annotation)]
        return next(mark for mark in marks if isinstance(mark, Measure))

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The least and the greatest allowed value."""
        low = next((mark.ge for mark in self.field.metadata if isinstance(mark, Ge)), None)
        high = next((mark.le for mark in self.field.metadata if isinstance(mark, Le)), None)
        return _number(low), _number(high)

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        low, high = self.bounds
        text = self.measure.noun
        if low is not None and high is not None:
            text += f" from {self.format(low)} to {self.format(high)}"
        elif low is not None:
            text += f" of at least {self.format(low)}"
        return f"{text}, such as {self.measure.example}" if self.measure.example else text

    @property
    def default_text(self) -> str | None:
        """The default in words; None when there is none to show."""
        says = self._extra("default_says")
        if isinstance(says, str):
            return says
        if self.field.default in {None, PydanticUndefined, ()}:
            return None
        return self.format(self.field.default)

    @property
    def default_is_literal(self) -> bool:
        """Whether the default is a value, and not words about one."""
        return self._extra("default_says") is None

    def format(self, value: object) -> str:
        """Write a value as a person would write it in a file."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ",".join(map(str, value))
        if isinstance(value, int | float) and self.measure.metavar == "SIZE":
            return format_bytes(int(value))
        if isinstance(value, int | float) and self.measure.metavar == "TIME":
            return format_seconds(value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _extra(self, name: str) -> object:
        extra = self.field.json_schema_extra
        return extra.get(name) if isinstance(extra, dict) else None


def declarations(cls: type[SluiceSettings]) -> list[Declaration]:
    """List the settings of one class in the order of their declaration, its own first."""
    found = [
        Declaration(name, _declarer(cls, name).section, field)
        for name, field in cls.model_fields.items()
    ]
    return sorted(found, key=lambda each: _declarer(cls, each.name) is not cls)


def _declarer(cls: type[SluiceSettings], name: str) -> type[SluiceSettings]:
    """Find the most general class that declares the field: its section is the field's."""
    for base in reversed(cls.__mro__):
        if issubclass(base, SluiceSettings) and name in inspect.get_annotations(base):
            return base
    raise KeyError(name)


class EnvironmentSource(PydanticBaseSettingsSource):
    """Reads ``SLUICE_*``; an empty variable counts as absent, as compose files write it."""

    def __init__(self, settings_cls: type[SluiceSettings], sources: Sources) -> None:
        super().__init__(settings_cls)
        self._declared = declarations(settings_cls)
        self._sources = sources

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Give the text of one field, its name, and that it is not JSON."""
        declared = next(each for each in self._declared if each.name == field_name)
        return self._sources.environment.get(declared.environment) or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Give every value that is set."""
        found = {
            each.name: self._sources.environment.get(each.environment) for each in self._declared
        }
        return {name: value for name, value in found.items() if value}


class DocumentSource(PydanticBaseSettingsSource):
    """Reads the TOML document."""

    def __init__(self, settings_cls: type[SluiceSettings], sources: Sources) -> None:
        super().__init__(settings_cls)
        self._declared = declarations(settings_cls)
        self._sources = sources

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Give the value of one field, its name, and that it is not JSON."""
        declared = next(each for each in self._declared if each.name == field_name)
        return in_document(self._sources.document, declared), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Give every value that is set."""
        found = {each.name: in_document(self._sources.document, each) for each in self._declared}
        return {name: value for name, value in found.items() if value is not None}


def in_document(document: dict[str, Any], declared: Declaration) -> Any:
    """Look a setting up in a TOML document; None when it is absent (TOML has no null)."""
    table = document.get(declared.section, {}) if declared.section else document
    return table.get(declared.name) if isinstance(table, dict) else None


def _bare(annotation: Any) -> Any:
    """Strip ``| None``, ``Annotated`` and the arguments of a generic."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    return get_origin(annotation) or annotation


def _marks(annotation: Any) -> Iterator[object]:
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from getattr(part, "__metadata__", ())


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None
