"""Command-line options made from the declarations of the settings: there is no second list."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from runtime.settings.declaration import Declaration, SluiceSettings

S = TypeVar("S", bound="SluiceSettings")


@dataclass(frozen=True, slots=True)
class Extra:
    """A parameter of a command that is no setting: its name, annotation and default."""

    name: str
    annotation: Any
    default: Any


def settings_command(
    cls: type[S], run: Callable[..., int], *, extras: tuple[Extra, ...] = ()
) -> Callable[..., None]:
    """Make the function behind a command: it loads `cls` and calls ``run(settings, **extras)``.

    Its signature has one option per setting, for typer to read. Values stay text: the settings
    read, check and explain them, whether they come from a flag, the environment or a file.
    """
    # Imported here: a command without settings need not pay for them.
    from runtime.settings.declaration import declarations  # noqa: PLC0415 - see above
    from runtime.settings.load import load  # noqa: PLC0415 - see above

    declared = {each.name: each for each in declarations(cls) if not each.is_secret}
    own = {extra.name for extra in extras}

    def command(**given: object) -> None:
        flags: Mapping[str, object] = {
            name: given[name] or None if declared[name].measure.is_list else given[name]
            for name in declared
        }
        settings = load(cls, flags)
        raise typer.Exit(run(settings, **{name: given[name] for name in own}))

    parameters = [
        *(_parameter(extra.name, extra.annotation, extra.default) for extra in extras),
        *(_parameter(each.name, _option(each), None) for each in declared.values()),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # functions have one
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _option(declared: "Declaration") -> Any:
    """Give the annotation that typer makes an option of."""
    shown = f"{declared.prose} {_small_print(declared)}"
    if declared.is_switch:
        return Annotated[
            bool | None, typer.Option(_switch(declared), help=shown, show_default=False)
        ]
    option = typer.Option(
        declared.flag, help=shown, metavar=declared.measure.metavar, show_default=False
    )
    return Annotated[list[str] | None if declared.measure.is_list else str | None, option]


def _switch(declared: "Declaration") -> str:
    return f"{declared.flag}/--no-{declared.flag.removeprefix('--')}"


def _small_print(declared: "Declaration") -> str:
    """Give default and environment variable, in brackets."""
    facts = [f"env: {declared.environment}"]
    if declared.is_required:
        facts.insert(0, "required")
    elif declared.default_text is not None:
        facts.insert(0, f"default: {declared.default_text}".replace("`", ""))
    return f"[{'; '.join(facts)}]"
