"""Thumbnails on demand: decoded in processes of their own, few at a time, each once for all.

What was made is kept for a while by the picture that it shows, for many moments show the same; for
good it is kept by the edges, as their `Cache-Control` says.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from core.errors import Fault, InternalFault, UpstreamFault
from core.media.thumbnail import ImageFormat
from origin.delivery.lru import LruCache
from origin.delivery.room import NoRoom, Room
from origin.jobs.bounds import limits, still_bounds
from origin.jobs.media import MediaProcesses
from origin.packaging.protocol import Image, Still
from runtime.logs import get_logger
from runtime.metrics import Metrics

KEPT_BYTES: Final = 8 * 2**20
KEPT_COUNT: Final = 500
MOST_WAITING: Final = 64
DEADLINE_S: Final = 20.0
"""A key picture takes a tenth of a second, the last of a long group of 4K pictures some seconds."""

Decode = Callable[[Still], Awaitable[Image]]

log = get_logger(__name__)


class ThumbnailFailed(InternalFault):
    """The picture of a moment cannot be decoded."""

    code: ClassVar[str] = "thumbnail.failed"


class ThumbnailLate(UpstreamFault):
    """Decoding up to the picture took longer than anybody waits."""

    status: ClassVar[int] = 504
    code: ClassVar[str] = "thumbnail.late"
    retryable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Moment:
    """Which picture of which build, and how it is wanted: `at_ms` is a time of the film."""

    build_hash: str
    at_ms: int
    width: int
    format: ImageFormat

    @property
    def etag(self) -> str:
        """What tells it from every other."""
        name = f"{self.build_hash}/{self.at_ms}/{self.width}/{self.format}"
        return f'"{hashlib.sha256(name.encode()).hexdigest()[:24]}"'


class Thumbnails:
    """Makes thumbnails, `at_a_time` of them; the next ones wait in turn.

    `decode` does it elsewhere; it raises a fault, and cancelling it ends it.
    """

    def __init__(
        self,
        decode: Decode,
        metrics: Metrics,
        *,
        at_a_time: int,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._decode = decode
        self._deadline_s = deadline_s
        self._room = Room(at_a_time)
        self._made: LruCache[Moment, bytes] = LruCache(KEPT_BYTES, KEPT_COUNT)
        self._making: dict[Moment, asyncio.Task[bytes]] = {}
        self._counted = metrics.counter_family(
            "sluice_origin_thumbnails_total", "Thumbnails that were asked for, by outcome.",
            ("outcome",),
        )  # fmt: skip

    async def get(self, moment: Moment, track: Path) -> bytes:
        """Give the picture of a moment of the track in a folder.

        Raises `ThumbnailFailed`, `ThumbnailLate`, and `NoRoom` where too many are waiting.
        """
        made = self._made.get(moment)
        if made is not None:
            self._counted("kept").inc()
            return made
        making = self._making.get(moment)
        if making is None:
            if len(self._making) >= MOST_WAITING:
                self._counted("refused").inc()
                raise NoRoom("too many thumbnails are being made; try again in a moment")
            making = asyncio.create_task(self._make(moment, track), name=f"thumbnail {moment}")
            self._making[moment] = making
            making.add_done_callback(lambda task: self._ended(moment, task))
        # Shielded: a viewer who leaves must not break it for the others.
        return await asyncio.shield(making)

    async def close(self) -> None:
        """End what is being made."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def _make(self, moment: Moment, track: Path) -> bytes:
        request = Still(
            path=track,
            at_ms=moment.at_ms,
            width=moment.width,
            format=moment.format,
            limits=limits(1),
            bounds=still_bounds(),
        )
        await self._room.take(1)
        try:
            async with asyncio.timeout(self._deadline_s):
                return (await self._decode(request)).data
        except TimeoutError as error:
            raise ThumbnailLate(f"decoding up to {moment.at_ms} ms takes too long") from error
        except Fault as fault:
            log.warning("thumbnail.failed", track=str(track), reason=fault.message)
            raise ThumbnailFailed(f"no picture of {moment.at_ms} ms can be decoded") from fault
        finally:
            self._room.give_back(1)

    def _ended(self, moment: Moment, task: "asyncio.Task[bytes]") -> None:
        del self._making[moment]
        if task.cancelled():
            return
        fault = task.exception()
        if fault is None:
            self._counted("made").inc()
            self._made.put(moment, task.result(), len(task.result()))
        else:
            self._counted("refused" if isinstance(fault, NoRoom) else "failed").inc()


def in_processes(media: MediaProcesses) -> Decode:
    """Give what decodes in a fresh process each time."""

    async def unheard(_fraction: float) -> None:
        """Nobody watches: a thumbnail is there or it is not."""

    async def decode(request: Still) -> Image:
        return await media.perform(request, Image, unheard)

    return decode
