"""The API as the command line uses it: upload a file, look at a video."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from cli.ingest.counting_file import CountingFile
from core.errors import InputFault, UpstreamFault

CONNECT_TIMEOUT_S: Final = 5.0
STALL_TIMEOUT_S: Final = 120.0
LOOK_TIMEOUT_S: Final = 10.0
PROGRESS_PERIOD_S: Final = 0.1
BUFFER_BYTES: Final = 256 * 1024
ANSWER_LIMIT_BYTES: Final = 1 << 20

OnSent = Callable[[int], None]
Value = TypeVar("Value")


class ServerUnreachable(UpstreamFault):
    """Nobody answers at the server's URL."""

    code = "library.unreachable"


class ServerRefused(InputFault):
    """The server answered with a problem."""

    code = "library.refused"

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail or f"the server answered with status {status}")
        self.answer_code = code


class Problem(msgspec.Struct, frozen=True):
    """The fields of a problem document (RFC 9457) that matter here."""

    title: str = ""
    detail: str = ""
    code: str = ""


class VideoError(msgspec.Struct, frozen=True):
    """Why a video has errored."""

    code: str
    message: str


class Links(msgspec.Struct, frozen=True):
    """Where a video is watched."""

    watch: str


class Video(msgspec.Struct, frozen=True):
    """The fields of a video that matter here."""

    id: str
    status: str
    progress: float
    links: Links
    stage: str | None = None
    errors: list[VideoError] = []

    @property
    def watch_path(self) -> str:
        """The path of the watch page."""
        return urlsplit(self.links.watch).path


class CaptionReading(msgspec.Struct, frozen=True):
    """How a file of subtitles was read."""

    encoding: str
    encoding_guessed: bool
    cues: int


class AddedCaption(msgspec.Struct, frozen=True):
    """A text track that the server has made of a file of subtitles."""

    language: str
    kind: str
    read: CaptionReading


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an upload ended in: the video, and the hash of what was sent."""

    video: Video
    sha256: str


class Library:
    """One server, over one client session."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def video(self, video_id: str) -> Video:
        """Look at a video. Raises `ServerRefused` and `ServerUnreachable`."""
        url = f"{self._server}/videos/{quote(video_id, safe='')}"
        timeout = aiohttp.ClientTimeout(total=LOOK_TIMEOUT_S)
        with self._translated():
            async with self._session.get(url, timeout=timeout) as response:
                return await _decode(response, 200, Video)

    async def upload(self, path: Path, on_sent: OnSent) -> Receipt:
        """Send a file; returns once the server has it safe.

        Raises `ServerRefused`, `ServerUnreachable`, and `OSError` for the file.
        """
        raw = CountingFile(path)
        # Percent signs in place of letters would become the title.
        form = aiohttp.FormData(quote_fields=False)
        form.add_field(
            "file",
            io.BufferedReader(raw, BUFFER_BYTES),
            filename=header_safe(path.name),
            content_type="application/octet-stream",
        )
        with self._translated():
            async with (
                _watched(raw, on_sent),
                self._session.post(f"{self._server}/videos", data=form) as response,
            ):
                return Receipt(await _decode(response, 201, Video), raw.digest())

    async def add_captions(
        self, video_id: str, path: Path, fields: Mapping[str, str]
    ) -> AddedCaption:
        """Send a file of subtitles for a video; `fields` are those of the API.

        Raises `ServerRefused`, `ServerUnreachable`, and `OSError` for the file.
        """
        data = await asyncio.to_thread(path.read_bytes)
        form = aiohttp.FormData(quote_fields=False)
        for name, value in fields.items():
            form.add_field(name, value)
        form.add_field("file", io.BytesIO(data), filename=header_safe(path.name))
        url = f"{self._server}/videos/{quote(video_id, safe='')}/captions"
        with self._translated():
            async with self._session.post(url, data=form) as response:
                return await _decode(response, 201, AddedCaption)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, TimeoutError) as error:
            what = str(error) or type(error).__name__
            raise ServerUnreachable(f"no Sluice answers at {self._server}: {what}") from error


@contextlib.asynccontextmanager
async def open_library(server: str) -> AsyncIterator[Library]:
    """Open a session to `server`, a base URL."""
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=STALL_TIMEOUT_S
    )
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Library(server, session)


@contextlib.asynccontextmanager
async def _watched(file: CountingFile, on_sent: OnSent) -> AsyncIterator[None]:
    """Report while the body runs how much of `file` was read."""

    async def report() -> None:
        while True:
            on_sent(file.read_bytes)
            await asyncio.sleep(PROGRESS_PERIOD_S)

    task = asyncio.create_task(report())
    try:
        yield
    finally:
        task.cancel()
        on_sent(file.read_bytes)


def header_safe(name: str) -> str:
    """Give a file name that fits into a header: no control characters, no half characters."""
    text = name.encode(errors="replace").decode()
    return "".join("_" if ord(letter) < 32 or ord(letter) == 127 else letter for letter in text)


async def _decode(response: aiohttp.ClientResponse, expected: int, kind: type[Value]) -> Value:
    body = await response.content.read(ANSWER_LIMIT_BYTES)
    while not response.content.at_eof() and len(body) < ANSWER_LIMIT_BYTES:
        body += await response.content.read(ANSWER_LIMIT_BYTES)
    try:
        if response.status == expected:
            return msgspec.json.decode(body, type=kind)
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError as error:
        raise ServerRefused(response.status, "", f"{response.url} is no Sluice API") from error
    raise ServerRefused(response.status, problem.code, problem.detail or problem.title)
