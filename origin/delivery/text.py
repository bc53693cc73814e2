"""Text as players ask for it: playlists, segments, whole files, and chapters."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypeVar

from core.errors import InputFault
from core.http.media_types import media_type
from core.manifest.hls_text import text_playlist
from core.manifest.urls import MEDIA_PLAYLIST, NO_TEXT, WHOLE_TEXT, excerpt_text
from core.media.chapters import TimedChapter, timed_chapters
from core.media.excerpt import excerpt_of
from core.media.presentation import Rendition, TextTraits, TrackKind
from core.media.programme_chapters import programme_chapters
from core.media.ticks import MICROSECONDS, rescale
from core.media.timeline import CutPlan
from core.text.chapters import chapters_json, chapters_vtt
from core.text.cues import TextDocument
from core.text.excerpt import TextPart, joined_text
from core.text.faults import MalformedText
from core.text.track import TEXT_NAME, TextTrack, text_key
from core.text.webvtt import parse_webvtt, write_segment, write_webvtt
from origin.delivery.lru import LruCache
from origin.delivery.narrowing import programme_of
from origin.delivery.representation import CachePolicy, Representation
from origin.delivery.surrogates import manifest_keys, title_keys
from origin.repository import PublishedTrack, Title
from origin.stored_track import DamagedTrack
from runtime.storage import LocalStore

Value = TypeVar("Value")

CHAPTERS: Final = frozenset({"chapters.json", "chapters.vtt"})
# Without leading zeros, so that a segment has one URL.
SEGMENT_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,7})\.vtt")
EXCERPT_NAME: Final = re.compile(r"subtitles-(0|[1-9][0-9]{0,7})-([1-9][0-9]{0,7})\.vtt")
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

    async def file(
        self, title: Title, parts: Sequence[Title], track: PublishedTrack, name: str
    ) -> Representation:
        """Give a playlist, a segment or the whole of a track that some parts of a title have.

        Raises `NoSuchText`, and `DamagedTrack` where its file cannot be read.
        """
        excerpts = [part.excerpt for part in parts if part.excerpt is not None]
        if name == MEDIA_PLAYLIST and not title.parts:
            data = text_playlist(text_rendition(parts[0], track)).encode()
        elif name == WHOLE_TEXT and not excerpts:
            data = await self._run(self._read, track)
        elif EXCERPT_NAME.fullmatch(name):
            data = await self._excerpt(parts, track, name)
        elif SEGMENT_NAME.fullmatch(name):
            number = int(name.removesuffix(".vtt"))
            data = await self._segment(parts, track, number, zero=_zero(title))
        else:
            raise NoSuchText(f"a text track has no file {name!r}")
        return Representation(
            content_type=media_type(name),
            etag=f'"{track.build_hash}-{name.partition(".")[0]}"',
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=(*title_keys(title), text_key(track.build_hash)),
            head=data,
        )

    async def line(self, title: Title, name: str) -> Representation:
        """Give all of one text through a title that was cut or joined, on its own timeline."""
        parts = title.all_parts
        if not title.parts and title.excerpt is None:
            raise NoSuchText(f"{title.playback_id!r} has its texts under the names of their builds")
        tracks = [_named(part, name) for part in parts]
        found: list[TextPart] = []
        for part, track, at_us in zip(parts, tracks, programme_of(title).starts_us, strict=True):
            if track is not None:
                opened = await self._opened(track, part.plan)
                found.append(_text_part(part, opened, at_us))
        if not found:
            raise NoSuchText(f"{title.playback_id!r} has no text {name!r}")
        texts = [text_key(track.build_hash) for track in tracks if track is not None]
        keys = (*title_keys(title), *manifest_keys(title), *dict.fromkeys(texts))
        return _made(WHOLE_TEXT, await self._run(_written, found), keys)

    async def silence(self, title: Title, name: str) -> Representation:
        """Give a segment of a text's line in which nothing is said."""
        if not any(_named(part, name) for part in title.parts):
            raise NoSuchText(f"{title.playback_id!r} has no line of text {name!r}")
        data = write_segment(TextDocument(()), (), zero=_zero(title)).encode()
        return _made(NO_TEXT, data, title_keys(title))

    async def is_there(self, track: PublishedTrack) -> bool:
        """Tell whether a track's file can be read."""
        return await self._run(self._path(track).is_file)

    def chapters(self, title: Title, name: str) -> Representation:
        """Give the chapters under one of the names in `CHAPTERS`."""
        timed = _chapters(title)
        if not timed:
            raise NoSuchText(f"{title.playback_id!r} has no chapters")
        data = chapters_json(timed) if name == "chapters.json" else chapters_vtt(timed).encode()
        return _made(name, data, (*title_keys(title), *manifest_keys(title)))

    async def _segment(
        self, parts: Sequence[Title], track: PublishedTrack, number: int, *, zero: int
    ) -> bytes:
        if not any(number in _numbers(part) for part in parts):
            raise NoSuchText(f"{track.kind}/{track.name} has no segment {number}")
        opened = await self._opened(track, parts[0].plan)
        return await self._run(lambda: opened.segment(number, zero=zero).encode())

    async def _excerpt(self, parts: Sequence[Title], track: PublishedTrack, name: str) -> bytes:
        for part in parts:
            cut = part.excerpt
            if cut is not None and name == excerpt_text(cut.first, cut.stop):
                found = [_text_part(part, await self._opened(track, part.plan), 0)]
                return await self._run(_written, found)
        raise NoSuchText(f"{track.kind}/{track.name} has no excerpt {name!r}")

    async def _opened(self, track: PublishedTrack, plan: CutPlan) -> TextTrack:
        opened = self._open.get(track.store_prefix)
        if opened is None:
            opened = await self._run(self._parse, track, plan)
            cost_bytes = CUE_COST_BYTES * (1 + len(opened.content.cues))
            self._open.put(track.store_prefix, opened, cost_bytes)
        return opened

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


def text_rendition(part: Title, track: PublishedTrack) -> Rendition:
    """Give what manifests say of a text track: it is cut where the picture is."""
    plan = part.plan
    whole = Rendition(
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
    if part.excerpt is None:
        return whole
    cut = excerpt_of(whole, part.excerpt)
    assert cut is not None  # text has a segment for every cut
    return cut


def _written(parts: Sequence[TextPart]) -> bytes:
    return write_webvtt(joined_text(parts)).encode()


def _numbers(part: Title) -> range:
    """The segments of text that a part has."""
    cut = part.excerpt
    return range(len(part.plan.starts)) if cut is None else range(cut.first, cut.stop)


def _zero(title: Title) -> int:
    """The MPEG-2 time at which a text of the title counts from zero.

    A tick beside zero, 11 µs, where films are joined: hls.js (1.7.4) takes a map from 0 to 0 for
    one that says nothing of discontinuities, and places the text of a part before it knows where
    the part's pictures are.
    """
    return 1 if title.parts else 0


def _named(part: Title, name: str) -> PublishedTrack | None:
    texts = (each for each in part.tracks if each.kind is TrackKind.TEXT)
    return next((each for each in texts if each.name == name), None)


def _text_part(part: Title, opened: TextTrack, at_us: int) -> TextPart:
    cut = part.excerpt
    if cut is None:
        return TextPart(opened.content, 0, opened.content.end_ms, _ms(at_us))
    return TextPart(
        opened.content, _ms(cut.origin_us), _ms(cut.origin_us + cut.length_us), _ms(at_us)
    )


def _chapters(title: Title) -> Sequence[TimedChapter]:
    if not title.parts and title.excerpt is None:
        return timed_chapters(title.chapters, title.duration_ms)
    return programme_chapters(programme_of(title), [part.chapters for part in title.all_parts])


def _ms(microseconds: int) -> int:
    return rescale(microseconds, MICROSECONDS, 1000)


def _made(name: str, data: bytes, keys: tuple[str, ...]) -> Representation:
    etag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    return Representation(media_type(name), etag, CachePolicy.MANIFEST, keys, data)
