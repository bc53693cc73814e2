"""The table of commands: what each is called, says about itself, and takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.options import Extra, settings_command

Build = Callable[[], Callable[..., None]]

JSON: Final = Extra(
    "as_json",
    Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")],
    default=False,
)
FILES_HELP: Final = "Films to put into the library."


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `build` imports what it needs, and is called for the command that is run."""

    name: str
    summary: str
    examples: tuple[str, ...]
    build: Build


def _up() -> Callable[..., None]:
    from cli.up.command import run_up  # noqa: PLC0415 - see Command.build
    from runtime.settings.up import UpSettings  # noqa: PLC0415 - see Command.build

    files = Extra(
        "files",
        Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help=FILES_HELP)],
        default=None,
    )
    return settings_command(UpSettings, run_up, extras=(files, JSON))


def _ingest() -> Callable[..., None]:
    from cli.ingest.command import ingest_command  # noqa: PLC0415 - see Command.build

    return ingest_command


def _inspect() -> Callable[..., None]:
    from cli.inspect.command import inspect_command  # noqa: PLC0415 - see Command.build

    return inspect_command


def _package() -> Callable[..., None]:
    from cli.package.command import package_command  # noqa: PLC0415 - see Command.build

    return package_command


def _server() -> Callable[..., None]:
    from cli.services import run_server  # noqa: PLC0415 - see Command.build
    from runtime.settings.server import ServerSettings  # noqa: PLC0415 - see Command.build

    return settings_command(ServerSettings, run_server)


def _origin() -> Callable[..., None]:
    from cli.services import run_origin  # noqa: PLC0415 - see Command.build
    from runtime.settings.origin import OriginSettings  # noqa: PLC0415 - see Command.build

    return settings_command(OriginSettings, run_origin)


def _worker() -> Callable[..., None]:
    from cli.services import run_worker  # noqa: PLC0415 - see Command.build
    from runtime.settings.worker import WorkerSettings  # noqa: PLC0415 - see Command.build

    return settings_command(WorkerSettings, run_worker)


def _edge() -> Callable[..., None]:
    from cli.services import run_edge  # noqa: PLC0415 - see Command.build
    from runtime.settings.edge import EdgeSettings  # noqa: PLC0415 - see Command.build

    return settings_command(EdgeSettings, run_edge)


def _edge_top() -> Callable[..., None]:
    from cli.edge_top.command import run_edge_top  # noqa: PLC0415 - see Command.build
    from runtime.settings.top import TopSettings  # noqa: PLC0415 - see Command.build

    once = Extra(
        "once",
        Annotated[bool, typer.Option("--once", help="Show it once, as text.")],
        default=False,
    )
    return settings_command(TopSettings, run_edge_top, extras=(once, JSON))


def _migrate() -> Callable[..., None]:
    from cli.services import run_migrate  # noqa: PLC0415 - see Command.build
    from runtime.settings.migrate import MigrateSettings  # noqa: PLC0415 - see Command.build

    return settings_command(MigrateSettings, run_migrate, extras=(JSON,))


def _doctor() -> Callable[..., None]:
    from cli.doctor.command import run_doctor  # noqa: PLC0415 - see Command.build
    from runtime.settings.up import UpSettings  # noqa: PLC0415 - see Command.build

    return settings_command(UpSettings, run_doctor, extras=(JSON,))


def _build() -> Callable[..., None]:
    from cli.doctor.command import build_command  # noqa: PLC0415 - see Command.build

    return build_command


COMMANDS: Final = (
    Command(
        "up",
        "Run everything on this machine, and take in films.",
        (
            "sluice up film.mp4",
            "sluice up --data /srv/films --host 0.0.0.0",
            "sluice up --public-url https://films.example --edge-public-url https://cdn.example",
        ),
        _up,
    ),
    Command(
        "ingest",
        "Put films into the library of a running server.",
        ("sluice ingest film.mp4", "sluice ingest --server http://nas:8080 *.mkv"),
        _ingest,
    ),
    Command(
        "inspect",
        "Say what is in a file, and what would become of it.",
        ("sluice inspect film.mp4", "sluice inspect --json film.mkv"),
        _inspect,
    ),
    Command(
        "package",
        "Make a folder of HLS and DASH that any web server can serve.",
        (
            "sluice package film.mp4 -o site/film",
            "sluice package film-240p.mp4 film-1080p.mp4 german.m4a -o site/film --single-file",
        ),
        _package,
    ),
    Command(
        "server",
        "Run the API and the library page.",
        ("SLUICE_DATABASE_URL=postgresql://… sluice server --listen 0.0.0.0:8080",),
        _server,
    ),
    Command(
        "origin",
        "Run the delivery of segments and manifests to edges.",
        ("SLUICE_DATABASE_URL=postgresql://… sluice origin --data /srv/films",),
        _origin,
    ),
    Command(
        "worker",
        "Run a worker that packages and transcodes.",
        ("SLUICE_DATABASE_URL=postgresql://… sluice worker --data /srv/films",),
        _worker,
    ),
    Command(
        "edge",
        "Run a cache near the viewers.",
        (
            "sluice edge --upstream http://origin:8082 --listen 0.0.0.0:8081 --memory-bytes 2GiB",
            "sluice edge --upstream http://app:3000 --cache-dir /var/cache/sluice --access-log -",
            "sluice edge top        what an edge does, live; see sluice edge top --help",
        ),
        _edge,
    ),
    Command(
        "migrate",
        "Bring the database's schema up to date.",
        ("SLUICE_DATABASE_URL=postgresql://… sluice migrate",),
        _migrate,
    ),
    Command(
        "doctor",
        "Say what is missing on this machine, and the line that mends it.",
        ("sluice doctor", "sluice doctor --json"),
        _doctor,
    ),
    Command(
        "build",
        "Build the native modules and the web pages, in a checkout.",
        ("./sluice build",),
        _build,
    ),
)

# Commands of a command; the first word alone runs the command itself.
SUBCOMMANDS: Final = (
    Command(
        "edge top",
        "Show what edges do, live: rates, hit ratio, latencies, and the keys asked for most.",
        (
            "sluice edge top",
            "sluice edge top --admin-urls http://edge-1:8083,http://edge-2:8083",
            "sluice edge top --once",
        ),
        _edge_top,
    ),
)
