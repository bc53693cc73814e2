import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from cli.ingest.ingest import Target, UnreadableFile, Until, check_files, ingest_files
from cli.ingest.ledger import Ledger
from cli.ingest.library import header_safe
from cli.report.events import (
    AlreadyThere,
    AnyEvent,
    IngestFailed,
    Playable,
    Preparing,
    Uploaded,
    Uploading,
    VideoReady,
)

PREPARING = {"status": "preparing", "progress": 0.5, "stage": "copy"}
PLAYABLE = {"status": "playable", "progress": 0.7, "stage": "720p"}
READY = {"status": "ready", "progress": 1.0, "stage": None}
ERRORED = {
    "status": "errored",
    "progress": 0.0,
    "stage": None,
    "errors": [{"code": "source.empty", "message": "the file is empty"}],
}


class Server:
    """An API that plays a script: each look at a video shows its next state, the last one stays."""

    def __init__(self, script: list[dict[str, object]]) -> None:
        self.script = script
        self.bodies: list[bytes] = []
        self.names: list[str | None] = []
        self.looks = 0
        self.refusal: tuple[int, str] | None = None
        self.app = web.Application(client_max_size=2**30)
        self.app.router.add_post("/videos", self.create)
        self.app.router.add_get("/videos/{id}", self.look)

    async def create(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            status, body = self.refusal
            await request.read()
            return web.Response(status=status, text=body)
        part = await (await request.multipart()).next()
        assert isinstance(part, BodyPartReader)
        self.names.append(part.filename)
        self.bodies.append(bytes(await part.read()))
        return web.json_response(self.video(f"v{len(self.bodies)}", PREPARING), status=201)

    async def look(self, request: web.Request) -> web.Response:
        if request.match_info["id"] == "gone":
            return web.json_response(
                {"detail": "no such video", "code": "video.unknown"}, status=404
            )
        state = self.script[min(self.looks, len(self.script) - 1)]
        self.looks += 1
        return web.json_response(self.video(request.match_info["id"], state))

    def video(self, video_id: str, state: dict[str, object]) -> dict[str, object]:
        links = {"watch": f"http://elsewhere:1/watch/{video_id}", "play": "x"}
        return {"id": video_id, "errors": [], "links": links} | state


@pytest.fixture
def server() -> Server:
    return Server([PREPARING, PLAYABLE, READY])


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    async with TestServer(server.app) as running:
        yield str(running.make_url("")).rstrip("/")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / 'Füm "1" 100%.mp4'
    path.write_bytes(bytes(range(256)) * 20_000)
    return path


async def ingest(
    url: str, *films: Path, until: Until = Until.READY, ledger: Ledger | None = None
) -> tuple[bool, list[AnyEvent]]:
    events: list[AnyEvent] = []
    target = Target(url, "http://films.example", ledger)
    return await ingest_files(target, films, events.append, until=until), events


async def test_a_film_arrives_byte_for_byte_under_its_name(
    server: Server, url: str, film: Path
) -> None:
    went_well, _ = await ingest(url, film)
    assert went_well
    assert server.bodies == [film.read_bytes()]
    assert server.names == [film.name]


async def test_the_events_tell_the_story_in_order(url: str, film: Path) -> None:
    _, events = await ingest(url, film)
    kinds = [type(event) for event in events if not isinstance(event, Uploading)]
    assert kinds == [Uploaded, Preparing, Preparing, Playable, Preparing, VideoReady]
    sent = [event.sent_bytes for event in events if isinstance(event, Uploading)]
    assert sent == sorted(sent)
    assert sent[-1] == film.stat().st_size


async def test_the_watch_url_is_the_one_viewers_use(url: str, film: Path) -> None:
    _, events = await ingest(url, film)
    (playable,) = (event for event in events if isinstance(event, Playable))
    assert playable.watch == "http://films.example/watch/v1"


@pytest.mark.parametrize(("until", "looks"), [(Until.UPLOADED, 0), (Until.PLAYABLE, 2)])
async def test_a_film_is_followed_no_further_than_asked(
    server: Server, url: str, film: Path, until: Until, looks: int
) -> None:
    went_well, _ = await ingest(url, film, until=until)
    assert went_well
    assert server.looks == looks


async def test_a_film_that_errors_is_a_failure_with_the_servers_reason(
    server: Server, url: str, film: Path
) -> None:
    server.script = [ERRORED]
    went_well, events = await ingest(url, film)
    assert not went_well
    assert events[-1] == IngestFailed(
        file=film.name, code="source.empty", reason="the file is empty"
    )


async def test_a_refused_upload_carries_the_problem(server: Server, url: str, film: Path) -> None:
    server.refusal = (413, '{"code": "upload.too_large", "detail": "at most 1 MiB"}')
    went_well, events = await ingest(url, film)
    assert not went_well
    assert events[-1] == IngestFailed(
        file=film.name, code="upload.too_large", reason="at most 1 MiB"
    )


async def test_something_that_is_no_sluice_is_said_so(server: Server, url: str, film: Path) -> None:
    server.refusal = (200, "<html>hello</html>")
    _, events = await ingest(url, film)
    assert isinstance(events[-1], IngestFailed)
    assert events[-1].reason == f"{url}/videos is no Sluice API"


async def test_a_server_that_is_not_there_is_named(film: Path) -> None:
    went_well, events = await ingest("http://127.0.0.1:1", film)
    assert not went_well
    assert isinstance(events[-1], IngestFailed)
    assert events[-1].reason.startswith("no Sluice answers at http://127.0.0.1:1")


async def test_one_film_that_fails_does_not_keep_the_others(
    server: Server, url: str, film: Path, tmp_path: Path
) -> None:
    went_well, events = await ingest(url, tmp_path / "missing.mp4", film)
    assert not went_well
    assert len(server.bodies) == 1
    assert any(isinstance(event, VideoReady) for event in events)


async def test_the_same_film_is_not_sent_twice(
    server: Server, url: str, film: Path, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    await ingest(url, film, ledger=ledger)
    went_well, events = await ingest(url, film, ledger=ledger)
    assert went_well
    assert events == [
        AlreadyThere(file=film.name, video_id="v1", watch="http://films.example/watch/v1")
    ]
    assert len(server.bodies) == 1


async def test_another_film_of_the_same_name_and_size_is_sent(
    server: Server, url: str, film: Path, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    await ingest(url, film, ledger=ledger)
    film.write_bytes(film.read_bytes()[::-1])
    await ingest(url, film, ledger=ledger)
    assert len(server.bodies) == 2


async def test_a_film_whose_video_was_deleted_or_errored_is_sent_again(
    server: Server, url: str, film: Path, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    await ingest(url, film, ledger=ledger)
    (entry,) = ledger.candidates(film.name, film.stat().st_size)
    assert entry.sha256 == hashlib.sha256(film.read_bytes()).hexdigest()
    server.script = [ERRORED]
    await ingest(url, film, ledger=ledger)
    assert len(server.bodies) == 2


def test_a_broken_ledger_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "ingested.json").write_text('[{"name": 3}]')
    assert Ledger(tmp_path).candidates("film.mp4", 1) == []


@pytest.mark.parametrize(
    ("name", "sent"),
    [("a\nb\x7f.mp4", "a_b_.mp4"), ("\udcff.mp4", "?.mp4"), ("映画.mp4", "映画.mp4")],
)
def test_a_name_that_would_break_a_header_is_mended(name: str, sent: str) -> None:
    assert header_safe(name) == sent


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing.mp4", "No such file or directory"), (".", "is a folder; name the files in it")],
)
def test_what_cannot_be_uploaded_is_refused_beforehand(
    tmp_path: Path, name: str, sentence: str
) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        check_files([tmp_path / name])
