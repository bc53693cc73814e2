"""Keeps children running: starts them, starts them again when they end, stops them in order."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from cli.report.events import AnyEvent, ChildBack, ChildEnded
from cli.up.restart import CLEAN, RestartPolicy, after_end
from core.errors import Fault, OperatorFault
from runtime.child import describe_exit


class GaveUp(OperatorFault):
    """A child cannot be kept running."""

    code = "supervisor.gave_up"


class Runner(Protocol):
    """How one child is run. `start` may be called again after each end."""

    async def start(self) -> str:
        """Start it and wait until it is ready; give its URL. Raises a `Fault`."""
        ...

    async def wait(self) -> int:
        """Wait until it ends; give the exit code."""
        ...

    async def stop(self) -> None:
        """End it if it runs; does nothing when it does not."""
        ...


class Supervisor:
    """Owns one task per child; the task ends only when the child is stopped or given up."""

    def __init__(
        self, report: Callable[[AnyEvent], None], *, policy: RestartPolicy | None = None
    ) -> None:
        self._report = report
        self._policy = policy or RestartPolicy()
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str, runner: Runner) -> str:
        """Start a child and keep it; return its URL once it is ready. Raises `GaveUp`."""
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        keeper = asyncio.create_task(self._keep(name, runner, ready), name=f"keeper of {name}")
        self._keepers[name] = keeper
        watched: set[asyncio.Future[Any]] = {ready, keeper}
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await keeper
        return await ready

    async def failure(self) -> None:
        """Wait until a child is given up, and raise its `GaveUp`; returns only without children."""
        while self._keepers:
            done, _ = await asyncio.wait(
                self._keepers.values(), return_when=asyncio.FIRST_COMPLETED
            )
            for keeper in done:
                await keeper

    async def stop(self, names: Iterable[str]) -> None:
        """Stop these children, all at once, and wait for their end."""
        keepers = [self._keepers.pop(name) for name in names if name in self._keepers]
        for keeper in keepers:
            keeper.cancel()
        # A child that even SIGKILL does not end at once must not keep the others from ending; it
        # carries our death signal.
        await asyncio.gather(*keepers, return_exceptions=True)

    def names(self) -> list[str]:
        """List the children that are kept, in the order of their start."""
        return list(self._keepers)

    async def _keep(self, name: str, runner: Runner, ready: asyncio.Future[str]) -> None:
        record = CLEAN
        while True:
            was_ready, ran_s, ended = await self._run_once(name, runner, ready)
            if isinstance(ended, Fault) and not ended.retryable and not ready.done():
                raise GaveUp(ended.message) from ended
            reason = ended.message if isinstance(ended, Fault) else describe_exit(ended)
            record, delay_s = after_end(self._policy, record, was_ready=was_ready, ran_s=ran_s)
            if delay_s is None:
                starts = self._policy.false_start_limit
                raise GaveUp(f"{name} cannot be started ({starts} attempts): {reason}")
            self._report(ChildEnded(name=name, reason=reason, restart_in_s=delay_s))
            await asyncio.sleep(delay_s)

    async def _run_once(
        self, name: str, runner: Runner, ready: asyncio.Future[str]
    ) -> tuple[bool, float, int | Fault]:
        """Run a child to its end; say whether it was ready, for how long, and how it ended."""
        began = time.monotonic()
        was_ready = False
        try:
            url = await runner.start()
            was_ready = True
            began = time.monotonic()
            if ready.done():
                self._report(ChildBack(name=name))
            else:
                ready.set_result(url)
            ended: int | Fault = await runner.wait()
        except Fault as fault:
            ended = fault
        finally:
            await runner.stop()
        return was_ready, time.monotonic() - began, ended
