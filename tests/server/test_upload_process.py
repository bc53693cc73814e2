"""Uploads to a server in a process of its own: the memory they take, and what its death leaves."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from runtime.postgres import Pool, connection
from runtime.scratch import live_claims
from tests.fixtures.server import Api, running_server, server_settings, until

pytestmark = pytest.mark.postgres

MIB = 2**20
REPOSITORY = Path(__file__).resolve().parents[2]
START_DEADLINE_S = 30.0
PROGRAM = """
import asyncio, sys, uvloop
from pathlib import Path
from server.main import run
from tests.fixtures.server import server_settings

def say(url):
    print(url, flush=True)

uvloop.run(run(server_settings(sys.argv[1], Path(sys.argv[2])), ready=say))
"""


@asynccontextmanager
async def server_process(
    database_url: str, data: Path
) -> AsyncIterator[tuple[Api, asyncio.subprocess.Process]]:
    """A server as a process, and a client of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        database_url,
        str(data),
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_DEADLINE_S):
            url = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as client:
            yield Api(url, data, client), process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had at once (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def megabytes(count: int) -> AsyncIterator[bytes]:
    block = os.urandom(MIB)
    for _ in range(count):
        yield block


def film(chunks: AsyncIterator[bytes]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", chunks, filename="film.mp4")
    return form


async def test_the_memory_of_an_upload_does_not_grow_with_the_file(
    database_url: str, tmp_path: Path
) -> None:
    async with server_process(database_url, tmp_path / "data") as (api, process):
        await api.ask("POST", "/videos", data=film(megabytes(4)))
        before = peak_bytes(process.pid)
        answer = await api.ask("POST", "/videos", data=film(megabytes(200)))
        assert answer.status == 201
        assert answer.json["source"]["size_bytes"] == 200 * MIB
        assert peak_bytes(process.pid) - before < 16 * MIB


async def test_the_memory_of_ten_uploads_at_once_is_bounded_too(
    database_url: str, tmp_path: Path
) -> None:
    async with server_process(database_url, tmp_path / "data") as (api, process):
        await api.ask("POST", "/videos", data=film(megabytes(4)))
        before = peak_bytes(process.pid)
        answers = await asyncio.gather(
            *(api.ask("POST", "/videos", data=film(megabytes(16))) for _ in range(10))
        )
        assert {answer.status for answer in answers} == {201}
        assert peak_bytes(process.pid) - before < 96 * MIB


async def test_a_server_killed_in_the_middle_of_an_upload_leaves_nothing_that_is_claimed(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    data = tmp_path / "data"

    async def never_ending() -> AsyncIterator[bytes]:
        async for block in megabytes(4):
            yield block
        await asyncio.Event().wait()

    async with server_process(database_url, data) as (api, process):
        sending = asyncio.create_task(api.ask("POST", "/videos", data=film(never_ending())))
        await until(lambda: any(path.stat().st_size >= MIB for path in api.received()))
        assert len(live_claims(data / "scratch")) == 1
        process.send_signal(signal.SIGKILL)
        await process.wait()
        with pytest.raises(aiohttp.ClientError):
            await sending
    assert live_claims(data / "scratch") == set()
    assert not [path for path in (data / "scratch").rglob("*") if path.is_file()]
    async with connection(pool) as session:
        assert await session.fetchval("SELECT count(*) FROM videos") == 0


async def test_an_upload_that_was_acknowledged_is_there_after_a_kill(
    database_url: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with server_process(database_url, data) as (api, process):
        video = await api.upload(b"film" * 1000)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with running_server(server_settings(database_url, data)) as again:
        assert (await again.get(f"/videos/{video['id']}")).json["status"] == "waiting"
        (key,) = again.stored()
        assert (data / "store" / key).read_bytes() == b"film" * 1000
