"""A stand-in for server and edge: the pages meet trouble that the real ones make only by chance.

It reads and writes the real API's own types and sends the real pages' own headers, so that it
cannot drift from them unseen. It prepares nothing: a test says how a video fares.
"""

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec
from aiohttp import BodyPartReader, web

from core.errors import Fault, UpstreamFault
from core.http.conditional import FailedPrecondition
from core.media.chapters import TimedChapter
from core.media.playback_id import PlaybackPolicy
from core.text.chapters import chapters_json
from runtime.problems import install_problems
from server.documents import (
    ChapterLinks,
    ClipRequest,
    EditPart,
    HistoryEntry,
    HistoryPage,
    HistoryReport,
    ImportRequest,
    ListVideos,
    Playback,
    PlaybackId,
    Rendition,
    Source,
    StoryboardLinks,
    Video,
    VideoChange,
    VideoError,
    VideoLinks,
    VideoPage,
    VideoStatus,
)
from server.faults import VideoUnknown
from server.web_routes import security_headers
from server.web_site import Asset, WebSite, built_folder

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".vtt": "text/vtt",
}


class ServerAway(UpstreamFault):
    """Raised after hanging up; nobody hears it."""


def picture(height: int, bandwidth: int) -> Rendition:
    """A published picture size."""
    return Rendition(
        kind="v",
        name=f"{height}p",
        codec="avc1.42c01e",
        width=height * 16 // 9,
        height=height,
        frame_rate=25.0,
        channels=None,
        sample_rate=None,
        language=None,
        bandwidth=bandwidth,
        average_bandwidth=bandwidth,
    )


RENDITIONS = [picture(180, 400_000), picture(360, 1_400_000)]


@dataclass(eq=False)
class StandIn:
    """The catalogue and its temper. Tests change the fields while the pages are open."""

    media: Path
    duration_ms: int
    url: str = ""
    edge: str = ""
    videos: dict[str, Video] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    # Who reported what.
    reports: list[tuple[str, HistoryReport]] = field(default_factory=list)
    listings: list[ListVideos] = field(default_factory=list)
    looks: int = 0
    resume_ms: int = 0
    # Where in the media the video begins and ends; None: where they do.
    start_ms: int = 0
    end_ms: int | None = None
    # Chapters of the playback, by the time of the media: beginning, end and title.
    chapters: list[TimedChapter] = field(default_factory=list)
    # The queries of all playbacks.
    plays: list[dict[str, str]] = field(default_factory=list)
    # What the storyboard is called; nothing where there is none.
    storyboard_name: str = "storyboard.json"
    # Hang up on whoever asks; a fault for uploads; a status for media.
    down: bool = False
    refusal: Fault | None = None
    edge_status: int | None = None
    # What somebody else does to a video just before the next rename.
    meanwhile: dict[str, object] | None = None
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(
        self,
        title: str,
        status: VideoStatus = VideoStatus.READY,
        *,
        progress: float = 1.0,
        stage: str | None = None,
        error: tuple[str, ...] | None = None,
        poster: bool = True,
        size_bytes: int = 48_300_000,
    ) -> str:
        """Put a video into the library and return its id."""
        number = next(self._ids)
        playable = status in (VideoStatus.PLAYABLE, VideoStatus.READY)
        created_at = datetime.now(UTC) - timedelta(hours=2) + timedelta(seconds=number)
        video_id = f"v{number:06d}"
        self.put(
            Video(
                id=video_id,
                title=title,
                status=status,
                progress=progress,
                stage=stage,
                created_at=created_at,
                updated_at=created_at,
                duration_ms=self.duration_ms if playable else None,
                source=Source(f"{title}.mp4", size_bytes),
                parts=[],
                errors=[VideoError(*error)] if error else [],
                tracks=[],
                renditions=list(RENDITIONS) if playable else [],
                playback_ids=[PlaybackId(f"p_{video_id}", PlaybackPolicy.PUBLIC)],
                poster=f"{self.edge}/media/poster.jpg" if playable and poster else None,
                links=VideoLinks(
                    f"{self.url}/watch/{video_id}", f"{self.url}/videos/{video_id}/play"
                ),
            )
        )
        return video_id

    def put(self, video: Video) -> None:
        """Store a new version of a video."""
        self.videos[video.id] = video
        self.versions[video.id] = self.versions.get(video.id, 0) + 1

    def change(self, video_id: str, **fields: object) -> None:
        """Let a video fare as a test says."""
        self.put(msgspec.structs.replace(self.videos[video_id], **fields))

    def finish(self, video_id: str) -> None:
        """Let a video's preparation end well."""
        self.change(
            video_id,
            status=VideoStatus.READY,
            progress=1.0,
            stage=None,
            duration_ms=self.duration_ms,
            renditions=list(RENDITIONS),
            poster=f"{self.edge}/media/poster.jpg",
        )

    def routes(self) -> list[web.RouteDef]:
        """The API and the pages."""
        return [
            web.get("/", self._page),
            web.get("/watch/{id}", self._page),
            web.get("/assets/{name}", self._asset),
            web.get("/videos", self._list),
            web.post("/videos", self._create),
            web.post("/videos/{id}/clips", self._clip),
            web.get("/videos/{id}", self._show),
            web.patch("/videos/{id}", self._rename),
            web.delete("/videos/{id}", self._delete),
            web.get("/videos/{id}/play", self._play),
            web.post("/users/{user}/history", self._report),
            web.get("/users/{user}/history", self._history),
        ]

    async def _page(self, request: web.Request) -> web.StreamResponse:
        name = "watch.html" if "id" in request.match_info else "index.html"
        asset = built_site()[name]
        headers = {**security_headers(self.edge), "Content-Type": asset.content_type}
        return web.Response(body=asset.body, headers=headers)

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = built_site()[f"assets/{request.match_info['name']}"]
        return web.Response(body=asset.body, headers={"Content-Type": asset.content_type})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self._answer_or_not(request)
        query = msgspec.convert(dict(request.query), ListVideos, strict=False)
        self.listings.append(query)
        found = sorted(self.videos.values(), key=lambda video: video.created_at, reverse=True)
        if query.sort == "title":
            found.sort(key=lambda video: video.title.lower())
        if query.q is not None:
            found = [video for video in found if query.q.lower() in video.title.lower()]
        start = int(query.cursor or 0)
        end = start + query.limit
        following = str(end) if end < len(found) else None
        return _json(VideoPage(found[start:end], following, following is not None))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if self.refusal is not None:
            # Like the real server, listen to the end: a browser that is cut short hears no answer.
            await request.read()
            raise self.refusal
        self._answer_or_not(request)
        if request.content_type == "application/json":
            return await self._join(request)
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            assert part.name == "file"
            size_bytes = 0
            while chunk := await part.read_chunk(1 << 18):
                size_bytes += len(chunk)
            title = Path(part.filename or "").stem
            video_id = self.add(
                title, VideoStatus.WAITING, progress=0.0, size_bytes=size_bytes, poster=False
            )
            return _json(self.videos[video_id], status=201)
        raise AssertionError("a form without a file")

    async def _join(self, request: web.Request) -> web.StreamResponse:
        wanted = msgspec.json.decode(await request.read(), type=ImportRequest)
        assert wanted.input.parts is not msgspec.UNSET
        ids = [part.video_id for part in wanted.input.parts]
        usual = " + ".join(self.videos[each].title for each in ids)
        return self._made(
            wanted.title or usual, [EditPart(each, 0, self.duration_ms) for each in ids]
        )

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        if self.refusal is not None:
            raise self.refusal
        self._answer_or_not(request)
        film = self._video(request)
        wanted = msgspec.json.decode(await request.read(), type=ClipRequest)
        assert wanted.end_ms is not None
        part = EditPart(film.id, wanted.start_ms, wanted.end_ms)
        return self._made(wanted.title or f"{film.title} (clip)", [part])

    def _made(self, title: str, parts: list[EditPart]) -> web.Response:
        video_id = self.add(title)
        duration_ms = sum(part.end_ms - part.start_ms for part in parts)
        self.change(video_id, source=None, parts=parts, duration_ms=duration_ms)
        return _json(self.videos[video_id], status=201)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        self.looks += 1
        self._answer_or_not(request)
        video = self._video(request)
        return _json(video, ETag=self._etag(video.id))

    async def _rename(self, request: web.Request) -> web.StreamResponse:
        video = self._video(request)
        change = msgspec.json.decode(await request.read(), type=VideoChange)
        if self.meanwhile is not None:
            self.change(video.id, **self.meanwhile)
            self.meanwhile = None
        if request.headers["If-Match"] != self._etag(video.id):
            raise FailedPrecondition("If-Match is not the present version")
        self.change(video.id, title=change.title)
        return _json(self.videos[video.id], ETag=self._etag(video.id))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        self._answer_or_not(request)
        del self.videos[self._video(request).id]
        return web.Response(status=204)

    async def _play(self, request: web.Request) -> web.StreamResponse:
        video = self._video(request)
        self.plays.append(dict(request.query))
        user = request.query["user"]
        end_ms = video.duration_ms if self.end_ms is None else self.end_ms
        own = [each for _, each in self.reports_of(user) if each.video_id == video.id]
        playback = Playback(
            playback_id=video.playback_ids[0].id,
            session_id="session",
            title=video.title,
            hls=f"{self.edge}/media/{video.id}/master.m3u8",
            dash=f"{self.edge}/media/{video.id}/manifest.mpd",
            poster=video.poster,
            duration_ms=None if end_ms is None else end_ms - self.start_ms,
            start_ms=self.start_ms,
            end_ms=end_ms,
            resume_ms=own[-1].position_ms if own else self.resume_ms,
            token=None,
            expires_at=None,
            storyboard=self._storyboard(video.id) if self.storyboard_name else None,
            chapters=self._chapters(video.id) if self.chapters else None,
        )
        return _json(playback)

    def _storyboard(self, video_id: str) -> StoryboardLinks:
        folder = f"{self.edge}/media/{video_id}"
        return StoryboardLinks(f"{folder}/storyboard.vtt", f"{folder}/{self.storyboard_name}")

    def _chapters(self, video_id: str) -> ChapterLinks:
        folder = f"{self.edge}/media/{video_id}"
        return ChapterLinks(f"{folder}/chapters.vtt", f"{folder}/chapters.json")

    async def _report(self, request: web.Request) -> web.StreamResponse:
        report = msgspec.json.decode(await request.read(), type=HistoryReport)
        self.reports.append((request.match_info["user"], report))
        return web.Response(status=204)

    async def _history(self, request: web.Request) -> web.StreamResponse:
        self._answer_or_not(request)
        entries = [
            HistoryEntry(
                video_id=each.video_id,
                title=self.videos[each.video_id].title,
                poster=None,
                position_ms=each.position_ms,
                duration_ms=each.duration_ms,
                resume_ms=each.position_ms,
                session_id=each.session_id,
                event=each.event,
                client_ts=each.client_ts,
                updated_at=each.client_ts,
            )
            for _, each in self.reports_of(request.match_info["user"])
        ]
        return _json(HistoryPage(entries, None, has_more=False))

    def reports_of(self, user: str) -> list[tuple[str, HistoryReport]]:
        """What one viewer has told about positions, oldest first."""
        return [each for each in self.reports if each[0] == user]

    async def send_media(self, request: web.Request) -> web.StreamResponse:
        """What an edge sends: the poster, and the one clip under every video's name."""
        headers = {"Access-Control-Allow-Origin": "*"}
        if self.edge_status is not None:
            return web.Response(status=self.edge_status, headers=headers)
        if request.match_info["path"] == "chapters.json":
            return web.Response(body=chapters_json(self.chapters), headers=headers)
        path = self.media / request.match_info["path"]
        if not path.is_file():
            return web.Response(status=404, headers=headers)
        return web.Response(
            body=path.read_bytes(), headers={**headers, "Content-Type": MEDIA_TYPES[path.suffix]}
        )

    def _answer_or_not(self, request: web.Request) -> None:
        """Hang up like a server that is not there, where the test wants it."""
        if self.down:
            assert request.transport is not None
            request.transport.close()
            raise ServerAway("the server is away")

    def _video(self, request: web.Request) -> Video:
        video = self.videos.get(request.match_info["id"])
        if video is None:
            raise VideoUnknown(request.match_info["id"])
        return video

    def _etag(self, video_id: str) -> str:
        return f'"{self.versions[video_id]}"'


@cache
def _site() -> WebSite:
    return WebSite(built_folder())


def built_site() -> Mapping[str, Asset]:
    """The built pages. A missing build fails the test; it does not skip it."""
    assets = _site().assets()
    assert assets, "the web pages are not built: run ./sluice build"
    return assets


def _json(document: msgspec.Struct, *, status: int = 200, **headers: str) -> web.Response:
    body = msgspec.json.encode(document)
    return web.Response(
        body=body, status=status, headers={"Content-Type": "application/json", **headers}
    )


@asynccontextmanager
async def stand_in(media: Path, duration_ms: int) -> AsyncIterator[StandIn]:
    """The stand-in on two ports of this machine: pages and API on one, media on the other."""
    library = StandIn(media, duration_ms)
    app = web.Application(client_max_size=1 << 30)
    install_problems(app)
    app.add_routes(library.routes())
    edge = web.Application()
    edge.add_routes([web.get("/media/{id:v[0-9]+}/{path:.+}", library.send_media)])
    edge.add_routes([web.get("/media/{path:poster.jpg}", library.send_media)])
    runners = [web.AppRunner(each, shutdown_timeout=1) for each in (app, edge)]
    try:
        library.url, library.edge = [await _serve(runner) for runner in runners]
        yield library
    finally:
        for runner in runners:
            await runner.cleanup()


async def _serve(runner: web.AppRunner) -> str:
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"
