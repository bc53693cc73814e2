"""From published builds to what a player asks for: manifests, init and media segments, posters."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from fractions import Fraction
from typing import Final

from core.errors import InputFault, InternalFault
from core.http.media_types import media_type
from core.manifest.dash import mpd, on_demand_mpd
from core.manifest.hls import media_playlist, multivariant_playlist
from core.manifest.hls_iframes import iframe_playlist
from core.manifest.storyboard import (
    STORYBOARD_JSON,
    STORYBOARD_VTT,
    storyboard_json,
    storyboard_vtt,
)
from core.manifest.urls import (
    IFRAME_PLAYLIST,
    INIT_SEGMENT,
    MASTER,
    MEDIA_PLAYLIST,
    TRACK_FILE,
    iframe_segment,
    media_segment,
)
from core.media.presentation import (
    AudioTraits,
    Presentation,
    Rendition,
    TrackKind,
    VideoTraits,
)
from core.media.storyboard import Storyboard
from core.protection.bandwidth import protected_bandwidth, protected_iframes
from core.protection.scheme import Scheme
from core.protection.track import divisions
from origin.delivery.builds import Build, OpenBuilds
from origin.delivery.lru import LruCache
from origin.delivery.offers import Offer, find_offer, offers
from origin.delivery.protected import Plain, ProtectedSegments
from origin.delivery.representation import (
    CachePolicy,
    FilePart,
    Representation,
    WholeTrack,
    playback_key,
)
from origin.delivery.storyboards import storyboard_file
from origin.delivery.text import TextPresenter, text_rendition
from origin.delivery.titles import Titles
from origin.repository import PublishedTrack, Title
from origin.stored_track import DamagedTrack
from runtime.logs import get_logger
from runtime.storage import LocalStore

ON_DEMAND: Final = "ondemand.mpd"
MANIFESTS: Final = {
    "master.m3u8": multivariant_playlist,
    "manifest.mpd": mpd,
    ON_DEMAND: on_demand_mpd,
}
BOARDS: Final[dict[str, Callable[[Storyboard], bytes]]] = {
    STORYBOARD_VTT: storyboard_vtt,
    STORYBOARD_JSON: storyboard_json,
}
PLAYLISTS: Final = {MEDIA_PLAYLIST: media_playlist, IFRAME_PLAYLIST: iframe_playlist}
# Without leading zeros, so that a segment has one URL; eight digits are beyond any film.
SEGMENT_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,7})\.m4s")

log = get_logger(__name__)


class NoSuchMedia(InputFault):
    """The title is published, but it has nothing by this name."""

    status = 404
    code = "media.not_found"


class Presenter:
    """Answers with representations; everything it reads is published and whole, or it raises."""

    def __init__(
        self,
        titles: Titles,
        builds: OpenBuilds,
        store: LocalStore,
        executor: Executor,
        *,
        text_limit_bytes: int,
        protected: ProtectedSegments,
    ) -> None:
        self._titles = titles
        self._builds = builds
        self._store = store
        self._executor = executor
        self._text = TextPresenter(store, executor)
        self._protected = protected
        self._texts: LruCache[tuple[str, ...], Representation] = LruCache(text_limit_bytes)

    async def close(self) -> None:
        """Wait for what is being made, and forget it."""
        await self._protected.close()

    async def manifest(self, playback_id: str, name: str) -> Representation:
        """Give one of `MANIFESTS`."""
        title = await self._titles.get(playback_id)
        board = title.storyboard.name if title.storyboard is not None else ""
        hashes = (track.build_hash for track in title.tracks)
        key = (name, playback_id, title.status, board, *hashes)
        known = self._texts.get(key)
        if known is not None:
            return known
        protection = title.protection
        if name != MASTER and not protection.has_dash:
            raise NoSuchMedia(f"{playback_id!r} is under {protection}, which DASH does not have")
        scheme = protection.hls if name == MASTER else protection.dash
        presentation, whole = await self._presentation(title, scheme)
        if name == ON_DEMAND and not presentation.has_files:
            raise NoSuchMedia(f"no track of {playback_id!r} fits into one indexed file")
        settled = whole and title.status == "ready"
        made = _generated(
            name,
            MANIFESTS[name](presentation).encode(),
            CachePolicy.MANIFEST if settled else CachePolicy.UNSETTLED,
            (*_keys(title), f"manifest:{playback_id}"),
        )
        if whole:
            self._texts.put(key, made, made.length)
        return made

    async def track_file(
        self, playback_id: str, kind: str, name: str, build_hash: str, file: str
    ) -> Representation:
        """Give a media playlist, an init segment, a media segment or all of one build."""
        title = await self._titles.get(playback_id)
        offer = _offer(title, kind, name, build_hash)
        if file in PLAYLISTS:
            return await self._playlist(title, offer, file)
        if file not in {INIT_SEGMENT, TRACK_FILE} and not SEGMENT_NAME.fullmatch(file):
            raise NoSuchMedia(f"a track has no file {file!r}")
        build = await self._builds.get(offer.track, title.plan)
        if file == INIT_SEGMENT:
            return self._init(title, build, offer)
        if file == TRACK_FILE:
            return _whole(title, build, offer)
        return await self._media(title, build, offer, _segment(build, _number(file)))

    async def text_file(
        self, playback_id: str, name: str, build_hash: str, file: str
    ) -> Representation:
        """Give a playlist, a segment or the whole of a text track."""
        title = await self._titles.get(playback_id)
        offer = _offer(title, TrackKind.TEXT, name, build_hash)
        return await self._text.file(title, offer.track, file)

    async def chapters(self, playback_id: str, name: str) -> Representation:
        """Give the title's chapters, as JSON or as WebVTT."""
        return self._text.chapters(await self._titles.get(playback_id), name)

    async def iframe(
        self, playback_id: str, kind: str, name: str, build_hash: str, file: str
    ) -> Representation:
        """Give one I-frame of a build."""
        title = await self._titles.get(playback_id)
        offer = _offer(title, kind, name, build_hash)
        if not SEGMENT_NAME.fullmatch(file):
            raise NoSuchMedia(f"a track has no I-frame {file!r}")
        build = await self._builds.get(offer.track, title.plan)
        return await self._media(title, build, offer, _iframe(build, _number(file)))

    async def _media(
        self, title: Title, build: Build, offer: Offer, plain: Plain
    ) -> Representation:
        """Give a media segment or an I-frame, encrypted where its title is."""
        clear = Representation(
            content_type=media_type(f"{offer.track.kind}/{plain.name}"),
            etag=f'"{offer.build_hash}-{plain.name.removesuffix(".m4s").replace("/", "-")}"',
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=_keys(title),
            head=plain.header,
            body=FilePart(build.stored, plain.offset, plain.length),
        )
        if offer.use is None:
            return clear
        made = await self._protected.segment(title, build, offer, plain)
        return replace(clear, head=b"", body=made)

    def _init(self, title: Title, build: Build, offer: Offer) -> Representation:
        return Representation(
            content_type=media_type(f"{offer.track.kind}/{INIT_SEGMENT}"),
            etag=f'"{offer.build_hash}-init"',
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=_keys(title),
            head=build.init if offer.use is None else self._protected.init(build, offer.use),
        )

    async def poster(self, playback_id: str, name: str | None) -> Representation:
        """Give the title's picture: under its own name for ever, under none until it changes."""
        title = await self._titles.get(playback_id)
        key = title.poster_key
        stem = key.rpartition("/")[2].removesuffix(".jpg") if key else None
        if key is None or stem is None or name not in {None, stem}:
            raise NoSuchMedia(f"{playback_id!r} has no such poster")
        known = self._texts.get(("poster", key))
        if known is None:
            loop = asyncio.get_running_loop()
            path = self._store.path(key)
            try:
                data = await loop.run_in_executor(self._executor, path.read_bytes)
            except OSError as error:
                raise DamagedTrack(f"the poster {key} cannot be read: {error}") from error
            known = _generated("poster.jpg", data, CachePolicy.IMMUTABLE, _keys(title))
            self._texts.put(("poster", key), known, known.length)
        return known if name else known.under(CachePolicy.POSTER)

    async def storyboard(self, playback_id: str, name: str) -> Representation:
        """Give the small pictures of a title as one of `BOARDS` shows them."""
        title = await self._titles.get(playback_id)
        if title.storyboard is None:
            raise NoSuchMedia(f"{playback_id!r} has no storyboard")
        settled = title.status == "ready"
        return _generated(
            name,
            BOARDS[name](title.storyboard),
            CachePolicy.MANIFEST if settled else CachePolicy.UNSETTLED,
            (*_keys(title), f"manifest:{playback_id}"),
        )

    async def storyboard_file(self, playback_id: str, name: str, file: str) -> Representation:
        """Give a file of the storyboard that is called `name`."""
        title = await self._titles.get(playback_id)
        board = title.storyboard
        data = None
        if board is not None and board.name == name:
            loop = asyncio.get_running_loop()
            folder = self._store.path(board.prefix)
            data = await loop.run_in_executor(self._executor, storyboard_file, board, folder, file)
        if data is None:
            raise NoSuchMedia(f"{playback_id!r} has no {file!r} of a storyboard {name!r}")
        return _generated(file, data, CachePolicy.IMMUTABLE, _keys(title))

    async def _playlist(self, title: Title, offer: Offer, file: str) -> Representation:
        track = offer.track
        key = (file, title.playback_id, track.kind, track.name, offer.build_hash)
        known = self._texts.get(key)
        if known is None:
            build = await self._builds.get(track, title.plan)
            if file == IFRAME_PLAYLIST and build.iframes is None:
                raise NoSuchMedia(f"{track.kind}/{track.name} has no I-frames")
            text = PLAYLISTS[file](_rendition(build, offer)).encode()
            known = _generated(file, text, CachePolicy.IMMUTABLE, _keys(title))
            self._texts.put(key, known, known.length)
        return known

    async def _presentation(self, title: Title, scheme: Scheme | None) -> tuple[Presentation, bool]:
        """Give the presentation and whether it is whole; damaged tracks are left out of it."""
        renditions: dict[TrackKind, list[Rendition]] = {kind: [] for kind in TrackKind}
        damage: dict[TrackKind, InternalFault] = {}
        for offer in offers(title, scheme):
            track = offer.track
            if track.kind is TrackKind.TEXT:
                if await self._text.is_there(track):
                    renditions[track.kind].append(text_rendition(track, title.plan))
                else:
                    damage[track.kind] = _lost(track)
                continue
            try:
                build = await self._builds.get(track, title.plan)
                rendition = _rendition(build, offer)
            except InternalFault as fault:
                log.warning("media.damaged", track=track.store_prefix, reason=fault.message)
                damage[track.kind] = fault
            else:
                renditions[track.kind].append(rendition)
        video, audio = renditions[TrackKind.VIDEO], renditions[TrackKind.AUDIO]
        # A film without its picture would be something else than what was published.
        main = TrackKind.VIDEO if TrackKind.VIDEO in damage or video else TrackKind.AUDIO
        if main in damage and not renditions[main]:
            raise damage[main]
        whole = Presentation(
            title.playback_id,
            tuple(video),
            tuple(audio),
            title.duration_ms,
            text=tuple(renditions[TrackKind.TEXT]),
            storyboard=title.storyboard,
        )
        return whole, not damage


def _lost(track: PublishedTrack) -> InternalFault:
    fault = DamagedTrack(f"the text {track.store_prefix} is not in the store")
    log.warning("media.damaged", track=track.store_prefix, reason=fault.message)
    return fault


def _offer(title: Title, kind: str, name: str, build_hash: str) -> Offer:
    offer = find_offer(title, kind, name, build_hash)
    if offer is None:
        raise NoSuchMedia(f"{title.playback_id!r} has no build {kind}/{name}/{build_hash}")
    return offer


def _keys(title: Title) -> tuple[str, ...]:
    return (f"video:{title.video_id}", playback_key(title.playback_id))


def _generated(name: str, data: bytes, cache: CachePolicy, keys: tuple[str, ...]) -> Representation:
    etag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    return Representation(media_type(name), etag, cache, keys, data)


def _whole(title: Title, build: Build, offer: Offer) -> Representation:
    track = build.published
    if offer.use is not None:
        raise NoSuchMedia("an encrypted track is not to be had as one file")
    if build.file is None:
        raise NoSuchMedia(f"{track.kind}/{track.name} does not fit into one indexed file")
    return Representation(
        content_type=media_type(f"{track.kind}/{TRACK_FILE}"),
        etag=f'"{track.build_hash}-track"',
        cache=CachePolicy.IMMUTABLE,
        surrogate_keys=_keys(title),
        head=b"",
        body=WholeTrack(build.stored, build.file),
    )


def _number(file: str) -> int:
    return int(file.removesuffix(".m4s"))


def _segment(build: Build, number: int) -> Plain:
    table, index, track = build.table, build.stored.index, build.published
    if number >= len(table):
        raise NoSuchMedia(f"{track.kind}/{track.name} has segments 0 to {len(table) - 1}")
    first, count = table.first[number], table.count[number]
    offset, length, _, _ = index.segment(first, count)
    header = index.fragment_header(first, count, number + 1)
    build.stored.unload()
    return Plain(media_segment(number), header, first, offset, length)


def _iframe(build: Build, number: int) -> Plain:
    index, track, shown = build.stored.index, build.published, build.iframes
    if shown is None or number >= len(shown):
        raise NoSuchMedia(f"{track.kind}/{track.name} has no I-frame {number}")
    alone = shown.segment(number)
    offset, size, *_ = index.sample(alone.sample)
    header = index.picture_header(alone.sample, alone.duration, alone.sequence)
    build.stored.unload()
    return Plain(iframe_segment(number), header, alone.sample, offset, size)


def _rendition(build: Build, offer: Offer) -> Rendition:
    """Give what manifests say. Raises `UnprotectableTrack`."""
    track, table = build.published, build.table
    clear = Rendition(
        kind=track.kind,
        name=track.name,
        build_hash=offer.build_hash,
        codec=track.codec,
        timescale=track.timescale,
        spans=table.spans,
        bandwidth=table.peak_bandwidth,
        average_bandwidth=table.average_bandwidth,
        traits=_traits(build),
        independent=table.independent,
        layout=build.file.layout if build.file is not None else None,
        iframes=build.iframes,
    )
    if offer.use is None:
        return clear
    by_units = offer.use.scheme.is_common and divisions(build.stored.description) is not None
    peak, mean = protected_bandwidth(table, track.timescale, offer.use, by_units=by_units)
    return replace(
        clear,
        bandwidth=peak,
        average_bandwidth=mean,
        layout=None,
        protection=offer.use,
        iframes=clear.iframes and protected_iframes(clear.iframes, track.timescale),
    )


def _traits(build: Build) -> VideoTraits | AudioTraits:
    track, description = build.published, build.stored.description
    if track.kind is TrackKind.VIDEO:
        rate = Fraction(*track.frame_rate) if track.frame_rate else None
        return VideoTraits(
            track.width or 0,
            track.height or 0,
            rate,
            video_range=description.video_range,
            supplemental_codec=description.supplemental_codec,
            colour=description.colour,
            closed_captions=track.closed_captions,
        )
    return AudioTraits(
        channels=track.channels or 0,
        sample_rate=track.sample_rate or 0,
        language=track.language or "und",
        label=track.label or "",
        default=track.is_default,
        roles=frozenset(track.roles),
        objects=description.objects,
    )
