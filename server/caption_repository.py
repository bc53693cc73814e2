"""Text tracks and chapters in Postgres, as the API changes them; the statements are captions.sql.

Every change locks its video first, as all do who change one, and tells origins and edges of it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from core.media.chapters import Chapter
from core.media.language import UNDETERMINED
from core.media.roles import TrackRole, sorted_roles
from core.text.track import CODEC, MILLISECONDS, text_key, track_name
from runtime.postgres import Connection, Pool, Record, connection, transaction
from runtime.sql import load_queries
from server.faults import CaptionsOfEdit, CaptionUnknown, TooManyCaptions, VideoUnknown

MOST_TEXT_TRACKS: Final = 200

_QUERIES: Final = load_queries("server", "captions.sql")


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One text track; `name` is its id within the video."""

    name: str
    build_hash: str
    store_prefix: str
    language: str
    label: str | None
    roles: frozenset[TrackRole]
    is_default: bool
    uploaded: bool
    published_at: datetime


@dataclass(frozen=True, slots=True)
class NewCaption:
    """A text track whose file lies in the store; bit rates in bit/s."""

    build_hash: str
    store_prefix: str
    language: str
    label: str | None
    roles: frozenset[TrackRole]
    is_default: bool
    end_ms: int
    bandwidth: int
    average_bandwidth: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class LockedVideo:
    """A video that is being changed."""

    session: Connection
    duration_ms: int | None
    is_edit: bool = False


class CaptionRepository:
    """The statements over a pool. Everything may raise `VideoUnknown`, `DatabaseUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, video_id: str) -> list[CaptionRow]:
        """All text tracks of a video, the oldest first."""
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES["list_text"], video_id)
        return [_caption(row) for row in rows]

    async def add(self, video_id: str, caption: NewCaption) -> CaptionRow:
        """Publish a track under a name of its own. Raises `TooManyCaptions`, `CaptionsOfEdit`."""
        async with self._changing(video_id) as video:
            session = video.session
            if video.is_edit:
                raise CaptionsOfEdit(
                    f"video {video_id!r} is made of others and has their subtitles; add them there"
                )
            taken = frozenset(
                row["name"] for row in await session.fetch(_QUERIES["list_text"], video_id)
            )
            if len(taken) >= MOST_TEXT_TRACKS:
                raise TooManyCaptions(f"video {video_id!r} has {len(taken)} text tracks already")
            if caption.is_default:
                await session.execute(_QUERIES["unset_default_text"], video_id)
            roles = sorted_roles(caption.roles)
            name = track_name(caption.language, roles, taken)
            await session.execute(
                _QUERIES["add_text"],
                video_id,
                name,
                caption.build_hash,
                caption.store_prefix,
                CODEC,
                MILLISECONDS,
                caption.end_ms,
                caption.bandwidth,
                caption.average_bandwidth,
                caption.language,
                caption.label,
                caption.is_default,
                caption.size_bytes,
                list(roles),
            )
            rows = await session.fetch(_QUERIES["list_text"], video_id)
        (added,) = (row for row in rows if row["name"] == name)
        return _caption(added)

    async def delete(self, video_id: str, name: str) -> str:
        """Remove a track; answers the store prefix of its file. Raises `CaptionUnknown`."""
        async with self._changing(video_id) as video:
            row = await video.session.fetchrow(_QUERIES["delete_text"], video_id, name)
            if row is None:
                raise CaptionUnknown(f"video {video_id!r} has no text track {name!r}")
            # What is deleted is not delivered any more, also where it lies in a cache for good.
            keys = [text_key(row["build_hash"])]
            await video.session.execute(_QUERIES["owe_purge"], keys, False)
            prefix: str = row["store_prefix"]
            return prefix

    @asynccontextmanager
    async def chapters(self, video_id: str) -> AsyncIterator["ChapterChange"]:
        """Lock a video for a change of its chapters, which ends with the block."""
        async with self._changing(video_id) as video:
            yield ChapterChange(video_id, video)

    @asynccontextmanager
    async def _changing(self, video_id: str) -> AsyncIterator[LockedVideo]:
        async with transaction(self._pool) as session:
            row = await session.fetchrow(_QUERIES["lock_video"], video_id)
            if row is None:
                raise VideoUnknown(video_id)
            yield LockedVideo(session, row["duration_ms"], row["is_edit"])
            keys = [f"manifest:{row['playback_id']}"]
            await session.execute(_QUERIES["owe_purge"], keys, True)
            await session.execute(_QUERIES["announce"], row["playback_id"])


@dataclass(frozen=True, slots=True)
class ChapterChange:
    """The chapters of one video, while nobody else can change them."""

    video_id: str
    video: LockedVideo

    async def replace(self, chapters: Sequence[Chapter]) -> None:
        """Put these in the place of all that were there."""
        encoded = msgspec.json.encode(list(chapters)).decode()
        await self.video.session.execute(_QUERIES["set_chapters"], self.video_id, encoded)


def _caption(row: Record) -> CaptionRow:
    return CaptionRow(
        name=row["name"],
        build_hash=row["build_hash"],
        store_prefix=row["store_prefix"],
        language=row["language"] or UNDETERMINED,
        label=row["label"],
        roles=frozenset(map(TrackRole, row["roles"])),
        is_default=row["is_default"],
        uploaded=row["uploaded"],
        published_at=row["published_at"],
    )
