"""The single processes as commands: `server`, `origin`, `worker`, `edge`, and `migrate`."""

import sys
from typing import TYPE_CHECKING

from runtime.process import run_on_uvloop, run_service
from runtime.settings.shared import CommonSettings

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from runtime.process import Ready, Service
    from runtime.settings.edge import EdgeSettings
    from runtime.settings.migrate import MigrateSettings
    from runtime.settings.origin import OriginSettings
    from runtime.settings.server import ServerSettings
    from runtime.settings.worker import WorkerSettings


def run_server(settings: "ServerSettings") -> int:
    """Run the API and the library page."""
    from server.main import run  # noqa: PLC0415 - a command imports its own service alone

    settings.require_database_url()
    return _run("server", settings, lambda ready: run(settings, ready=ready))


def run_origin(settings: "OriginSettings") -> int:
    """Run the delivery of segments and manifests to edges."""
    from cli.delivery import run  # noqa: PLC0415 - a command imports its own services alone

    settings.require_database_url()
    return _run(
        "origin",
        settings,
        lambda ready: run(settings, ready=ready),
        stop_deadline_s=settings.drain_timeout_s + settings.stop_deadline_s,
    )


def run_worker(settings: "WorkerSettings") -> int:
    """Run a worker that packages and transcodes."""
    from origin.worker import run  # noqa: PLC0415 - a command imports its own service alone

    settings.require_database_url()
    return _run("worker", settings, lambda ready: run(settings, ready=ready))


def run_edge(settings: "EdgeSettings") -> int:
    """Run a cache node."""
    from edge.main import run  # noqa: PLC0415 - a command imports its own service alone
    from edge.precedence import give_way  # noqa: PLC0415 - a command imports its own service alone

    def serve(ready: "Ready") -> "Coroutine[Any, Any, None]":
        def serving(url: str) -> None:
            give_way()  # the threads of the data plane run by now
            ready(url)

        return run(settings, ready=serving)

    # Answers under way have time of their own; then it has as long to end as any process.
    return _run(
        "edge",
        settings,
        serve,
        stop_deadline_s=settings.drain_timeout_s + settings.stop_deadline_s,
    )


def run_migrate(settings: "MigrateSettings", *, as_json: bool) -> int:
    """Bring the database's schema up to date."""
    import msgspec  # noqa: PLC0415 - start-up time

    from runtime.migrations import migrate  # noqa: PLC0415 - start-up time

    applied = run_on_uvloop(migrate(settings.require_database_url()))
    names = [f"{each.number:04}_{each.name}" for each in applied]
    if as_json:
        sys.stdout.write(msgspec.json.encode({"applied": names}).decode() + "\n")
    else:
        sys.stdout.write("".join(f"applied {name}\n" for name in names) or "nothing to do\n")
    return 0


def _run(
    name: str,
    settings: CommonSettings,
    service: "Service",
    *,
    stop_deadline_s: float | None = None,
) -> int:
    return run_service(
        service,
        name=name,
        log_level=settings.log_level,
        log_format=settings.log_format,
        stop_deadline_s=settings.stop_deadline_s if stop_deadline_s is None else stop_deadline_s,
    )
