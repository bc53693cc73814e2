"""Everything `up` runs, from the empty folder to the last process stopped."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cli.ingest.ingest import Target, ingest_files
from cli.ingest.ledger import Ledger
from cli.report.events import Migrated, Ready, Starting, Stopped
from cli.report.reporter import Reporter
from cli.up.addresses import Addresses, claimed, local_url, shown_url
from cli.up.children import PostgresRunner, ServiceRunner, commands
from cli.up.master_key import master_keys
from cli.up.media_keys import media_keys
from cli.up.supervisor import Supervisor
from runtime.child import OnLine
from runtime.instance import InstanceLock
from runtime.migrations import migrate
from runtime.settings import UpSettings
from runtime.storage import LocalStore, ensure_folder

POSTGRES: Final = "postgres"
EDGE: Final = "edge"
# Lines of Postgres that say nothing to a person who is not looking for a fault in it.
QUIET_PREFIX: Final = "LOG:  "


class House:
    """One running installation; `run` returns when it is cancelled, after an orderly end."""

    def __init__(
        self, settings: UpSettings, reporter: Reporter, *, files: Sequence[Path], colours: bool
    ) -> None:
        self._settings = settings
        self._reporter = reporter
        self._files = files
        self._colours = colours
        self._supervisor = Supervisor(reporter.event)

    async def run(self) -> None:
        """Start everything, take in the files, keep it running until cancelled.

        Raises the `Fault` that keeps it from running.
        """
        settings = self._settings
        ensure_folder(settings.data)
        with InstanceLock(settings.data), claimed(settings) as addresses:
            LocalStore(settings.store_folder).prepare()
            ensure_folder(settings.scratch_folder)
            try:
                ready = await self._start(addresses)
                await self._keep(addresses, ready)
            finally:
                await self._stop()

    async def _start(self, addresses: Addresses) -> Ready:
        began = time.monotonic()
        database_url = await self._database()
        self._reporter.event(Starting(what="the services"))
        todo = commands(
            self._settings,
            addresses,
            database_url=database_url,
            media_keys=self._settings.media_keys or media_keys(self._settings.data),
            master_key=self._settings.master_key or master_keys(self._settings.data),
            colours=self._colours,
        )
        async with asyncio.TaskGroup() as group:
            for command in todo:
                runner = ServiceRunner(
                    command,
                    self._lines_of(command.name),
                    stop_deadline_s=self._settings.stop_deadline_s,
                )
                group.create_task(self._supervisor.start(command.name, runner))
        ready = self._ready(addresses, time.monotonic() - began)
        self._reporter.event(ready)
        return ready

    async def _database(self) -> str:
        """Start Postgres unless there is one, bring its schema up to date, give its URL."""
        settings = self._settings
        url = settings.database_url
        if url is None:
            self._reporter.event(Starting(what="Postgres"))
            runner = PostgresRunner(settings.data, settings.postgres_bin, self._lines_of(POSTGRES))
            url = await self._supervisor.start(POSTGRES, runner)
        applied = await migrate(url)
        if applied:
            self._reporter.event(Migrated(schema=applied[-1].number))
        return url

    async def _keep(self, addresses: Addresses, ready: Ready) -> None:
        """Take in the files while everything runs; ends by cancellation or by a `GaveUp`."""
        target = Target(
            local_url(addresses.api), ready.library.rstrip("/"), Ledger(self._settings.data)
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._supervisor.failure())
            if self._files:
                group.create_task(ingest_files(target, self._files, self._reporter.event))

    async def _stop(self) -> None:
        """Stop from the viewers' end inwards: edge, then services, then Postgres."""
        self._reporter.close()
        services = [name for name in self._supervisor.names() if name not in {EDGE, POSTGRES}]
        for stage in ([EDGE], services, [POSTGRES]):
            await self._supervisor.stop(stage)
        self._reporter.event(Stopped())

    def _ready(self, addresses: Addresses, after_s: float) -> Ready:
        settings = self._settings
        api = shown_url(addresses.api, settings.public_url)
        return Ready(
            library=f"{api}/",
            api=api,
            edge=shown_url(addresses.edge, settings.edge_public_url),
            edge_admin=addresses.edge_admin.url(),
            data=str(settings.data),
            after_s=after_s,
        )

    def _lines_of(self, name: str) -> OnLine:
        def show(line: str) -> None:
            if name != POSTGRES or not line.startswith(QUIET_PREFIX) or self._is_chatty:
                self._reporter.log(name, line)

        return show

    @property
    def _is_chatty(self) -> bool:
        return self._settings.log_level == "debug"
