"""Packaging as a worker sees it: one request, one fresh process, one answer.

A process that has done its start-up stands by, so that an upload which needs no encoding plays as
soon as its bytes are copied.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec

from origin.jobs.process import CrashedDecoder, MediaProcess, python_module
from origin.packaging.protocol import AnyRequest, Message, decode, encode
from runtime.logs import get_logger

Value = TypeVar("Value")
OnProgress = Callable[[float], Awaitable[None]]

PACKAGING_CHILD: Final = tuple(python_module("origin.packaging.child"))
# The work reports ten times a second. It is silent while it opens a file, and while the disk takes
# in the last of it.
SILENCE_S: Final = 300.0
# A new one starts up when the present one has had the processor to itself for a while.
STAND_BY_DELAY_S: Final = 1.0

log = get_logger(__name__)


class MediaProcesses:
    """Starts packaging processes, and keeps one in reserve while `stand_by` runs."""

    def __init__(
        self,
        *,
        argv: Sequence[str] = PACKAGING_CHILD,
        keep_open: Sequence[int] = (),
        silence_s: float = SILENCE_S,
    ) -> None:
        self._argv = tuple(argv)
        self._keep_open = tuple(keep_open)
        self._silence_s = silence_s
        self._spare: MediaProcess | None = None
        self._taken = asyncio.Event()
        self._ready = asyncio.Event()

    @property
    def reserve(self) -> MediaProcess | None:
        """The process that stands by, if there is one now."""
        return self._spare

    async def reserve_ready(self) -> None:
        """Wait until a process stands by."""
        await self._ready.wait()

    async def stand_by(self) -> None:
        """Keep a process in reserve until cancelled."""
        try:
            while True:
                if self._spare is None:
                    self._spare = await self._spawn()
                self._taken.clear()
                self._ready.set()
                await self._taken.wait()
                await asyncio.sleep(STAND_BY_DELAY_S)
        finally:
            spare, self._spare = self._spare, None
            if spare is not None:
                await spare.end()

    async def perform(
        self, request: AnyRequest, kind: type[Value], on_progress: OnProgress
    ) -> Value:
        """Have `request` done and give its result; cancelling this ends the process.

        Raises the fault that packaging found, or `CrashedDecoder` where the process died of it.
        """
        process = await self._take()
        try:
            await process.send(encode(request).rstrip())
            result = await self._answer(process, on_progress)
            return decode(result, kind)
        except msgspec.MsgspecError as error:
            raise CrashedDecoder(f"packaging gave an answer we cannot read: {error}") from error
        except CrashedDecoder as fault:
            log.warning("media.crashed", reason=fault.message, stderr=process.stderr_tail)
            raise
        finally:
            await asyncio.shield(process.end())

    async def _answer(self, process: MediaProcess, on_progress: OnProgress) -> msgspec.Raw:
        while True:
            message = decode(await process.receive(self._silence_s), Message)
            if message.fault is not None:
                raise message.fault.as_fault()
            if message.progress is None:
                return message.result
            await on_progress(message.progress)

    async def _take(self) -> MediaProcess:
        spare, self._spare = self._spare, None
        self._ready.clear()
        self._taken.set()
        if spare is not None:
            if spare.is_running:
                return spare
            with contextlib.suppress(TimeoutError):
                await spare.end()
        return await self._spawn()

    async def _spawn(self) -> MediaProcess:
        return await MediaProcess.spawn(self._argv, keep_open=self._keep_open)
