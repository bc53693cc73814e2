"""The upstream of the world: right in every byte, but slow, cut short or reset now and then."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.load.integrity.world import World

RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
FAILING: Final = 0.03
CHUNKED: Final = 0.1
SLOW: Final = 0.1
PAUSE_S: Final = 0.02


class WorldUpstream:
    """Serves the present versions, whole and by single ranges."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests = 0
        self._dice = random.Random(world.seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the edge needs no more of it
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        raw = await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        first, *lines = raw.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines if line)
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        number = int(path.rpartition("/")[2].partition(".")[0])
        version = self.world.versions[number]
        tag = self.world.tag(number, version)
        head = [f"ETag: {tag}", f"Cache-Control: {self.world.policy(number)}"]
        head += [f"Surrogate-Key: object-{number} tenth-{number % 10}"]
        if fields.get("if-none-match") == tag:
            writer.write(_head(304, head))
            return True
        body = self.world.body(number, version)
        status, part = 200, body
        asked = RANGE.fullmatch(fields.get("range", ""))
        if asked and fields.get("if-range", tag) == tag and int(asked[1]) < len(body):
            start, stop = int(asked[1]), min(int(asked[2] or len(body)) + 1, len(body))
            status, part = 206, body[start:stop]
            head.append(f"Content-Range: bytes {start}-{stop - 1}/{len(body)}")
        if method == "HEAD":
            writer.write(_head(status, [*head, f"Content-Length: {len(part)}"]))
            return True
        return await self._send(writer, status, head, part)

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, head: list[str], body: bytes
    ) -> bool:
        """Send an answer, by chance in chunks, slowly, or not all of it."""
        chunked = self._dice.random() < CHUNKED
        fails = len(body) > 1 and self._dice.random() < FAILING
        middle = self._dice.randrange(len(body)) if len(body) > 1 else len(body)
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        writer.write(_head(status, [*head, framing]))
        for piece in (body[:middle], body[middle:]):
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
            if fails:
                if self._dice.random() < 0.5:
                    writer.transport.abort()
                return False
            if self._dice.random() < SLOW:
                await asyncio.sleep(PAUSE_S)
        if chunked:
            writer.write(b"0\r\n\r\n")
        return True


def _head(status: int, lines: list[str]) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} World", *lines, "", ""]).encode("latin-1")


@asynccontextmanager
async def world_upstream(world: World) -> AsyncIterator[str]:
    """Serve a world for as long as the context lasts; gives its URL."""
    upstream = WorldUpstream(world)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(upstream.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
