"""From published builds to what a player asks for: manifests, init and media segments, posters."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Final

from core.errors import InputFault, InternalFault
from core.http.media_types import media_type
from core.manifest.dash import mpd, on_demand_mpd
from core.manifest.hls import media_playlist, multivariant_playlist
from core.manifest.hls_iframes import iframe_playlist
from core.manifest.joined import alike, joined, lines
from core.manifest.joined_hls import joined_iframe_playlist, joined_playlist
from core.manifest.joined_images import JOINED_BOARDS
from core.manifest.storyboard import (
    STORYBOARD_FOLDER,
    STORYBOARD_JSON,
    STORYBOARD_VTT,
    storyboard_json,
    storyboard_vtt,
)
from core.manifest.urls import (
    IFRAME_FILE,
    IFRAME_PLAYLIST,
    INIT_SEGMENT,
    MASTER,
    MEDIA_PLAYLIST,
    MPD,
    NO_TEXT,
    TRACK_FILE,
    WHOLE_TEXT,
    iframe_segment,
    media_segment,
)
from core.media.iframe_file import IFrameFile, iframe_file_head
from core.media.presentation import Presentation, Rendition, TrackKind
from core.media.storyboard import Storyboard
from core.media.storyboard_excerpt import cut_storyboard
from core.media.thumbnail import UnknownThumbnail, choose_track, read_thumbnail_name
from core.protection.scheme import Protection, Scheme
from native import SEGMENT_TYPE_BYTES
from origin.delivery.builds import Build, OpenBuilds
from origin.delivery.lru import LruCache
from origin.delivery.narrowing import moment_of, programme_of
from origin.delivery.offers import Offer, find_offer, offers
from origin.delivery.protected import Plain, ProtectedSegments
from origin.delivery.renditions import has_iframe, rendition_of, segments_of
from origin.delivery.representation import (
    CachePolicy,
    EncryptedTrack,
    FilePart,
    MadeBody,
    Representation,
    TrackSegments,
    WholeTrack,
    segment_etag,
)
from origin.delivery.surrogates import manifest_keys, title_keys
from origin.delivery.text import TextPresenter, text_rendition
from origin.delivery.thumbnails import Moment, Thumbnails
from origin.delivery.titles import Titles
from origin.repository import PublishedTrack, Title
from origin.stored_track import DamagedTrack
from origin.storyboard_files import storyboard_file
from runtime.logs import get_logger
from runtime.storage import LocalStore

ON_DEMAND: Final = "ondemand.mpd"
MANIFESTS: Final = frozenset({MASTER, MPD, ON_DEMAND})
BOARDS: Final = {STORYBOARD_VTT: storyboard_vtt, STORYBOARD_JSON: storyboard_json}
FILES: Final = frozenset({TRACK_FILE, IFRAME_FILE})
PLAYLISTS: Final = {MEDIA_PLAYLIST: media_playlist, IFRAME_PLAYLIST: iframe_playlist}
LINES: Final = {MEDIA_PLAYLIST: joined_playlist, IFRAME_PLAYLIST: joined_iframe_playlist}
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
        thumbnails: Thumbnails,
    ) -> None:
        self._titles = titles
        self._builds = builds
        self._store = store
        self._executor = executor
        self._text = TextPresenter(store, executor)
        self._protected = protected
        self._thumbnails = thumbnails
        self._texts: LruCache[tuple[Hashable, ...], Representation] = LruCache(text_limit_bytes)

    async def close(self) -> None:
        """Wait for what is being made, and forget it."""
        await self._protected.close()
        await self._thumbnails.close()

    async def manifest(self, playback_id: str, name: str) -> Representation:
        """Give one of `MANIFESTS`."""
        title = await self._titles.get(playback_id)
        protection = title.protection
        if name != MASTER and not protection.has_dash:
            raise NoSuchMedia(f"{playback_id!r} is under {protection}, which DASH does not have")
        scheme_of = _hls_scheme if name == MASTER else _dash_scheme
        return await self._made_text(
            title, name, scheme_of, lambda parts: _manifest(title, name, parts)
        )

    async def line(self, playback_id: str, kind: str, name: str, file: str) -> Representation:
        """Give one of `LINES`, the playlists of one line through a title of several parts."""
        title = await self._titles.get(playback_id)

        def write(parts: Sequence[Presentation]) -> str:
            for line in lines(parts) if title.parts else ():
                if (line.kind, line.name) == (kind, name):
                    return LINES[file](line, parts)
            raise NoSuchMedia(f"{playback_id!r} has no line {kind}/{name}")

        return await self._made_text(title, f"{kind}/{name}/{file}", _hls_scheme, write)

    async def joined_boards(self, playback_id: str, file: str) -> Representation:
        """Give one of `JOINED_BOARDS`, the small pictures of a title of several parts in HLS."""
        title = await self._titles.get(playback_id)

        def write(parts: Sequence[Presentation]) -> str:
            if not title.parts or not any(part.storyboard for part in parts):
                raise NoSuchMedia(f"{playback_id!r} has no storyboards in a row")
            return JOINED_BOARDS[file](parts)

        return await self._made_text(title, f"{STORYBOARD_FOLDER}/{file}", _hls_scheme, write)

    async def _made_text(
        self,
        title: Title,
        name: str,
        scheme_of: Callable[[Title], Scheme | None],
        write: Callable[[Sequence[Presentation]], str],
    ) -> Representation:
        """Give a text about all of a title as it is at this moment."""
        if not any(part.tracks for part in title.all_parts):
            raise NoSuchMedia(f"nothing of {title.playback_id!r} is played")
        boards = (part.storyboard.name for part in title.all_parts if part.storyboard is not None)
        # Whole rows: texts of the same bytes may differ in all that is told of them.
        tracks = (track for part in title.all_parts for track in part.tracks)
        key = (name, title.playback_id, title.status, *boards, *tracks)
        known = self._texts.get(key)
        if known is not None:
            return known
        made_of = [await self._presentation(part, scheme_of(part)) for part in title.all_parts]
        whole = all(is_whole for _, is_whole in made_of)
        settled = whole and title.status == "ready"
        made = _generated(
            name,
            write([presentation for presentation, _ in made_of]).encode(),
            CachePolicy.MANIFEST if settled else CachePolicy.UNSETTLED,
            (*title_keys(title), *manifest_keys(title)),
        )
        if whole:
            self._texts.put(key, made, made.length)
        return made

    async def track_file(
        self, playback_id: str, kind: str, name: str, build_hash: str, file: str
    ) -> Representation:
        """Give a media playlist, an init segment, a media segment or all of one build."""
        title = await self._titles.get(playback_id)
        found = _find(title, kind, name, build_hash)
        part, offer = found[0]
        if file in PLAYLISTS and not title.parts:
            return await self._playlist(title, offer, file)
        if file not in {INIT_SEGMENT, *FILES} and not SEGMENT_NAME.fullmatch(file):
            raise NoSuchMedia(f"a track has no file {file!r}")
        build = await self._builds.get(offer.track, part.plan)
        if file == INIT_SEGMENT:
            return self._init(title, build, offer)
        if file in FILES:
            return self._whole(title, build, offer, file)
        numbers = [segments_of(each, build) for each, _ in found]
        if not any(_number(file) in each for each in numbers):
            raise NoSuchMedia(f"{kind}/{name} of {playback_id!r} has no segment {file}")
        made = self._media(title, build, offer, _segment(build, _number(file)))
        if offer.use is not None and not offer.use.scheme.is_common:
            return made
        return replace(made, segments=partial(self._segments, title, build, offer, numbers))

    async def text_file(
        self, playback_id: str, name: str, build_hash: str, file: str
    ) -> Representation:
        """Give a playlist, a segment or the whole of a text track."""
        title = await self._titles.get(playback_id)
        found = _find(title, TrackKind.TEXT, name, build_hash)
        parts = [part for part, _ in found]
        return await self._text.file(title, parts, found[0][1].track, file)

    async def text_line(self, playback_id: str, name: str, file: str) -> Representation:
        """Give a playlist, the whole, or a silent segment of a text through a title."""
        if file == MEDIA_PLAYLIST:
            return await self.line(playback_id, TrackKind.TEXT, name, file)
        title = await self._titles.get(playback_id)
        if file == WHOLE_TEXT:
            return await self._text.line(title, name)
        if file == NO_TEXT:
            return await self._text.silence(title, name)
        raise NoSuchMedia(f"t/{name} of {playback_id!r} has no {file!r}")

    async def chapters(self, playback_id: str, name: str) -> Representation:
        """Give the title's chapters, as JSON or as WebVTT."""
        return self._text.chapters(await self._titles.get(playback_id), name)

    async def iframe(
        self, playback_id: str, kind: str, name: str, build_hash: str, file: str
    ) -> Representation:
        """Give one I-frame of a build."""
        title = await self._titles.get(playback_id)
        found = _find(title, kind, name, build_hash)
        part, offer = found[0]
        if not SEGMENT_NAME.fullmatch(file):
            raise NoSuchMedia(f"a track has no I-frame {file!r}")
        build = await self._builds.get(offer.track, part.plan)
        if not any(has_iframe(each, build, _number(file)) for each, _ in found):
            raise NoSuchMedia(f"{kind}/{name} of {playback_id!r} has no I-frame {file}")
        return self._media(title, build, offer, _iframe(build, _number(file)))

    def _media(self, title: Title, build: Build, offer: Offer, plain: Plain) -> Representation:
        """Give a media segment or an I-frame, encrypted where its title is."""
        clear = Representation(
            content_type=media_type(f"{offer.track.kind}/{plain.name}"),
            etag=segment_etag(offer.build_hash, plain.name.removesuffix(".m4s").replace("/", "-")),
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=title_keys(title),
            head=plain.header,
            body=FilePart(build.stored, plain.offset, plain.length),
        )
        if offer.use is None:
            return clear
        make = partial(self._protected.segment, title, build, offer, plain)
        return replace(clear, head=b"", body=None, make=make)

    def _segments(
        self, title: Title, build: Build, offer: Offer, numbers: Sequence[range]
    ) -> TrackSegments:
        """All segments of a build that have one of these numbers."""
        table = build.table
        shown = [False] * len(table)
        for each in numbers:
            shown[each.start : each.stop] = [True] * len(each)
        count = [count if there else 0 for count, there in zip(table.count, shown, strict=True)]
        use = offer.use
        cipher = None if use is None else self._protected.cipher(title, build, use)
        return TrackSegments(build.stored, offer.build_hash, table.first, count, cipher)

    def _whole(self, title: Title, build: Build, offer: Offer, name: str) -> Representation:
        """Give one of `FILES`, encrypted where its title is."""
        track, body = build.published, self._file(title, build, offer, name)
        if body is None or title.excerpt is not None or title.parts:
            raise NoSuchMedia(f"{track.kind}/{track.name} has no indexed file {name}")
        return Representation(
            content_type=media_type(f"{track.kind}/{name}"),
            etag=f'"{offer.build_hash}-{name.removesuffix(".mp4")}"',
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=title_keys(title),
            head=b"",
            body=body,
        )

    def _file(
        self, title: Title, build: Build, offer: Offer, name: str
    ) -> WholeTrack | EncryptedTrack | None:
        if offer.use is None:
            whole = build.file if name == TRACK_FILE else _iframe_file(build)
            return None if whole is None else WholeTrack(build.stored, whole)
        file = self._protected.file(build, offer.use) if name == TRACK_FILE else None
        if file is None:
            return None

        async def make(number: int) -> MadeBody:
            return await self._protected.segment(title, build, offer, _fragment(build, number))

        return EncryptedTrack(file, make)

    def _init(self, title: Title, build: Build, offer: Offer) -> Representation:
        return Representation(
            content_type=media_type(f"{offer.track.kind}/{INIT_SEGMENT}"),
            etag=f'"{offer.build_hash}-init"',
            cache=CachePolicy.IMMUTABLE,
            surrogate_keys=title_keys(title),
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
            known = _generated("poster.jpg", data, CachePolicy.IMMUTABLE, title_keys(title))
            self._texts.put(("poster", key), known, known.length)
        return known if name else known.under(CachePolicy.POSTER)

    async def storyboard(self, playback_id: str, name: str) -> Representation:
        """Give the small pictures of a title as one of `BOARDS` shows them."""
        title = await self._titles.get(playback_id)
        boards = _boards(title)
        if not boards:
            raise NoSuchMedia(f"{playback_id!r} has no storyboard")
        settled = title.status == "ready"
        return _generated(
            name,
            BOARDS[name](*boards),
            CachePolicy.MANIFEST if settled else CachePolicy.UNSETTLED,
            (*title_keys(title), *manifest_keys(title)),
        )

    async def storyboard_file(self, playback_id: str, name: str, file: str) -> Representation:
        """Give a file of the storyboard that is called `name`."""
        title = await self._titles.get(playback_id)
        loop = asyncio.get_running_loop()
        for board in _boards(title):
            if board.name != name or (title.parts and file.endswith(".m3u8")):
                continue
            folder = self._store.path(board.prefix)
            data = await loop.run_in_executor(self._executor, storyboard_file, board, folder, file)
            if data is not None:
                return _generated(file, data, CachePolicy.IMMUTABLE, title_keys(title))
        raise NoSuchMedia(f"{playback_id!r} has no {file!r} of a storyboard {name!r}")

    async def thumbnail(self, playback_id: str, name: str) -> Representation:
        """Give the picture of a moment of the title, as its name says it is wanted."""
        title = await self._titles.get(playback_id)
        try:
            wanted = read_thumbnail_name(name)
        except UnknownThumbnail as error:
            raise NoSuchMedia(str(error)) from error
        part, at_ms = moment_of(title, wanted.at_ms)
        if part.protection is not Protection.NONE:
            raise NoSuchMedia(f"{playback_id!r} is encrypted there, and its pictures are, too")
        pictures = [track for track in part.tracks if track.kind is TrackKind.VIDEO]
        if not pictures:
            raise NoSuchMedia(f"{playback_id!r} has no picture")
        track = choose_track(pictures, wanted.width)
        moment = Moment(track.build_hash, at_ms, wanted.width, wanted.format)
        data = await self._thumbnails.get(moment, self._store.path(track.store_prefix))
        keys = (*title_keys(title), *manifest_keys(title))
        return Representation(media_type(name), moment.etag, CachePolicy.POSTER, keys, data)

    def _rendition(self, title: Title, build: Build, offer: Offer) -> Rendition | None:
        file = None if offer.use is None else self._protected.file(build, offer.use)
        return rendition_of(title, build, offer, None if file is None else file.layout)

    async def _playlist(self, title: Title, offer: Offer, file: str) -> Representation:
        track = offer.track
        key = (file, title.playback_id, track.kind, track.name, offer.build_hash)
        known = self._texts.get(key)
        if known is None:
            build = await self._builds.get(track, title.plan)
            rendition = self._rendition(title, build, offer)
            if rendition is None or (file == IFRAME_PLAYLIST and rendition.iframes is None):
                raise NoSuchMedia(f"{title.playback_id!r} has no {file} of {track.name}")
            text = PLAYLISTS[file](rendition).encode()
            known = _generated(file, text, CachePolicy.IMMUTABLE, title_keys(title))
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
                    renditions[track.kind].append(text_rendition(title, track))
                else:
                    damage[track.kind] = _lost(track)
                continue
            try:
                build = await self._builds.get(track, title.plan)
                rendition = self._rendition(title, build, offer)
            except InternalFault as fault:
                log.warning("media.damaged", track=track.store_prefix, reason=fault.message)
                damage[track.kind] = fault
            else:
                if rendition is not None:
                    renditions[track.kind].append(rendition)
        video, audio = renditions[TrackKind.VIDEO], renditions[TrackKind.AUDIO]
        # A film without its picture would be something else than what was published.
        main = TrackKind.VIDEO if TrackKind.VIDEO in damage or video else TrackKind.AUDIO
        if main in damage and not renditions[main]:
            raise damage[main]
        made = _presentation(title, tuple(video), tuple(audio))
        return replace(made, text=tuple(renditions[TrackKind.TEXT])), not damage


def _hls_scheme(title: Title) -> Scheme | None:
    return title.protection.hls


def _dash_scheme(title: Title) -> Scheme | None:
    return title.protection.dash


def _lost(track: PublishedTrack) -> InternalFault:
    fault = DamagedTrack(f"the text {track.store_prefix} is not in the store")
    log.warning("media.damaged", track=track.store_prefix, reason=fault.message)
    return fault


def _presentation(
    title: Title, video: tuple[Rendition, ...], audio: tuple[Rendition, ...]
) -> Presentation:
    whole = Presentation(
        title.playback_id, video, audio, title.duration_ms, storyboard=title.storyboard
    )
    part = title.excerpt
    if part is None:
        return whole
    board = title.storyboard
    return replace(
        whole,
        storyboard=None if board is None else cut_storyboard(board, part),
        duration_ms=-(-part.exact_us // 1000),
        start_us=part.lead_us,
        length_us=part.length_us,
        exact_us=part.exact_us,
        asset=hashlib.sha256(title.tracks[0].store_prefix.encode()).hexdigest()[:16],
    )


def _boards(title: Title) -> Sequence[Storyboard]:
    """Give the small pictures of a title's parts, as far as its parts show them, in order."""
    if not title.parts and title.excerpt is None:
        return [] if title.storyboard is None else [title.storyboard]
    return [
        cut_storyboard(part.storyboard, part.excerpt, at_us)
        for part, at_us in zip(title.all_parts, programme_of(title).starts_us, strict=True)
        if part.storyboard is not None and part.excerpt is not None
    ]


def _manifest(title: Title, name: str, parts: Sequence[Presentation]) -> str:
    """Write one of `MANIFESTS`; an excerpt has no files, which would show more."""
    if name == ON_DEMAND:
        if title.parts or not parts[0].has_files:
            raise NoSuchMedia(f"no track of {title.playback_id!r} fits into one indexed file")
        return on_demand_mpd(parts[0])
    if name == MASTER:
        if not title.parts:
            return multivariant_playlist(parts[0])
        boards = [part.storyboard for part in parts if part.storyboard is not None]
        return multivariant_playlist(joined(title.playback_id, parts), boards)
    return mpd(*alike(parts))


def _find(title: Title, kind: str, name: str, build_hash: str) -> Sequence[tuple[Title, Offer]]:
    """Find a build in those parts of a title that have it; there is one at least."""
    offered = ((part, find_offer(part, kind, name, build_hash)) for part in title.all_parts)
    found = [(part, offer) for part, offer in offered if offer is not None]
    if not found:
        raise NoSuchMedia(f"{title.playback_id!r} has no build {kind}/{name}/{build_hash}")
    return found


def _generated(name: str, data: bytes, cache: CachePolicy, keys: tuple[str, ...]) -> Representation:
    etag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    return Representation(media_type(name), etag, cache, keys, data)


def _iframe_file(build: Build) -> IFrameFile | None:
    """Give the file of a build's I-frames: made for each request, for its edge has it after."""
    shown = build.iframes
    if shown is None or iframe_file_head(shown, len(build.init)) is None:
        return None
    return IFrameFile(build.stored.index, shown, build.init)


def _number(file: str) -> int:
    return int(file.removesuffix(".m4s"))


def _segment(build: Build, number: int) -> Plain:
    table, index = build.table, build.stored.index
    first, count = table.first[number], table.count[number]
    offset, length, _, _ = index.segment(first, count)
    header = index.fragment_header(first, count, number + 1)
    build.stored.unload()
    return Plain(media_segment(number), header, first, offset, length)


def _fragment(build: Build, number: int) -> Plain:
    """A segment as `track.mp4` has it."""
    plain = _segment(build, number)
    header = plain.header[SEGMENT_TYPE_BYTES:]
    return replace(plain, name=f"{TRACK_FILE}/{number}", header=header, padded=True)


def _iframe(build: Build, number: int) -> Plain:
    index, track, shown = build.stored.index, build.published, build.iframes
    if shown is None or number >= len(shown):
        raise NoSuchMedia(f"{track.kind}/{track.name} has no I-frame {number}")
    alone = shown.segment(number)
    offset, size, *_ = index.sample(alone.sample)
    header = index.picture_header(alone.sample, alone.duration, alone.sequence)
    build.stored.unload()
    return Plain(iframe_segment(number), header, alone.sample, offset, size)
