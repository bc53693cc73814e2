"""The catalogue in Postgres: the one place of the server that knows tables and columns."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

import msgspec

from core.cache.purge_stream import PurgeOrder
from core.media.chapters import Chapter
from core.media.presentation import TrackKind
from core.media.roles import TrackRole
from core.protection.choice import Access
from core.protection.master_key import WrappedKey
from core.protection.scheme import Protection, Scheme
from core.protection.stored_key import StoredKey
from runtime import jobs
from runtime.postgres import Connection, Pool, Record, check, connection, transaction
from runtime.sql import load_queries
from server.documents import HistoryReport, VideoSort, VideoStatus
from server.faults import ProtectedEdit, VideoInUse
from server.ingredients import EditJudge, Ingredients, NewEdit, ingredients, insert_edit

_QUERIES = load_queries("server")
_PAGES = {
    VideoSort.NEWEST: "page_newest",
    VideoSort.OLDEST: "page_oldest",
    VideoSort.TITLE: "page_title",
    VideoSort.TITLE_DESCENDING: "page_title_descending",
}
# Judges what becomes of the access of a video with pictures of these codecs; None leaves it.
ChangeAccess = Callable[[Access, Sequence[str]], "NewAccess | None"]
Rewrap = Callable[[StoredKey], WrappedKey]
# Judges the ETag of the present version; raises where the request was made for another.
Judge = Callable[[str], None]

MOST_NAMED = 10
_SORTED_BY_TIME = frozenset({VideoSort.NEWEST, VideoSort.OLDEST})


class TrackRow(msgspec.Struct, frozen=True):
    """One row of `tracks`, as far as clients see it."""

    kind: Literal["v", "a", "t"]
    name: str
    codec: str
    bandwidth: int
    average_bandwidth: int
    width: int | None
    height: int | None
    frame_rate_num: int | None
    frame_rate_den: int | None
    channels: int | None
    sample_rate: int | None
    language: str | None
    label: str | None
    is_default: bool
    video_range: Literal["SDR", "PQ", "HLG"] | None = None
    supplemental_codec: str | None = None
    roles: list[TrackRole] = []
    closed_captions: list[str] = []


class TextRow(msgspec.Struct, frozen=True):
    """A text track, as far as a player sees it."""

    name: str
    build_hash: str
    language: str | None
    label: str | None
    is_default: bool
    roles: list[TrackRole]


class IgnoredRow(msgspec.Struct, frozen=True):
    """A track of the uploaded file that is not published."""

    kind: str
    codec: str
    language: str
    reason: str


class FailureRow(msgspec.Struct, frozen=True):
    """A step of a video's preparation that failed for good."""

    step: str
    code: str
    message: str


class PartRow(msgspec.Struct, frozen=True):
    """One row of `edit_parts`: a stretch of a film."""

    film_id: str
    start_ms: int
    end_ms: int


_PARTS = msgspec.json.Decoder(list[PartRow])
_TRACKS = msgspec.json.Decoder(list[TrackRow])
_TEXTS = msgspec.json.Decoder(list[TextRow])
_CHAPTERS = msgspec.json.Decoder(list[Chapter])
_IGNORED = msgspec.json.Decoder(list[IgnoredRow])
_FAILURES = msgspec.json.Decoder(list[FailureRow])


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One row of `videos` with its tracks."""

    id: str
    playback_id: str
    title: str
    status: VideoStatus
    stage: str | None
    progress: float
    error_code: str | None
    error_message: str | None
    source_filename: str | None
    source_bytes: int | None
    source_repaired: str | None
    duration_ms: int | None
    poster_key: str | None
    has_storyboard: bool
    version: int
    created_at: datetime
    updated_at: datetime
    protection: Protection
    tracks: tuple[TrackRow, ...]
    chapters: tuple[Chapter, ...] = ()
    ignored_tracks: tuple[IgnoredRow, ...] = ()
    parts: tuple[PartRow, ...] = ()
    failures: tuple[FailureRow, ...] = ()

    @property
    def etag(self) -> str:
        """The strong validator of this state."""
        return f'"{self.version}"'

    @classmethod
    def of(cls, record: Record) -> Self:
        """From a row of `get_videos`."""
        fields: dict[str, Any] = dict(record.items())
        fields["status"] = VideoStatus(fields["status"])
        fields["protection"] = Protection(fields["protection"])
        fields["tracks"] = tuple(_TRACKS.decode(fields["tracks"]))
        fields["parts"] = tuple(_PARTS.decode(fields["parts"]))
        fields["chapters"] = tuple(_CHAPTERS.decode(fields["chapters"]))
        fields["ignored_tracks"] = tuple(_IGNORED.decode(fields["ignored_tracks"]))
        fields["failures"] = tuple(_FAILURES.decode(fields["failures"]))
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class VideoSlice:
    """Some videos in order; `last` is where the next slice begins, None where there is none."""

    videos: tuple[VideoRow, ...]
    last: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video that is about to be; `keys` are those that its protection takes."""

    id: str
    playback_id: str
    title: str
    upload_key: str
    filename: str
    size_bytes: int
    protection: Protection = Protection.NONE
    keys: tuple[StoredKey, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaybackRow:
    """A video as a player sees it; `position_ms` and `watched_ms` are the user's, if known."""

    id: str
    playback_id: str
    title: str
    status: VideoStatus
    duration_ms: int | None
    poster_key: str | None
    has_storyboard: bool
    error_message: str | None
    position_ms: int | None
    watched_ms: int | None
    is_edit: bool
    protection: Protection
    has_chapters: bool = False
    texts: tuple[TextRow, ...] = ()


@dataclass(frozen=True, slots=True)
class NewAccess:
    """The public name that a video gets, what its media is under then, and the keys it takes."""

    playback_id: str
    protection: Protection
    keys: tuple[StoredKey, ...]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of a history, with what one shows of its video."""

    video_id: str
    position_ms: int
    duration_ms: int | None
    session_id: str | None
    event: str | None
    client_ts: datetime
    updated_at: datetime
    title: str
    playback_id: str
    poster_key: str | None
    video_duration_ms: int | None


@dataclass(frozen=True, slots=True)
class OwedPurge:
    """A purge that was claimed for delivery for the `attempts`th time."""

    id: int
    order: PurgeOrder
    acknowledged: frozenset[str]
    attempts: int
    age: timedelta


class Repository:
    """The statements of `queries.sql` over a pool. Everything may raise `DatabaseUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless Postgres answers soon."""
        await check(self._pool)

    async def list_videos(
        self, sort: VideoSort, *, after: tuple[str, str] | None, q: str | None, limit: int
    ) -> VideoSlice:
        """The `limit` videos after the position `after`, titles containing `q` only."""
        key, last_id = _position(after, as_time=sort in _SORTED_BY_TIME)
        statement = _QUERIES[_PAGES[sort]]
        async with connection(self._pool) as session:
            rows = await session.fetch(statement, key, last_id, contains(q), limit + 1)
            ids = [row["id"] for row in rows[:limit]]
            found = await _videos(session, ids)
        last = _after(rows[limit - 1]) if len(rows) > limit else None
        return VideoSlice(tuple(found[each] for each in ids if each in found), last)

    async def get_video(self, video_id: str) -> VideoRow | None:
        """One video."""
        async with connection(self._pool) as session:
            return (await _videos(session, [video_id])).get(video_id)

    async def add_video(self, video: NewVideo) -> VideoRow:
        """Add a video and queue its preparation: both, or neither."""
        async with transaction(self._pool) as session:
            await session.execute(
                _QUERIES["add_video"],
                video.id,
                video.playback_id,
                video.title,
                video.upload_key,
                video.filename,
                video.size_bytes,
                video.protection,
            )
            await _add_keys(session, video.keys)
            await jobs.enqueue_ingest(session, video.id)
            return (await _videos(session, [video.id]))[video.id]

    async def ingredients(self, ids: Collection[str]) -> Mapping[str, Ingredients]:
        """What videos consist of; those that there are not are missing in the answer."""
        async with transaction(self._pool) as session:
            return await ingredients(session, ids)

    async def add_edit(self, edit: NewEdit, decide: EditJudge) -> VideoRow:
        """Add a video that is made of others.

        `decide` is given what those consist of and answers what becomes of it; while it does, none
        of them can be deleted.
        """
        async with transaction(self._pool) as session:
            settled = decide(await ingredients(session, edit.of))
            await insert_edit(session, edit.id, settled)
            return (await _videos(session, [edit.id]))[edit.id]

    async def change_video(
        self, video_id: str, *, title: str | None, change: ChangeAccess, only_if: Judge
    ) -> VideoRow | None:
        """Change title and access if the present version is right; None where there is no video.

        Another access means another playback id and other keys; the edges are owed a purge of the
        old id. The protection of an edit is that of its films, and stays while there is one:
        raises `ProtectedEdit` and `VideoInUse`.
        """
        async with transaction(self._pool) as session:
            locked = await session.fetchrow(_QUERIES["lock_video"], video_id)
            if locked is None:
                return None
            only_if(f'"{locked["version"]}"')
            if title is not None:
                await session.execute(_QUERIES["retitle_video"], video_id, title)
            old = locked["playback_id"]
            present = Access.of(old, Protection(locked["protection"]))
            following = change(present, locked["picture_codecs"])
            if following is not None:
                if following.protection is not present.protection:
                    await _require_free(session, video_id, is_edit=locked["is_edit"])
                await session.execute(
                    _QUERIES["rename_playback"],
                    video_id,
                    following.playback_id,
                    following.protection,
                )
                await session.execute(_QUERIES["drop_content_keys"], video_id)
                await _add_keys(session, following.keys)
                await session.fetchval(_QUERIES["owe_purge"], [f"playback:{old}"], False)
            return (await _videos(session, [video_id])).get(video_id)

    async def rewrap_keys(self, rewrap: Rewrap, master: str, *, limit: int) -> int:
        """Wrap up to `limit` content keys anew that are not under `master`; answers how many."""
        async with transaction(self._pool) as session:
            rows = await session.fetch(_QUERIES["keys_under_other_masters"], master, limit)
            for row in rows:
                wrapped = rewrap(_stored_key(row))
                await session.execute(
                    _QUERIES["rewrap_content_key"],
                    row["kid"],
                    wrapped.master,
                    wrapped.nonce,
                    wrapped.sealed,
                )
        return len(rows)

    async def delete_video(
        self, video_id: str, *, cascade: bool = False, only_if: Judge
    ) -> list[str] | None:
        """Remove the video, its work and its tracks, and owe the edges a purge, all in one.

        With `cascade` the edits that need it go, too; else raises `VideoInUse` where there are any.
        Answers the prefixes in the store that hold its files, or None where there is no such video.
        """
        async with transaction(self._pool) as session:
            version = await session.fetchval(_QUERIES["lock_video"], video_id)
            if version is None:
                return None
            only_if(f'"{version}"')
            edits = await session.fetch(_QUERIES["edits_of_video"], video_id)
            if edits and not cascade:
                raise VideoInUse(
                    f"{_in_use(video_id, edits)}; delete them first, or with it (cascade=true)"
                )
            await jobs.cancel_video(session, video_id)
            for edit in edits:
                await session.execute(_QUERIES["delete_video"], edit["id"])
            upload_key: str | None = await session.fetchval(_QUERIES["delete_video"], video_id)
            gone = [f"video:{each}" for each in (video_id, *(edit["id"] for edit in edits))]
            await session.fetchval(_QUERIES["owe_purge"], gone, False)
        if upload_key is None:
            return []
        upload_folder = upload_key.rpartition("/")[0]
        made = (f"{kind}/{video_id}" for kind in ("builds", "posters", "storyboards"))
        return [upload_folder, *made]

    async def get_playback(self, video_id: str, user_id: str | None) -> PlaybackRow | None:
        """What a player needs to start."""
        async with connection(self._pool) as session:
            row = await session.fetchrow(_QUERIES["get_playback"], video_id, user_id)
        if row is None:
            return None
        fields: dict[str, Any] = dict(row.items())
        fields["texts"] = tuple(_TEXTS.decode(fields["texts"]))
        fields["status"] = VideoStatus(fields["status"])
        fields["protection"] = Protection(fields["protection"])
        return PlaybackRow(**fields)

    async def report_positions(
        self, user_id: str, reports: Sequence[HistoryReport]
    ) -> frozenset[str]:
        """Keep all reports, or none where videos are unknown; answers the unknown ones."""
        wanted = sorted({report.video_id for report in reports})
        async with transaction(self._pool) as session:
            known = {row["id"] for row in await session.fetch(_QUERIES["known_videos"], wanted)}
            if unknown := frozenset(wanted) - known:
                return unknown
            await session.executemany(_QUERIES["report_position"], _report_rows(user_id, reports))
        return frozenset()

    async def list_history(
        self, user_id: str, *, after: tuple[str, str] | None, limit: int
    ) -> tuple[tuple[HistoryRow, ...], tuple[str, str] | None]:
        """The `limit` entries after the position `after`, and where the next ones begin."""
        key, last_id = _position(after, as_time=True)
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES["page_history"], user_id, key, last_id, limit + 1)
        entries = tuple(HistoryRow(**dict(row.items())) for row in rows[:limit])
        if len(rows) <= limit:
            return entries, None
        return entries, (entries[-1].client_ts.isoformat(), entries[-1].video_id)

    async def forget_history(self, user_id: str, video_id: str) -> bool:
        """Remove one entry; answers whether there was one."""
        async with connection(self._pool) as session:
            tag = await session.execute(_QUERIES["forget_history"], user_id, video_id)
        return tag != "DELETE 0"

    async def owe_purge(
        self, keys: Sequence[str], urls: Sequence[str] = (), *, soft: bool, everything: bool = False
    ) -> str:
        """Write a purge down and answer its token."""
        async with connection(self._pool) as session:
            row = list(keys), list(urls), soft, everything
            return str(await session.fetchval(_QUERIES["owe_any_purge"], *row))

    async def claim_purges(self, *, limit: int, lease: timedelta) -> list[OwedPurge]:
        """Take up to `limit` purges whose turn it is; for the time of `lease` nobody else will."""
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES["claim_purges"], limit, lease)
        return [_owed_purge(row) for row in rows]

    async def postpone_purge(
        self, purge_id: int, acknowledged: Iterable[str], delay: timedelta
    ) -> None:
        """Keep what is acknowledged, and try the rest after `delay`."""
        async with connection(self._pool) as session:
            await session.execute(_QUERIES["postpone_purge"], purge_id, sorted(acknowledged), delay)

    async def settle_purge(self, purge_id: int) -> None:
        """It is done."""
        async with connection(self._pool) as session:
            await session.execute(_QUERIES["settle_purge"], purge_id)

    async def secret(self, name: str) -> bytes:
        """The random key `name` that all servers share; the first to ask makes it."""
        async with connection(self._pool) as session:
            await session.execute(_QUERIES["make_secret"], name, secrets.token_bytes(32))
            value: bytes = await session.fetchval(_QUERIES["get_secret"], name)
        return value


async def _require_free(session: Connection, video_id: str, *, is_edit: bool) -> None:
    """Raise `ProtectedEdit` or `VideoInUse` where what a video is under is not its own choice."""
    if is_edit:
        raise ProtectedEdit(
            f"{video_id} is made of other videos, and is under drm if and only if one of them is"
        )
    edits = await session.fetch(_QUERIES["edits_of_video"], video_id)
    if edits:
        raise VideoInUse(f"{_in_use(video_id, edits)}, which are protected as it is")


def _in_use(video_id: str, edits: Sequence[Record]) -> str:
    named = ", ".join(f"{edit['title']!r} ({edit['id']})" for edit in edits[:MOST_NAMED])
    more = f" and {len(edits) - MOST_NAMED} more" if len(edits) > MOST_NAMED else ""
    return f"{video_id} is needed for {named}{more}"


def contains(q: str | None) -> str | None:
    r"""The ILIKE pattern of texts that contain `q`.

    >>> contains("100%_")
    '%100\\%\\_%'
    """
    if q is None:
        return None
    for special in ("\\", "%", "_"):
        q = q.replace(special, f"\\{special}")
    return f"%{q}%"


async def _add_keys(session: Connection, keys: Sequence[StoredKey]) -> None:
    rows = [
        (
            key.video_id,
            key.scheme,
            key.kind,
            key.kid,
            key.vector,
            key.wrapped.master,
            key.wrapped.nonce,
            key.wrapped.sealed,
        )
        for key in keys
    ]
    if rows:
        await session.executemany(_QUERIES["add_content_key"], rows)


def _stored_key(row: Record) -> StoredKey:
    return StoredKey(
        row["video_id"],
        Scheme(row["scheme"]),
        TrackKind(row["kind"]),
        row["kid"],
        row["vector"],
        WrappedKey(row["master"], row["nonce"], row["sealed"]),
    )


async def _videos(session: Connection, ids: Sequence[str]) -> Mapping[str, VideoRow]:
    if not ids:
        return {}
    rows = await session.fetch(_QUERIES["get_videos"], list(ids))
    return {row["id"]: VideoRow.of(row) for row in rows}


def _position(
    after: tuple[str, str] | None, *, as_time: bool
) -> tuple[datetime | str | None, str | None]:
    if after is None:
        return None, None
    key, last_id = after
    return (datetime.fromisoformat(key) if as_time else key), last_id


def _after(row: Record) -> tuple[str, str]:
    key = row["sort_key"]
    return (key.isoformat() if isinstance(key, datetime) else key), row["id"]


def _report_rows(user_id: str, reports: Sequence[HistoryReport]) -> list[tuple[object, ...]]:
    # In one order everywhere, so that two batches of one user cannot wait for each other.
    ordered = sorted(reports, key=lambda report: (report.video_id, report.client_ts))
    return [
        (
            user_id,
            report.video_id,
            report.position_ms,
            report.duration_ms,
            report.session_id,
            report.event,
            report.client_ts,
        )
        for report in ordered
    ]


def _owed_purge(row: Record) -> OwedPurge:
    return OwedPurge(
        row["id"],
        PurgeOrder(
            str(row["token"]),
            tuple(row["keys"]),
            tuple(row["urls"]),
            row["soft"],
            row["everything"],
        ),
        frozenset(row["acknowledged"]),
        row["attempts"],
        row["age"],
    )
