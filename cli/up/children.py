"""The processes of `up`: their commands, what they inherit, and how each is run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.up.addresses import Addresses
from runtime.child import ChildProcess, OnLine, StopStep
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.logs import LogFormat
from runtime.process import STOP_SIGNALS
from runtime.settings import (
    EdgeSettings,
    MasterKeySettings,
    MediaKeySettings,
    OriginSettings,
    ServerSettings,
    UpSettings,
    WorkerSettings,
)
from runtime.settings.declaration import SluiceSettings, declarations

READY_DEADLINE_S: Final = 60.0
# Beyond the child's own deadline, so that it ends itself and says why.
GRACE_S: Final = 2.0
# The part of that deadline in which origin and edge may end the answers under way.
DRAIN_SHARE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Command:
    """One service process: its name, its command line, its environment."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]


def commands(
    settings: UpSettings,
    addresses: Addresses,
    *,
    database_url: str,
    media_keys: str,
    master_key: str,
    colours: bool,
) -> list[Command]:
    """Give the service processes in the order in which they stand in the house."""
    environment = _environment(database_url, colours=colours)

    def command(name: str, cls: type[SluiceSettings], **own: str) -> Command:
        word = name.partition("-")[0]
        flags = [text for key, value in own.items() for text in (_flag(key), value)]
        head = (sys.executable, "-m", "cli", word, *shared_flags(settings, addresses, cls))
        keys = {}
        if issubclass(cls, MediaKeySettings):
            keys["SLUICE_MEDIA_KEYS"] = media_keys
        if issubclass(cls, MasterKeySettings):
            keys["SLUICE_MASTER_KEY"] = master_key
        return Command(name, (*head, *flags), environment | keys)

    api, edge, origin = str(addresses.api), str(addresses.edge), str(addresses.origin)
    admin = addresses.edge_admin
    drain = f"{settings.stop_deadline_s * DRAIN_SHARE:g}"
    return [
        command("origin", OriginSettings, listen=origin, drain_timeout_s=drain),
        command("server", ServerSettings, listen=api, edge_admin_urls=admin.url()),
        *(command(name, WorkerSettings) for name in worker_names(settings.workers)),
        command(
            "edge",
            EdgeSettings,
            listen=edge,
            upstream=addresses.origin.url(),
            admin_listen=str(admin),
            cache_dir=str(settings.edge_cache_folder),
            drain_timeout_s=drain,
        ),
    ]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def worker_names(count: int) -> list[str]:
    """Name the workers; a single one needs no number."""
    return ["worker"] if count == 1 else [f"worker-{number}" for number in range(1, count + 1)]


def shared_flags(
    settings: UpSettings, addresses: Addresses, cls: type[SluiceSettings]
) -> list[str]:
    """Give the flags that make a child see what `up` sees: every setting that both declare."""
    values = settings.model_dump() | {"edge_port": addresses.edge.port}
    if settings.log_format is LogFormat.AUTO:
        # The child writes into our pipe; it is our output that may be a terminal.
        values["log_format"] = LogFormat.CONSOLE
    flags = []
    for declared in declarations(cls):
        value = values.get(declared.name)
        if value is not None and not declared.section and not declared.is_secret:
            flags += [declared.flag, declared.format(value)]
    return flags


def _environment(database_url: str, *, colours: bool) -> dict[str, str]:
    environment = {**os.environ, "SLUICE_DATABASE_URL": database_url, "PYTHONUNBUFFERED": "1"}
    if colours:
        environment["FORCE_COLOR"] = "1"
    return environment


class ServiceRunner:
    """Runs one service process."""

    def __init__(self, command: Command, on_line: OnLine, *, stop_deadline_s: float) -> None:
        self._command = command
        self._on_line = on_line
        self._steps = (StopStep(STOP_SIGNALS[0], stop_deadline_s + GRACE_S),)
        self._child: ChildProcess | None = None

    async def start(self) -> str:
        """Start it and wait for its line ``ready URL``."""
        self._child = await ChildProcess.spawn(
            self._command.name,
            self._command.argv,
            on_line=self._on_line,
            env=self._command.environment,
            tells_ready=True,
        )
        return await self._child.ready(READY_DEADLINE_S)

    async def wait(self) -> int:
        """Wait until it ends."""
        assert self._child is not None, "not started"
        return await self._child.wait()

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL when it takes longer than it may."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop(self._steps)


class PostgresRunner:
    """Runs the embedded Postgres."""

    def __init__(self, data: Path, bin_folder: Path | None, on_line: OnLine) -> None:
        self._postgres = EmbeddedPostgres(data, bin_folder=bin_folder)
        self._on_line = on_line

    async def start(self) -> str:
        """Start it; its URL is that of the database."""
        return await self._postgres.start(self._on_line)

    async def wait(self) -> int:
        """Wait until it ends."""
        return await self._postgres.child.wait()

    async def stop(self) -> None:
        """Stop it fast but orderly."""
        await self._postgres.stop()
