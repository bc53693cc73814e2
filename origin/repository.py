"""What workers, delivery and clean-up ask of Postgres; the statements are in queries.sql."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec

from core.errors import StateFault
from core.media.chapters import Chapter
from core.media.excerpt import Excerpt, excerpt
from core.media.language import UNDETERMINED
from core.media.playback_id import PlaybackPolicy, policy_of
from core.media.presentation import TrackKind
from core.media.programme_chapters import spread_chapters
from core.media.recipe import Film, Programme, Stretch
from core.media.roles import TrackRole
from core.media.storyboard import Storyboard
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from core.protection.choice import protection_of_all
from core.protection.scheme import Protection
from core.protection.stored_key import StoredKey
from core.text.track import track_name
from origin.content_keys import read_content_keys
from runtime.jobs import PREVIEWS_STAGE, Step, enqueue, requeue_lost
from runtime.postgres import Connection, Pool, Record, connection, transaction
from runtime.sql import load_queries

_QUERIES: Final = load_queries("origin")


class Fenced(StateFault):
    """The attempt is not the valid one of its step any more, so its output is void."""

    code = "jobs.fenced"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one step. `picks` counts the tries that were begun and not given back unharmed."""

    step: Step
    attempt_id: str
    picks: int
    playback_id: str
    upload_key: str
    source_filename: str
    plan: CutPlan | None
    detail: dict[str, Any]

    @property
    def video_id(self) -> str:
        """The video it works on."""
        return self.step.video_id

    @property
    def prefix(self) -> str:
        """Where in the store its tracks go."""
        return f"builds/{self.video_id}/{self.attempt_id}"

    @property
    def poster_key(self) -> str:
        """Where in the store its picture goes."""
        return f"posters/{self.video_id}/{self.attempt_id}.jpg"

    @property
    def storyboard_key(self) -> str:
        """Where in the store its storyboard goes."""
        return f"storyboards/{self.video_id}/{self.attempt_id}"


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    """One track of a build as the catalogue knows it; bit rates in bit/s, duration in ticks.

    `number` is another for each row that ever was, 0 before there is one.
    """

    kind: TrackKind
    name: str
    build_hash: str
    store_prefix: str
    codec: str
    timescale: int
    duration: int
    bandwidth: int
    average_bandwidth: int
    width: int | None = None
    height: int | None = None
    frame_rate: tuple[int, int] | None = None
    channels: int | None = None
    sample_rate: int | None = None
    language: str | None = None
    label: str | None = None
    is_default: bool = False
    roles: tuple[TrackRole, ...] = ()
    closed_captions: tuple[str, ...] = ()
    number: int = 0
    video_range: str | None = None
    supplemental_codec: str | None = None


@dataclass(frozen=True, slots=True)
class Title:
    """A playback id as delivery sees it at one moment; one with a view is a title of its own.

    What is cut from one film has the `tracks`, the `plan`, the (wrapped) `keys`, the `storyboard`
    and the `chapters` of that film and an `excerpt` of it; `duration_ms` is always the film's. What
    several were joined to has `parts`, and neither tracks nor keys of its own; its `protection` is
    that of those parts that have any. `base_id` is the playback id without a view. `films` are the
    video and playback ids of those that it was made from. `home` is where its media lie, seen from
    its manifests, if not beside them.
    """

    playback_id: str
    video_id: str
    status: str
    version: int
    duration_ms: int
    poster_key: str | None
    plan: CutPlan
    tracks: tuple[PublishedTrack, ...]
    protection: Protection = Protection.NONE
    keys: tuple[StoredKey, ...] = ()
    storyboard: Storyboard | None = None
    chapters: tuple[Chapter, ...] = ()
    base_id: str = ""
    excerpt: Excerpt | None = None
    parts: tuple["Title", ...] = ()
    films: tuple[tuple[str, str], ...] = ()
    home: str = ""

    @property
    def all_parts(self) -> tuple["Title", ...]:
        """Its parts, or itself where it is the only one."""
        return self.parts or (self,)


class IgnoredTrack(msgspec.Struct, frozen=True):
    """A track of the uploaded file that is not published, and why."""

    kind: str
    codec: str
    language: str
    reason: str


@dataclass(frozen=True, slots=True)
class Follower:
    """A step to come. `rank` is its place in the queue.

    `weight` is its share of all the work, and `pending` that of what will follow it; both in any
    unit, the same for all steps of a video.
    """

    step: Step
    weight: float
    pending: float = 0.0
    rank: int = 0
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Publication:
    """What becomes visible in one commit, and what has to be done after it.

    `repaired` says what was wrong with the source; empty where nothing was.
    """

    tracks: Sequence[PublishedTrack] = ()
    sizes_bytes: Sequence[int] = ()
    plan: CutPlan | None = None
    duration_ms: int = 0
    poster_key: str | None = None
    followers: Sequence[Follower] = ()
    repaired: str = ""
    chapters: Sequence[Chapter] = ()
    ignored: Sequence[IgnoredTrack] = ()
    storyboard: Storyboard | None = None


class Repository:
    """The origin's statements over one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin_attempt(self, step: Step, attempt_id: str) -> Attempt | None:
        """Count a pick and make `attempt_id` the valid one; None where nothing is left to do."""
        async with transaction(self._pool) as session:
            row = await session.fetchrow(
                _QUERIES["begin_attempt"], step.video_id, step.name, attempt_id
            )
            if row is None:
                return None
            await session.execute(_QUERIES["show_preparing"], step.video_id, "Looking at the file")
        return Attempt(
            step=step,
            attempt_id=attempt_id,
            picks=row["picks"],
            playback_id=row["playback_id"],
            upload_key=row["upload_key"],
            source_filename=row["source_filename"],
            plan=_plan(row),
            detail=msgspec.json.decode(row["detail"]),
        )

    async def release(self, attempt: Attempt) -> None:
        """Give the step back; its pick does not count."""
        async with connection(self._pool) as session:
            await session.execute(_QUERIES["release_attempt"], *_names(attempt))

    async def weigh(self, attempt: Attempt, *, weight: float, pending: float) -> None:
        """Say anew how much of all the work this step is, and how much will follow it."""
        async with connection(self._pool) as session:
            await session.execute(_QUERIES["weigh_step"], *_names(attempt), weight, pending)

    async def report(self, attempt: Attempt, progress: float, stage: str | None) -> None:
        """Note progress from 0 to 1. Raises `Fenced` unless the attempt is the valid one."""
        async with connection(self._pool) as session:
            found = await session.fetchval(
                _QUERIES["report_progress"], *_names(attempt), progress, stage
            )
        if found is None:
            raise _fenced(attempt)

    async def fail(
        self, attempt: Attempt, *, parked: bool, code: str, message: str, show: bool
    ) -> None:
        """End the step for good; with `show` the owner of the video is told why."""
        state = "parked" if parked else "failed"
        async with transaction(self._pool) as session:
            found = await session.fetchval(
                _QUERIES["fail_step"], *_names(attempt), state, code, message
            )
            if found is None:
                return
            if show:
                await session.execute(_QUERIES["show_error"], attempt.video_id, code, message)
            await self._settle(session, attempt.video_id)

    async def publish(self, attempt: Attempt, publication: Publication) -> str:
        """Make a publication visible, all of it at once, and answer the video's status after it.

        Raises `Fenced`, and changes nothing, unless the attempt is still the valid one.
        """
        async with transaction(self._pool) as session:
            locked = await session.fetchrow(_QUERIES["lock_attempt"], *_names(attempt))
            if locked is None or _plan(locked) not in {None, publication.plan or attempt.plan}:
                raise _fenced(attempt)
            await _add_tracks(session, attempt.video_id, publication)
            if publication.plan is not None and locked["plan_end"] is None:
                await _set_plan(
                    session, attempt.video_id, publication.plan, publication.duration_ms
                )
                await _set_contents(session, attempt.video_id, publication)
            elif publication.tracks or publication.storyboard is not None:
                keys = [f"manifest:{locked['playback_id']}"]
                await session.execute(_QUERIES["owe_purge"], keys, True)
            if publication.repaired:
                await session.execute(
                    _QUERIES["set_repaired"], attempt.video_id, publication.repaired
                )
            if publication.poster_key is not None:
                await session.execute(
                    _QUERIES["set_poster"], attempt.video_id, publication.poster_key
                )
            if publication.storyboard is not None:
                await session.execute(
                    _QUERIES["set_storyboard"],
                    attempt.video_id,
                    msgspec.json.encode(publication.storyboard).decode(),
                )
            await session.execute(_QUERIES["finish_step"], attempt.video_id, attempt.step.name)
            for follower in publication.followers:
                weights = {"weight": follower.weight, "pending": follower.pending}
                await enqueue(
                    session,
                    follower.step,
                    detail={**follower.detail, **weights},
                    rank=follower.rank,
                )
            return await self._settle(session, attempt.video_id)

    async def title(self, playback_id: str) -> Title | None:
        """What can be delivered of a playback id; None where that is nothing."""
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES["get_title"], playback_id)
        return _title(playback_id, rows)

    async def orphans(self, kind: str, keys: Sequence[str]) -> list[str]:
        """Which of `keys` (of `uploads`, `builds`, `posters` or `storyboards`) no row refers to."""
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES[f"orphaned_{kind}"], list(keys))
        return [row["key"] for row in rows]

    async def revive_jobs(self, silent_for: timedelta) -> list[str]:
        """Queue again what dead workers had picked; answers the steps' keys."""
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES["revive_jobs"], silent_for)
        return [row["dedupe_key"] for row in rows]

    async def requeue_lost(self, older_than: timedelta) -> tuple[Step, ...]:
        """Queue again what is not over and lost its queue entry."""
        async with transaction(self._pool) as session:
            return await requeue_lost(session, older_than=older_than)

    async def owned_jobs(self, ids: Sequence[int], owner: UUID) -> set[int]:
        """Which of the queue entries `ids` are still this worker's."""
        async with connection(self._pool) as session:
            rows = await session.fetch(_QUERIES["owned_jobs"], list(ids), owner)
        return {row["id"] for row in rows}

    async def trim_job_log(self, older_than: timedelta) -> None:
        """Forget the queue's history before that."""
        async with connection(self._pool) as session:
            await session.execute(_QUERIES["trim_job_log"], older_than)

    async def _settle(self, session: Connection, video_id: str) -> str:
        row = await session.fetchrow(_QUERIES["settle"], video_id, PREVIEWS_STAGE)
        assert row is not None  # locked by this transaction
        await session.execute(_QUERIES["announce"], row["playback_id"])
        return str(row["status"])


async def claim_identity(session: Connection, owner: UUID) -> None:
    """Hold a worker's name: while `session` lives, nobody takes what `owner` has picked."""
    await session.execute(_QUERIES["claim_identity"], str(owner))


def _names(attempt: Attempt) -> tuple[str, str, str]:
    return attempt.video_id, attempt.step.name, attempt.attempt_id


def _fenced(attempt: Attempt) -> Fenced:
    return Fenced(
        f"attempt {attempt.attempt_id} of {attempt.step.key} was cancelled or has a successor"
    )


def _title(playback_id: str, rows: Sequence[Record]) -> Title | None:
    parts = [
        _part(playback_id, list(group)) for _, group in groupby(rows, key=lambda row: row["place"])
    ]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    is_public = policy_of(playback_id) is PlaybackPolicy.PUBLIC
    if is_public and any(part.protection is not Protection.NONE for part in whole):
        return None  # it would give the keys to everybody
    if rows[0]["place"] is None:
        return whole[0]
    films = tuple(dict.fromkeys((row["film_id"], row["film_playback_id"]) for row in rows))
    whole = _with_own_chapters(whole, _chapters(rows[0]["own_chapters"]))
    if len(whole) == 1:
        return replace(whole[0], films=films)
    return replace(
        whole[0], tracks=(), excerpt=None, storyboard=None, chapters=(), parts=tuple(whole),
        films=films, protection=protection_of_all(part.protection for part in whole), keys=(),
    )  # fmt: skip


def _with_own_chapters(parts: list[Title], own: tuple[Chapter, ...]) -> list[Title]:
    """Chapters of an edit itself stand in for those of its films."""
    if not own:
        return parts
    programme = Programme.of(
        [Film(part.plan, part.duration_ms) for part in parts],
        [
            Stretch(part.excerpt.start_ms, part.excerpt.end_ms) if part.excerpt else Stretch()
            for part in parts
        ],
    )
    spread = spread_chapters(programme, own)
    return [replace(part, chapters=chapters) for part, chapters in zip(parts, spread, strict=True)]


def _chapters(text: str) -> tuple[Chapter, ...]:
    return msgspec.json.decode(text, type=tuple[Chapter, ...])


def _part(playback_id: str, rows: Sequence[Record]) -> Title | None:
    first = rows[0]
    plan = _plan(first)
    if plan is None or first["kind"] is None:
        return None
    duration_ms = first["duration_ms"] or 0
    part = None
    if first["start_ms"] is not None:
        part = excerpt(plan, duration_ms, first["start_ms"], first["end_ms"])
    return Title(
        playback_id=playback_id,
        video_id=first["video_id"],
        status=first["status"],
        version=first["version"],
        duration_ms=duration_ms,
        poster_key=first["poster_key"],
        plan=plan,
        tracks=tuple(map(_track, rows)),
        protection=Protection(first["protection"]),
        keys=read_content_keys(first["film_id"], first["content_keys"]),
        storyboard=_storyboard(first),
        chapters=_chapters(first["chapters"]),
        base_id=playback_id,
        excerpt=part,
    )


def _plan(row: Record) -> CutPlan | None:
    if row["plan_end"] is None:
        return None
    starts = tuple(Ticks(start) for start in row["plan_starts"])
    return CutPlan(row["plan_timescale"], starts, Ticks(row["plan_end"]))


def _storyboard(row: Record) -> Storyboard | None:
    text = row["storyboard"]
    return None if text is None else msgspec.json.decode(text, type=Storyboard)


def _track(row: Record) -> PublishedTrack:
    rate = row["frame_rate_num"]
    return PublishedTrack(
        kind=TrackKind(row["kind"]),
        name=row["name"],
        build_hash=row["build_hash"],
        store_prefix=row["store_prefix"],
        codec=row["codec"],
        timescale=row["timescale"],
        duration=row["duration"],
        bandwidth=row["bandwidth"],
        average_bandwidth=row["average_bandwidth"],
        width=row["width"],
        height=row["height"],
        frame_rate=None if rate is None else (rate, row["frame_rate_den"]),
        channels=row["channels"],
        sample_rate=row["sample_rate"],
        language=row["language"],
        label=row["label"],
        is_default=row["is_default"],
        roles=tuple(map(TrackRole, row["roles"])),
        closed_captions=tuple(row["closed_captions"]),
        number=row["number"],
        video_range=row["video_range"],
        supplemental_codec=row["supplemental_codec"],
    )


async def _add_tracks(session: Connection, video_id: str, publication: Publication) -> None:
    tracks = await _distinctly_named(session, video_id, publication.tracks)
    rows = [
        (
            video_id,
            str(track.kind),
            track.name,
            track.build_hash,
            track.store_prefix,
            track.codec,
            track.timescale,
            track.duration,
            track.bandwidth,
            track.average_bandwidth,
            track.width,
            track.height,
            *(track.frame_rate or (None, None)),
            track.channels,
            track.sample_rate,
            track.language,
            track.label,
            track.is_default,
            size_bytes,
            list(track.roles),
            list(track.closed_captions),
            track.video_range,
            track.supplemental_codec,
        )
        for track, size_bytes in zip(tracks, publication.sizes_bytes, strict=True)
    ]
    if rows:
        await session.executemany(_QUERIES["add_track"], rows)


async def _distinctly_named(
    session: Connection, video_id: str, tracks: Sequence[PublishedTrack]
) -> list[PublishedTrack]:
    """Name text anew where somebody has sent one of that name meanwhile; the video is locked."""
    if all(track.kind is not TrackKind.TEXT for track in tracks):
        return list(tracks)
    rows = await session.fetch(_QUERIES["text_names"], video_id)
    taken = frozenset(row["name"] for row in rows)
    named: list[PublishedTrack] = []
    for track in tracks:
        if track.kind is TrackKind.TEXT:
            name = track_name(track.language or UNDETERMINED, track.roles, taken)
            taken |= {name}
            named.append(replace(track, name=name))
        else:
            named.append(track)
    return named


async def _set_contents(session: Connection, video_id: str, publication: Publication) -> None:
    chapters, ignored = (
        msgspec.json.encode(list(each)).decode()
        for each in (publication.chapters, publication.ignored)
    )
    await session.execute(_QUERIES["set_contents"], video_id, chapters, ignored)


async def _set_plan(session: Connection, video_id: str, plan: CutPlan, duration_ms: int) -> None:
    await session.execute(
        _QUERIES["set_plan"], video_id, plan.timescale, list(plan.starts), plan.end, duration_ms
    )
