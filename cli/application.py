"""The typer application: built for the one command that is run, or for all of them for help."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cli.commands import COMMANDS, SUBCOMMANDS, Command
from cli.exits import explain, fail
from cli.main import EXIT_INTERRUPTED
from core.errors import Fault
from runtime.version import sluice_version

SUMMARY = "A self-hosted media server: packages films once and streams them through edge caches."
EPILOG = "\b\nExamples:\n  sluice up film.mp4\n  sluice ingest another.mkv\n  sluice up --help"


def run_application(words: Sequence[str], *, only: str | None) -> int:
    """Run `words`; build the command that `only` begins with alone, if there is one."""
    chosen = _chosen(only)
    application = _application(chosen)
    try:
        code = application(list(words), standalone_mode=False, prog_name="sluice")
    except typer.Abort:
        return EXIT_INTERRUPTED
    except typer.TyperException as error:
        explain(_one_line(error.format_message()))
        return error.exit_code
    except (Fault, BaseExceptionGroup) as error:
        return fail(error)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        sys.stderr.close()
        return 1
    return code if isinstance(code, int) else 0


def _application(commands: Sequence[Command]) -> typer.Typer:
    application = typer.Typer(
        name="sluice",
        help=SUMMARY,
        epilog=EPILOG,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    application.callback(invoke_without_command=True)(_root)
    for command in commands:
        examples = "\n".join(f"  {example}" for example in command.examples)
        group, _, name = command.name.rpartition(" ")
        _within(application, group).command(
            name, help=command.summary, epilog=f"\b\nExamples:\n{examples}"
        )(command.build())
    return application


def _chosen(only: str | None) -> list[Command]:
    """The command of these words: of two words, of the first alone, or else all that there are."""
    if only is None:
        return list(COMMANDS)
    first = only.partition(" ")[0]
    exact = [each for each in SUBCOMMANDS if each.name == only]
    return exact or [each for each in COMMANDS if each.name == first] or list(COMMANDS)


def _within(application: typer.Typer, group: str) -> typer.Typer:
    """The place for the commands of a group, or for those of none."""
    if not group:
        return application
    inner = typer.Typer(name=group, rich_markup_mode=None)
    application.add_typer(inner)
    return inner


def _root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        typer.echo(f"sluice {sluice_version()}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _one_line(message: str) -> str:
    """Make one sentence of a usage error, and point to the help."""
    return " ".join(message.split()).rstrip(".") + "; see --help"
