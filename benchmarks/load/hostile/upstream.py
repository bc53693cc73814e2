"""An upstream that misbehaves as the path says, in a process of its own.

`python -m benchmarks.load.hostile.upstream PORT` serves until it is ended. Under the folder of
`objects` the first word of a path decides: `viewed` and `large` are stored for ever, `miss` is
sound and stored, `stall` stops in the middle for good, `silent` says nothing at all, `short`
announces more than it sends, `long` sends more than it announces, `die` is reset in the middle,
`error` is a 500, `once` may not be stored. Anything posted is read and thanked for.
"""

import asyncio
import os
import signal
import sys
from typing import Final

from benchmarks.load.hostile.objects import body_of

STORED: Final = "public, max-age=31536000, immutable"
# It shares a core with the viewers, who go first.
NICE: Final = 10


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while await answer(reader, writer):
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; whether another may follow."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, path, _ = head.decode("latin-1").split(" ", 2)
    if method == "POST":
        await read_body(reader, head.lower())
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        return True
    kind = path.rpartition("/")[2].partition(".")[0].partition("-")[0]
    body = body_of(path)
    if kind == "silent":
        await asyncio.sleep(3600)
    if kind == "error":
        writer.write(b"HTTP/1.1 500 Broken\r\nContent-Length: 3\r\n\r\noh!")
        return True
    announced = len(body) - 1000 if kind == "long" else len(body)
    policy = "no-store" if kind == "once" else STORED
    lines = ("HTTP/1.1 200 OK", f"Cache-Control: {policy}", f"Content-Length: {announced}")
    etag = f'ETag: "{path[-40:]}"'
    writer.write("\r\n".join([*lines, etag, "", ""]).encode())
    if kind in {"stall", "short", "die"}:
        writer.write(body[: len(body) // 2])
        await writer.drain()
        return await break_off(kind, writer)
    writer.write(body)
    return kind != "long"


async def break_off(kind: str, writer: asyncio.StreamWriter) -> bool:
    """End in the middle of a body."""
    if kind == "stall":
        await asyncio.sleep(3600)
    if kind == "die":
        writer.transport.abort()
    return False


async def read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    """Read the body of a request to its end."""
    if b"chunked" not in head:
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or b"0"))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)


async def main(port: int) -> None:
    """Serve until ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=2048)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    asyncio.run(main(int(sys.argv[1])))
