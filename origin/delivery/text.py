"""Text as players ask for it: playlists, segments, whole files, and chapters."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypeVar

from core.errors import InputFault
from core.http.media_types import media_type
from core.manifest.hls_text import text_playlist
from core.manifest.urls import MEDIA_PLAYLIST, WHOLE_TEXT
from core.media.presentation import Rendition, TextTraits
from core.media.timeline import CutPlan
from core.text.chapters import chapters_json, chapters_vtt
from core.text.faults import MalformedText
from core.text.track import TEXT_NAME, TextTrack, text_key
from core.text.webvtt import parse_webvtt
from origin.delivery.lru import LruCache
from origin.delivery.representation import CachePolicy, Representation, playback_key
from origin.repository import PublishedTrack, Title
from origin.stored_track import DamagedTrack
from runtime.storage import LocalStore

Value = TypeVar("Value")

CHAPTERS: Final = frozenset({"chapters.json", "chapters.vtt"})
# Without leading zeros, so that a segment has one URL.
SEGMENT_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,7})\.vtt")
# A cue as Python objects: the text, two numbers, and their places in tuples.
CUE_COST_BYTES: Final = 400
OPEN_LIMIT_BYTES: Final = 16 * 2**20


class NoSuchText(InputFault):
    """The title is published, but its text has nothing by this name."""

    status = 404
    code = "media.not_found"


class TextPresenter:
    """Gives representations of published text; the tracks used last are kept in memory."""

    def __init__(self, store: LocalStore, executor: Executor) -> None:
        self._store = store
        self._executor = executor
        self._open: LruCache[str, TextTrack] = LruCache(OPEN_LIMIT_BYTES)

    async def file(self, title: Title, track: PublishedTrack, name: str) -> Representation:
        """Give a playlist, a segment or the whole of a track.

        Raises `NoSuchText`, and `DamagedTrack` where its file cannot be read.
        """
        if name == MEDIA_PLAYLIST:
            data = text_playlist(text_rendition(track, title.plan)).encode()
        elif name == WHOLE_TEXT:
            data = await self._run(self._read, track)
        elif SEGMENT_NAME.fullmatch(name):
            data = await self._segment(title, track, int(name.removesuffix(".vtt")))
        else:
            raise NoSuchText(f"a text track has no file {name!r}")
        return Representation(
            content_type=media_type(name),
            etag=f'"{track.build_hash}-{name.partition(".")[0]}"',
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=(*_keys(title), text_key(track.build_hash)),
            head=data,
        )

    async def is_there(self, track: PublishedTrack) -> bool:
        """Tell whether a track's file can be read."""
        return await self._run(self._path(track).is_file)

    def chapters(self, title: Title, name: str) -> Representation:
        """Give the chapters under one of the names in `CHAPTERS`."""
        if not title.chapters:
            raise NoSuchText(f"{title.playback_id!r} has no chapters")
        if name == "chapters.json":
            data = chapters_json(title.chapters, title.duration_ms)
        else:
            data = chapters_vtt(title.chapters, title.duration_ms).encode()
        etag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
        keys = (*_keys(title), f"manifest:{title.playback_id}")
        return Representation(media_type(name), etag, CachePolicy.MANIFEST, keys, data)

    async def _segment(self, title: Title, track: PublishedTrack, number: int) -> bytes:
        count = len(title.plan.starts)
        if number >= count:
            raise NoSuchText(f"{track.kind}/{track.name} has segments 0 to {count - 1}")
        opened = self._open.get(track.store_prefix)
        if opened is None:
            opened = await self._run(self._parse, track, title.plan)
            cost_bytes = CUE_COST_BYTES * (1 + len(opened.content.cues))
            self._open.put(track.store_prefix, opened, cost_bytes)
        return opened.segment(number).encode()

    async def _run(self, work: Callable[..., Value], *given: object) -> Value:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work, *given)

    def _path(self, track: PublishedTrack) -> Path:
        return self._store.path(track.store_prefix) / TEXT_NAME

    def _read(self, track: PublishedTrack) -> bytes:
        try:
            return self._path(track).read_bytes()
        except OSError as error:
            raise DamagedTrack(f"the text {track.store_prefix} cannot be read: {error}") from error

    def _parse(self, track: PublishedTrack, plan: CutPlan) -> TextTrack:
        try:
            return TextTrack(parse_webvtt(self._read(track).decode()), plan)
        except (MalformedText, UnicodeDecodeError) as error:
            raise DamagedTrack(f"the text {track.store_prefix} cannot be read: {error}") from error


def text_rendition(track: PublishedTrack, plan: CutPlan) -> Rendition:
    """Give what manifests say of a text track: it is cut where the picture is."""
    return Rendition(
        kind=track.kind,
        name=track.name,
        build_hash=track.build_hash,
        codec=track.codec,
        timescale=plan.timescale,
        spans=plan.spans,
        bandwidth=track.bandwidth,
        average_bandwidth=track.average_bandwidth,
        traits=TextTraits(
            language=track.language or "und",
            label=track.label or "",
            default=track.is_default,
            roles=frozenset(track.roles),
        ),
    )


def _keys(title: Title) -> tuple[str, ...]:
    return (f"video:{title.video_id}", playback_key(title.playback_id))
