import asyncio
import hashlib
import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from runtime.postgres import Pool, connection
from server.faults import StorageFull
from server.multipart import UploadLimits, default_title, file_name, write_part
from tests.fixtures.server import PATIENCE_S, Api, running_server, server_settings, until

pytestmark = pytest.mark.postgres


def form(*fields: tuple[str, bytes | str, str | None]) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    for name, value, filename in fields:
        made.add_field(name, value, filename=filename)
    return made


async def rows(pool: Pool) -> int:
    async with connection(pool) as session:
        count: int = await session.fetchval("SELECT count(*) FROM videos")
    return count


async def test_an_acknowledged_upload_is_in_the_store_with_its_row_and_its_job(
    api: Api, pool: Pool
) -> None:
    content = bytes(range(256)) * 5000
    video = await api.upload(content, filename="Big Buck Bunny.mp4")
    assert video["title"] == "Big Buck Bunny"
    assert video["status"] == "waiting"
    assert video["source"] == {
        "filename": "Big Buck Bunny.mp4",
        "size_bytes": len(content),
        "repaired": None,
    }
    (key,) = api.stored()
    kept = (api.data / "store" / key).read_bytes()
    assert hashlib.sha256(kept).digest() == hashlib.sha256(content).digest()
    assert api.received() == []
    async with connection(pool) as session:
        assert await session.fetchval("SELECT upload_key FROM videos") == key
        jobs = await session.fetch("SELECT entrypoint, dedupe_key FROM jobs.pgqueuer")
    assert [(job["entrypoint"], job["dedupe_key"]) for job in jobs] == [
        ("ingest", f"{video['id']}/ingest")
    ]


async def test_the_answer_says_where_the_video_is(api: Api) -> None:
    made = aiohttp.FormData()
    made.add_field("file", b"film", filename="film.mp4")
    answer = await api.ask("POST", "/videos", data=made)
    assert answer.status == 201
    assert answer.headers["Location"] == f"{api.url}/videos/{answer.json['id']}"
    again = await api.get(f"/videos/{answer.json['id']}")
    assert again.json == answer.json
    assert again.headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize("title_first", [True, False])
async def test_a_title_may_stand_before_or_after_the_file(api: Api, title_first: bool) -> None:
    fields = [("title", "  Der Mann mit der Kamera  ", None), ("file", b"film", "film.mp4")]
    data = form(*(fields if title_first else reversed(fields)))
    answer = await api.ask("POST", "/videos", data=data)
    assert answer.json["title"] == "Der Mann mit der Kamera"


@pytest.mark.parametrize(
    "filename", ["Big Buck Bunny.mp4", "Ünïcödé 映画.mp4", 'the "best" film.mp4', "100%.mp4"]
)
async def test_a_file_name_arrives_as_it_was(api: Api, filename: str) -> None:
    video = await api.upload(filename=filename.replace('"', "%22"))
    assert video["source"]["filename"] == filename
    assert video["title"] == filename.removesuffix(".mp4")


async def test_an_empty_file_is_taken_in_so_that_its_preparation_can_say_what_is_wrong(
    api: Api,
) -> None:
    video = await api.upload(b"")
    assert video["source"]["size_bytes"] == 0


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ([("title", "Alone", None)], "/file"),
        ([("file", b"film", "a.mp4"), ("file", b"film", "b.mp4")], "/file"),
        ([("title", "", None), ("file", b"film", "a.mp4")], "/title"),
        ([("title", "   ", None), ("file", b"film", "a.mp4")], "/title"),
        ([("title", "x" * 501, None), ("file", b"film", "a.mp4")], "/title"),
        ([("title", "x" * 9000, None), ("file", b"film", "a.mp4")], "/title"),
        ([("title", "a\x00b", None), ("file", b"film", "a.mp4")], "/title"),
        ([("title", b"\xff\xfe", "t"), ("file", b"film", "a.mp4")], "/title"),
        ([("title", "A", None), ("title", "B", None), ("file", b"film", "a.mp4")], "/title"),
        ([("video", b"film", "a.mp4")], "/video"),
        ([("file", b"film", "")], "/file"),
        ([("file", "film", None)], "/file"),
        ([(f"x{n}", "y", None) for n in range(20)], "/x0"),
    ],
)
async def test_a_form_that_is_not_one_file_with_a_title_is_refused_and_leaves_nothing(
    api: Api, pool: Pool, fields: list[tuple[str, bytes | str, str | None]], pointer: str
) -> None:
    answer = await api.ask("POST", "/videos", data=form(*fields))
    assert answer.status == 422
    assert answer.code == "request.invalid"
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert await rows(pool) == 0
    assert api.stored() == set()
    assert api.received() == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data; boundary=x", b"nonsense", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data", b"--x--", 400),
        (f"multipart/form-data; boundary={'x' * 100}", b"--x--", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\nhalf',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\n" + b"A: b\r\n" * 1000 + b"\r\n\r\n--x--",
            400,
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nA: " + b"b" * 20000 + b"\r\n\r\n--x--", 400),
        (
            "multipart/form-data; boundary=x",
            (
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
                b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x--\r\n"
            ),
            422,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n",
            422,
        ),
        ("text/plain", b"film", 415),
        ("application/octet-stream", b"film", 415),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    api: Api, pool: Pool, content_type: str, body: bytes, status: int
) -> None:
    answer = await api.ask("POST", "/videos", data=body, headers={"Content-Type": content_type})
    assert answer.status == status, answer.body
    assert answer.code
    assert await rows(pool) == 0
    assert api.stored() == set()
    assert api.received() == []


async def test_a_part_without_a_name_is_called_that(api: Api) -> None:
    answer = await api.ask(
        "POST",
        "/videos",
        data=b"--x\r\nContent-Type: video/mp4\r\n\r\nfilm\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status, answer.code) == (422, "request.invalid")
    assert "a part of it has no name" in answer.json["detail"]


async def test_an_import_by_url_is_not_there_yet_and_says_so(api: Api) -> None:
    body = {"input": {"url": "https://films.example/a.mp4"}}
    answer = await api.ask("POST", "/videos", json=body)
    assert (answer.status, answer.code) == (501, "import.unavailable")


async def test_a_file_beyond_the_limit_is_refused(database_url: str, tmp_path: Path) -> None:
    settings = server_settings(database_url, tmp_path / "data", upload_limit_bytes=2**20)
    async with running_server(settings) as api:
        await api.upload(b"x" * 2**20)

        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 2**19

        announced = aiohttp.FormData()
        announced.add_field("file", io.BytesIO(b"x" * 2**21), filename="film.mp4")
        streamed = aiohttp.FormData()
        streamed.add_field("file", unannounced(), filename="film.mp4")
        for data in (announced, streamed):
            answer = await api.ask("POST", "/videos", data=data)
            assert (answer.status, answer.code) == (413, "request.too_large")
        assert len(api.stored()) == 1
        assert api.received() == []


async def test_a_client_that_expects_a_refusal_gets_it_before_it_sends_the_file(
    database_url: str, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", upload_limit_bytes=2**20)
    async with running_server(settings) as api:
        head = (
            b"POST /videos HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
        )
        assert b"HTTP/1.1 413 " in await converse(api, head)


async def test_a_client_that_expects_to_go_on_is_told_to(api: Api) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\nfilm\r\n--x--'
    )
    head = (
        b"POST /videos HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    answer = await converse(api, head, body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n")


async def converse(api: Api, head: bytes, body: bytes = b"") -> bytes:
    """Send `head`, wait for an answer to it, send `body`, and read all there is."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(PATIENCE_S):
        writer.write(head)
        answer = await reader.readuntil(b"\r\n\r\n")
        if body:
            writer.write(body)
            answer += await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("reset", [True, False])
async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(
    api: Api, pool: Pool, reset: bool
) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    )
    writer.write(b"film" * 2**20)
    await until(lambda: any(path.stat().st_size >= 2**20 for path in api.received()))
    if reset:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
    else:
        writer.close()
    await until(lambda: not api.received())
    assert await rows(pool) == 0
    assert api.stored() == set()


async def test_a_client_that_stalls_is_given_up(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", upload_stall_s=1)
    async with running_server(settings) as api:

        async def stalling() -> AsyncIterator[bytes]:
            yield b"film" * 2**16
            await asyncio.sleep(PATIENCE_S)

        data = aiohttp.FormData()
        data.add_field("file", stalling(), filename="film.mp4")
        answer = await api.ask("POST", "/videos", data=data)
        assert (answer.status, answer.code) == (408, "upload.stalled")
        assert api.received() == []
    assert await rows(pool) == 0


async def test_uploads_do_not_disturb_each_other(api: Api) -> None:
    contents = [bytes([n]) * (2**20 + n) for n in range(8)]
    async with asyncio.TaskGroup() as group:
        for content in contents:
            group.create_task(api.upload(content))
    kept = {(api.data / "store" / key).read_bytes() for key in api.stored()}
    assert kept == set(contents)


async def test_a_full_disk_is_a_problem_of_its_own() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"film" * 2**20

    with pytest.raises(StorageFull, match="no room"):
        await write_part(chunks(), Path("/dev/full"), UploadLimits(2**40, 60))


async def test_more_than_the_disk_has_room_for_is_refused_at_once(
    database_url: str, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", upload_limit_bytes=16 * 2**40)
    async with running_server(settings) as api:
        head = (
            b"POST /videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" % (15 * 2**40)
        )
        assert b"HTTP/1.1 507 " in await converse(api, head)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("film.mp4", "film.mp4"),
        ("C:\\fakepath\\film.mp4", "film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\r\n.mp4", "ab.mp4"),
        ("  film.mp4 ", "film.mp4"),
        ("Ünïcödé 映画.mp4", "Ünïcödé 映画.mp4"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"),
    ],
)
def test_a_file_name_is_made_fit_to_be_kept(sent: str, kept: str) -> None:
    assert file_name(sent) == kept


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("film.mp4", "film"),
        ("a.b.mkv", "a.b"),
        (".mp4", ".mp4"),
        ("film", "film"),
        (" .mp4", ".mp4"),
    ],
)
def test_a_title_is_the_file_name_without_its_extension(filename: str, title: str) -> None:
    assert default_title(file_name(filename)) == title
