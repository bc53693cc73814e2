"""Subtitles beside a film go with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from cli.ingest.ingest import Target, Until, ingest_files
from cli.report.events import AnyEvent, SubtitlesAdded, SubtitlesRefused, Uploaded
from cli.report.sentences import sentence
from tests.fixtures.text import SUBRIP


class Server:
    """An API that takes films and subtitles; text with the word `wrong` in it is refused."""

    def __init__(self) -> None:
        self.captions: list[dict[str, str]] = []
        self.app = web.Application()
        self.app.router.add_post("/videos", self.create)
        self.app.router.add_post("/videos/{id}/captions", self.caption)

    async def create(self, request: web.Request) -> web.Response:
        await request.read()
        links = {"watch": "http://elsewhere:1/watch/v1", "play": "x"}
        video = {"id": "v1", "status": "waiting", "progress": 0, "errors": [], "links": links}
        return web.json_response(video, status=201)

    async def caption(self, request: web.Request) -> web.Response:
        fields: dict[str, str] = {"video": request.match_info["id"]}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            fields[part.name or ""] = (await part.read()).decode()
        self.captions.append(fields)
        if "wrong" in fields["file"]:
            problem = {"code": "captions.malformed", "detail": "/file: line 2: no"}
            return web.json_response(problem, status=422)
        read = {"encoding": "windows-1252", "encoding_guessed": True, "cues": 3}
        caption = {"language": fields["language"], "kind": fields["kind"], "read": read}
        return web.json_response(caption, status=201)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    async with TestServer(server.app) as running:
        yield str(running.make_url("")).rstrip("/")


async def ingested(url: str, film: Path) -> tuple[bool, list[AnyEvent]]:
    events: list[AnyEvent] = []
    went_well = await ingest_files(Target(url, url), [film], events.append, until=Until.UPLOADED)
    return went_well, events


async def test_language_and_flags_are_those_of_the_name(
    server: Server, url: str, tmp_path: Path
) -> None:
    for name in ("film.mp4", "film.srt", "film.en.forced.srt", "film.de.sdh.default.vtt"):
        (tmp_path / name).write_text(SUBRIP)
    for name in ("film.nfo", "other.en.srt", "film.directors cut.srt"):
        (tmp_path / name).write_text("wrong")
    went_well, events = await ingested(url, tmp_path / "film.mp4")
    assert went_well
    assert server.captions == [
        {"video": "v1", "language": "de", "kind": "captions", "default": "true", "file": SUBRIP},
        {"video": "v1", "language": "en", "kind": "forced", "file": SUBRIP},
        {"video": "v1", "language": "und", "kind": "subtitles", "file": SUBRIP},
    ]
    added = [event for event in events if isinstance(event, SubtitlesAdded)]
    assert [event.subtitles for event in added] == [
        "film.de.sdh.default.vtt", "film.en.forced.srt", "film.srt",
    ]  # fmt: skip
    assert sentence(added[1]) == (
        "film.mp4: with film.en.forced.srt (forced, language en, 3 cues, read as windows-1252, "
        "a guess)"
    )


async def test_subtitles_that_are_refused_fail_the_command_and_keep_the_film(
    server: Server, url: str, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    (tmp_path / "film.en.srt").write_text("wrong")
    went_well, events = await ingested(url, tmp_path / "film.mp4")
    assert not went_well
    assert [type(event) for event in events][-2:] == [Uploaded, SubtitlesRefused]
    assert sentence(events[-1]) == "film.mp4: without film.en.srt: /file: line 2: no"
