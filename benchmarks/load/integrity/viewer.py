"""A viewer who asks at random, and knows what every answer must hold."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.load.integrity.world import World
from tests.fixtures.raw_client import Answer, RawClient, connect

CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
# What an edge may say when its upstream has failed it.
UNWELL: Final = frozenset({502, 503, 504})
PART: Final = re.compile(
    rb"--(?P<mark>[0-9a-f]+)\r\n(?:Content-Type: [^\r]*\r\n)?"
    rb"Content-Range: bytes (?P<start>\d+)-(?P<last>\d+)/(?P<length>\d+)\r\n\r\n"
)


class Wrong(Exception):
    """An answer that is not what the upstream ever sent, or not any more."""


@dataclass(slots=True)
class Seen:
    """How many answers of each kind there were."""

    counts: Counter[str] = field(default_factory=Counter)

    def note(self, what: str) -> None:
        """Count one."""
        self.counts[what] += 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and the oldest version that may answer it."""

    number: int
    method: str
    fields: Mapping[str, str]
    floor: int


class Viewer:
    """Asks, on one connection after the other, and checks."""

    def __init__(self, world: World, port: int, dice: random.Random, seen: Seen) -> None:
        self._world = world
        self._port = port
        self._dice = dice
        self._seen = seen

    async def view(self, until_s: float) -> None:
        """Ask until a moment of the loop's clock. Raises `Wrong`."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            async with connect("127.0.0.1", self._port) as client:
                for _ in range(self._dice.randint(1, 12)):
                    if not await self._ask(client):
                        break

    async def _ask(self, client: RawClient) -> bool:
        """Ask once; whether the connection can be used again."""
        asked = self._choose()
        await client.send(self._world.path(asked.number), asked.fields, method=asked.method)
        if self._dice.random() < 0.04:
            await self._leave(client)
            return False
        try:
            answer = await client.body(await client.head(), method=asked.method)
        except (ConnectionError, asyncio.IncompleteReadError):
            self._seen.note("no answer")
            return False
        try:
            self._check(asked, answer)
        except Wrong as wrong:
            raise Wrong(f"{wrong}: {asked} got {answer.status} {answer.lines}") from wrong
        return answer.whole and answer.get("connection") != "close"

    async def _leave(self, client: RawClient) -> None:
        """Break off, after a little of the answer."""
        if self._dice.random() < 0.5:
            await client.reader.read(self._dice.choice([1, 1000, 100_000]))
        client.writer.transport.abort()
        self._seen.note("left")

    def _choose(self) -> Asked:
        # Some objects are asked for more often than others.
        number = int(self._dice.random() ** 2 * self._world.objects)
        floor, version = self._world.floors[number], self._world.versions[number]
        length = len(self._world.body(number, version))
        tag = self._world.tag(number, max(0, version - self._dice.randint(0, 1)))
        kind = self._dice.random()
        method, fields = "GET", {}
        if kind < 0.3:
            fields = {"Range": self._range(length)}
        elif kind < 0.36:
            fields = {"Range": ",".join(self._range(length)[6:] for _ in range(3))}
            fields["Range"] = f"bytes={fields['Range']}"
        elif kind < 0.42:
            fields = {"Range": self._range(length), "If-Range": tag}
        elif kind < 0.48:
            fields = {"If-None-Match": tag}
        elif kind < 0.54:
            method = "HEAD"
        return Asked(number, method, fields, floor)

    def _range(self, length: int) -> str:
        if self._dice.random() < 0.2:
            return f"bytes=-{self._dice.randint(0, length + 10)}"
        start = self._dice.randint(0, length)
        if self._dice.random() < 0.2:
            return f"bytes={start}-"
        return f"bytes={start}-{start + self._dice.choice([0, 99, 4096, 70_000, 1 << 20])}"

    # Checking

    def _check(self, asked: Asked, answer: Answer) -> None:
        self._seen.note(f"{answer.status}" if answer.whole else "cut short")
        if answer.status in UNWELL:
            return
        if answer.status == 416:
            self._check_416(asked, answer)
            return
        version = self._version(asked, answer)
        body = self._world.body(asked.number, version)
        if answer.status == 304:
            demand(asked.fields.get("If-None-Match") == answer["ETag"], "304 for another tag")
        elif answer.status == 200:
            self._check_whole(asked, answer, body)
        elif answer.status == 206:
            demand("Range" in asked.fields, "a part that nobody asked for")
            demand(asked.fields.get("If-Range", answer["ETag"]) == answer["ETag"], "another part")
            self._check_parts(answer, body)
        else:
            raise Wrong("a status that nobody expects")

    def _check_416(self, asked: Asked, answer: Answer) -> None:
        length = int(answer["Content-Range"].removeprefix("bytes */"))
        possible = range(asked.floor, self._world.versions[asked.number] + 1)
        lengths = {len(self._world.body(asked.number, version)) for version in possible}
        demand(length in lengths, "no version is that long")

    def _version(self, asked: Asked, answer: Answer) -> int:
        number, _, version = answer["ETag"].strip('"').partition("-")
        demand(int(number) == asked.number, "the tag of another object")
        demand(asked.floor <= int(version), "a version that was purged")
        demand(int(version) <= self._world.versions[asked.number], "a version yet to come")
        return int(version)

    def _check_whole(self, asked: Asked, answer: Answer, body: bytes) -> None:
        length = answer.get("content-length")
        demand(length is None or int(length) == len(body), "another length")
        if asked.method == "HEAD":
            demand(answer.body == b"", "a body for HEAD")
        elif answer.whole:
            demand(answer.body == body, "another body")
        else:
            demand(body.startswith(answer.body), "another beginning")

    def _check_parts(self, answer: Answer, body: bytes) -> None:
        kind = answer.get("content-type") or ""
        if not kind.startswith("multipart/byteranges"):
            found = CONTENT_RANGE.fullmatch(answer["Content-Range"])
            demand(found is not None and int(found[3]) == len(body), "another whole")
            assert found is not None
            expected = body[int(found[1]) : int(found[2]) + 1]
            demand(expected.startswith(answer.body), "another part")
            demand(not answer.whole or len(answer.body) == len(expected), "not all of a part")
            return
        if answer.whole:
            demand(_parts_fit(answer.body, body, kind.partition("boundary=")[2]), "other parts")


def demand(holds: bool, what: str) -> None:
    """Raise `Wrong` unless something holds."""
    if not holds:
        raise Wrong(what)


def _parts_fit(whole: bytes, body: bytes, boundary: str) -> bool:
    """Whether a multipart body is made of parts of this one, and of nothing else."""
    at = 0
    while part := PART.match(whole, at):
        start, stop = int(part["start"]), int(part["last"]) + 1
        at = part.end() + stop - start
        if part["mark"] != boundary.encode() or int(part["length"]) != len(body):
            return False
        if whole[part.end() : at] != body[start:stop] or whole[at : at + 2] != b"\r\n":
            return False
        at += 2
    return at > 0 and whole[at:] == f"--{boundary}--\r\n".encode()


async def change(
    world: World, admin_port: int, dice: random.Random, until_s: float
) -> Counter[str]:
    """Bring new versions out, and purge some of what they replace."""
    done: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    while loop.time() < until_s:
        await asyncio.sleep(dice.random() * 0.04)
        number = dice.randrange(world.objects)
        world.change(number)
        done["changes"] += 1
        kind = dice.random()
        if kind < 0.35:
            await purge(world, admin_port, [number], {"urls": [world.path(number)]})
        elif kind < 0.5:
            tenth = list(range(number % 10, world.objects, 10))
            await purge(world, admin_port, tenth, {"keys": [f"tenth-{number % 10}"]})
        elif kind < 0.52:
            await purge(world, admin_port, list(range(world.objects)), {"all": True})
        elif kind < 0.6:
            await purge(world, admin_port, [], {"keys": [f"object-{number}"], "soft": True})
        done["purges"] += kind < 0.6
    return done


async def purge(
    world: World, admin_port: int, numbers: list[int], order: Mapping[str, object]
) -> None:
    """Purge; once that is acknowledged, nothing older than now may be served of these."""
    floors = {number: world.versions[number] for number in numbers}
    async with connect("127.0.0.1", admin_port) as client:
        answer = await client.get("/cache/purge", method="POST", body=json.dumps(order).encode())
    demand(
        answer.status in {200, 202, 204}, f"a purge was answered {answer.status} {answer.body!r}"
    )
    world.purged(floors)
