"""Published builds that are open: shared by all who read them, bounded in number and in memory."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.isobmff.init_segment import track_init
from core.media.build import SegmentTable, segment_table
from core.media.iframes import IFrames
from core.media.key_pictures import key_pictures
from core.media.presentation import TrackKind
from core.media.timeline import CutPlan
from core.media.track_file import TrackFile, track_file
from origin.delivery.lru import LruCache
from origin.repository import PublishedTrack
from origin.stored_track import StoredTrack
from runtime.storage import LocalStore

# A row of the segment table: seven numbers as Python objects, a span, and their places in tuples.
SEGMENT_COST_BYTES: Final = 450
# Two numbers in arrays.
IFRAME_COST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Build:
    """A published build at hand: the stored track, cut by the plan of its presentation.

    `init` is its init segment, `file` the whole track as one file, where it can be one, `iframes`
    the pictures for winding, where it has any.
    """

    published: PublishedTrack
    stored: StoredTrack
    table: SegmentTable
    init: bytes
    file: TrackFile | None
    iframes: IFrames | None = None

    @property
    def cost_bytes(self) -> int:
        """About what it takes in memory."""
        iframes = len(self.iframes) if self.iframes is not None else 0
        return (
            self.stored.index_bytes
            + SEGMENT_COST_BYTES * len(self.table)
            + IFRAME_COST_BYTES * iframes
        )


class OpenBuilds:
    """Opens builds on demand, in `executor`, and keeps the most recently used.

    Several requests for a build that is being opened wait for the one opening. A build leaves the
    disk's descriptors when neither the cache nor a request holds it any more.
    """

    def __init__(
        self, store: LocalStore, executor: Executor, *, limit_bytes: int, limit_count: int
    ) -> None:
        self._store = store
        self._executor = executor
        self._open: LruCache[str, Build] = LruCache(limit_bytes, limit_count)
        self._opening: dict[str, asyncio.Task[Build]] = {}

    @property
    def count(self) -> int:
        """How many builds are kept open."""
        return len(self._open)

    @property
    def used_bytes(self) -> int:
        """About how much memory they take."""
        return self._open.used_bytes

    async def get(self, track: PublishedTrack, plan: CutPlan) -> Build:
        """Give a build. Raises `DamagedTrack` and other internal faults for this track alone."""
        key = track.store_prefix
        build = self._open.get(key)
        if build is not None:
            return build
        opening = self._opening.get(key)
        if opening is None:
            opening = asyncio.create_task(self._load(track, plan), name=f"open {key}")
            self._opening[key] = opening
            opening.add_done_callback(lambda task: self._opened(key, task))
        # Shielded: a viewer who leaves must not break the opening for the others.
        return await asyncio.shield(opening)

    async def close(self) -> None:
        """Forget every build; those being opened are waited for."""
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        self._open.clear()

    async def _load(self, track: PublishedTrack, plan: CutPlan) -> Build:
        folder = self._store.path(track.store_prefix)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _read, folder, track, plan)

    def _opened(self, key: str, task: asyncio.Task[Build]) -> None:
        del self._opening[key]
        if not task.cancelled() and task.exception() is None:
            build = task.result()
            self._open.put(key, build, build.cost_bytes)


def _read(folder: Path, track: PublishedTrack, plan: CutPlan) -> Build:
    stored = StoredTrack.open(folder)
    table = segment_table(stored.index, plan)
    init = track_init(stored.index, stored.description)
    winding = key_pictures(stored.index, table) if track.kind is TrackKind.VIDEO else None
    file = track_file(stored.index, table, init)
    stored.unload()
    return Build(track, stored, table, init, file, winding)
