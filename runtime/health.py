"""Liveness and readiness: ``/healthz`` (the process runs), ``/readyz`` (what it needs does too)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

import native
from core.errors import Fault
from runtime.version import sluice_version

Check = Callable[[], Awaitable[object]]
# What a process does without for a while: None when all is well, else what is wrong.
Note = Callable[[], str | None]
CHECK_DEADLINE_S: Final = 2.0
NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one named check found; `problem` is None when all is well."""

    name: str
    problem: str | None


class Health:
    """The health of one process; a check succeeds by returning, fails by raising or by lateness.

    A note is shown with the checks, but the process is ready whatever it says.
    """

    def __init__(
        self,
        process: str,
        checks: Mapping[str, Check] | None = None,
        *,
        notes: Mapping[str, Note] | None = None,
        deadline_s: float = CHECK_DEADLINE_S,
    ) -> None:
        self._process = process
        self._checks = dict(checks or {})
        self._notes = dict(notes or {})
        self._deadline_s = deadline_s

    def routes(self) -> list[web.RouteDef]:
        """Give the two routes, to be added to an application."""
        return [web.get("/healthz", self.handle_healthz), web.get("/readyz", self.handle_readyz)]

    async def handle_healthz(self, _request: web.Request) -> web.Response:
        """Answer 200 for as long as the loop turns."""
        status, document = self.healthz()
        return web.json_response(document, status=status, headers=NO_STORE)

    async def handle_readyz(self, _request: web.Request) -> web.Response:
        """Answer 200 when every check passes in time, else 503 naming those that do not."""
        status, document = await self.readyz()
        return web.json_response(document, status=status, headers=NO_STORE)

    def healthz(self) -> tuple[int, dict[str, object]]:
        """The status and the document of `/healthz`."""
        return 200, {
            "status": "ok",
            "process": self._process,
            "version": sluice_version(),
            "native": getattr(native, "IMPL", "none"),
        }

    async def readyz(self) -> tuple[int, dict[str, object]]:
        """The status and the document of `/readyz`."""
        results = await self.check()
        ready = all(result.problem is None for result in results)
        return 200 if ready else 503, {
            "status": "ready" if ready else "unready",
            "checks": {result.name: result.problem or "ok" for result in results}
            | {name: read() or "ok" for name, read in self._notes.items()},
        }

    async def check(self) -> list[CheckResult]:
        """Run all checks at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._run(name, check)) for name, check in self._checks.items()
            ]
        return [task.result() for task in tasks]

    async def _run(self, name: str, check: Check) -> CheckResult:
        try:
            async with asyncio.timeout(self._deadline_s):
                await check()
        except TimeoutError:
            return CheckResult(name, f"no answer within {self._deadline_s:g} s")
        except Fault as fault:
            return CheckResult(name, fault.message)
        except OSError as error:
            return CheckResult(name, str(error))
        return CheckResult(name, None)
