"""Clients that mean harm, or are merely slow, in a process of their own.

`python -m benchmarks.load.hostile.attacks NAME PORT` says "ready" once it is at work, goes on until
its input ends, and then says how often it did what it does.
"""

import asyncio
import itertools
import os
import random
import resource
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from benchmarks.load.hostile.objects import FOLDER, LARGE, SIGNED_FOLDER, VIEWED

Socket = socket.socket
Attack = Callable[["Target"], Awaitable[None]]
SEED: Final = 20_240_229
RESET: Final = struct.pack("ii", 1, 0)
SLOW_HEADS: Final = 500
IDLE: Final = 10_000
SLOW_READERS: Final = 200
SLOW_BODIES: Final = 200
WORKERS: Final = 32
FORGED_BATCH: Final = 32
NICE: Final = 10


class Target:
    """Where the attack goes, and what it came to."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.done: Counter[str] = Counter()
        self.dice = random.Random(SEED)
        self.numbers = itertools.count()

    async def connect(self, receive_bytes: int = 0) -> Socket:
        """Open a connection from one of a hundred addresses."""
        made = socket.socket()
        made.setblocking(False)
        if receive_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        # The port is chosen at connect, so each address has them all.
        made.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        made.bind((f"127.0.1.{1 + next(self.numbers) % 100}", 0))
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.port))
        return made

    async def say(self, to: Socket, text: str) -> None:
        """Send all of a text."""
        await asyncio.get_running_loop().sock_sendall(to, text.encode())

    async def hear(self, of: Socket, most: int = 1 << 18) -> bytes:
        """Receive something; nothing at the end."""
        return await asyncio.get_running_loop().sock_recv(of, most)


def request(path: str, *lines: str, method: str = "GET") -> str:
    """Write the head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: edge.test", *lines, "", ""])


async def many(target: Target, count: int, behave: Callable[[Target], Awaitable[None]]) -> None:
    """Let so many clients behave in one way, each anew when it was cut off."""

    async def again() -> None:
        while True:
            with suppress(OSError, TimeoutError):
                await behave(target)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as clients:
        for _ in range(count):
            clients.create_task(again())


async def slow_head(target: Target) -> None:
    """Send a byte of a head in a second."""
    with await target.connect() as client:
        await target.say(client, f"GET {VIEWED} HTTP/1.1\r\nHost: a\r\nX: ")
        while True:
            await target.say(client, "y")
            target.done["bytes of heads"] += 1
            await asyncio.sleep(1)


async def slow_body(target: Target) -> None:
    """Send a byte of a body in a second."""
    with await target.connect() as client:
        head = request(FOLDER + "upload", "Content-Length: 100000", method="POST")
        await target.say(client, head)
        while True:
            await target.say(client, "y")
            target.done["bytes of bodies"] += 1
            await asyncio.sleep(1)


async def idle(target: Target) -> None:
    """Say nothing."""
    with await target.connect() as client:
        target.done["connections"] += 1
        await target.hear(client)


async def slow_reader(target: Target) -> None:
    """Take 1 KiB in a second."""
    with await target.connect(receive_bytes=4096) as client:
        await target.say(client, request(LARGE))
        while await target.hear(client, 1024):
            target.done["KiB taken"] += 1
            await asyncio.sleep(1)


async def resetting(target: Target) -> None:
    """Break off in the middle: of a head, or of an answer."""
    with await target.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        text = request(target.dice.choice([LARGE, VIEWED, unique("miss", target)]))
        if target.dice.random() < 0.2:
            text = text[: target.dice.randrange(len(text))]
        await target.say(client, text)
        if target.dice.random() < 0.7:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await target.hear(client, target.dice.randrange(1, 1 << 17))
        target.done["resets"] += 1


def unique(kind: str, target: Target) -> str:
    """A path that nobody has asked for."""
    return f"{FOLDER}{kind}-{os.getpid()}-{next(target.numbers)}.m4s"


def forged_path(target: Target) -> str:
    """A path with a token that is well made but for its mac."""
    mac = f"{target.dice.getrandbits(240):043x}"[:43]
    rest = SIGNED_FOLDER.removeprefix("/media/")
    return f"/media/~{mac}.bench.4102444800.x.0/{rest}{next(target.numbers)}.m4s"


async def forger(target: Target) -> None:
    """Ask with forged tokens, as fast as they are refused."""
    with await target.connect() as client:
        while True:
            batch = "".join(request(forged_path(target)) for _ in range(FORGED_BATCH))
            await target.say(client, batch)
            refused = 0
            while refused < FORGED_BATCH:
                came = await target.hear(client)
                if not came:
                    return
                refused += came.count(b"HTTP/1.1 403 ")
            target.done["forged tokens"] += refused


async def pipeliner(target: Target) -> None:
    """Ask for hits without ever waiting for one."""
    with await target.connect() as client:
        batch = request(VIEWED, "Range: bytes=0-999") * 64

        async def ask() -> None:
            while True:
                await target.say(client, batch)

        asking = asyncio.create_task(ask())
        try:
            while came := await target.hear(client):
                target.done["pipelined hits"] += came.count(b"HTTP/1.1 206 ")
        finally:
            asking.cancel()


def asking(kind: str, patience_s: float) -> Attack:
    """Make an attack of clients who ask for what the upstream does not give as it should."""

    async def ask(target: Target) -> None:
        with await target.connect() as client:
            await target.say(client, request(unique(kind, target), "Connection: close"))
            try:
                async with asyncio.timeout(patience_s):
                    while await target.hear(client):
                        pass
            finally:
                target.done[f"asked for {kind}"] += 1

    return lambda target: many(target, WORKERS, ask)


ATTACKS: Final[Mapping[str, Attack]] = {
    "slow heads": lambda target: many(target, SLOW_HEADS, slow_head),
    "slow bodies": lambda target: many(target, SLOW_BODIES, slow_body),
    "idle": lambda target: many(target, IDLE, idle),
    "slow readers": lambda target: many(target, SLOW_READERS, slow_reader),
    "resets": lambda target: many(target, WORKERS, resetting),
    "forged tokens": lambda target: many(target, WORKERS, forger),
    "pipelining": lambda target: many(target, 4, pipeliner),
    "misses": asking("miss", 30),
    "uncacheable": asking("once", 30),
    "upstream stalls": asking("stall", 2),
    "upstream is silent": asking("silent", 2),
    "upstream sends too little": asking("short", 30),
    "upstream sends too much": asking("long", 30),
    "upstream dies half-way": asking("die", 30),
}
# How long until all its clients are at work.
SETTLES_S: Final[Mapping[str, float]] = {"idle": 6.0, "slow heads": 2.0, "slow readers": 2.0}


async def main(name: str, port: int) -> None:
    """Attack until the input ends."""
    target = Target(port)
    attacking = asyncio.ensure_future(ATTACKS[name](target))
    await asyncio.sleep(SETTLES_S.get(name, 1.0))
    before = Counter(target.done)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    done = target.done if name == "idle" else target.done - before
    print("; ".join(f"{count} {what}" for what, count in done.items()), flush=True)
    attacking.cancel()
    await asyncio.wait([attacking])


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
