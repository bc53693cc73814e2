"""One server and two edges with a real Redis between them; one edge is away when it is purged."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from runtime.postgres import connect
from tests.fixtures.eventually import until
from tests.fixtures.ports import HeldPorts
from tests.fixtures.product import REPOSITORY, Product
from tests.fixtures.redis import RedisServer, running_redis

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@dataclass(eq=False)
class FarEdge:
    """An edge beside the one that the product starts; only Redis tells it what to forget."""

    product: Product
    redis: RedisServer
    held: HeldPorts = field(default_factory=lambda: HeldPorts(2))
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.held.numbers[0]}"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.held.numbers[1]}"

    async def start(self) -> None:
        public, admin = (f"127.0.0.1:{port}" for port in self.held.numbers)
        origin = f"http://127.0.0.1:{self.product.ports[2]}"
        with self.product.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cli", "edge", "--upstream", origin, "--listen", public,
                "--admin-listen", admin, "--name", "far", cwd=REPOSITORY, stdout=log, stderr=log,
                env=os.environ | {"SLUICE_REDIS_URL": self.redis.url},
            )  # fmt: skip

        async def ready() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with self.product.http.get(f"{self.admin}/readyz") as answer:
                    checks = (await answer.json())["checks"]
                    return answer.status == 200 and checks["redis"] == "ok"
            return False

        await until(ready, "the far edge ready")

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def redis_between() -> Iterator[RedisServer]:
    """The Redis of all tests of this module."""
    with running_redis() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(
    tmp_path_factory: pytest.TempPathFactory, redis_between: RedisServer
) -> AsyncIterator[Product]:
    """A product with Redis, of which its own edge and a far one hear."""
    data = tmp_path_factory.mktemp("fleet") / "data"
    mine = Product(data, environment={"SLUICE_REDIS_URL": redis_between.url})
    try:
        await mine.start()
        yield mine
    finally:
        await mine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def far(product: Product, redis_between: RedisServer) -> AsyncIterator[FarEdge]:
    """A far edge; whoever stops or kills it lets it run again."""
    edge = FarEdge(product, redis_between)
    try:
        await edge.start()
        yield edge
    finally:
        await edge.kill()
        edge.held.close()


async def fetch(product: Product, url: str) -> tuple[int, bytes, str]:
    """Status, body and Cache-Status."""
    async with product.http.get(url) as answer:
        return answer.status, await answer.read(), answer.headers.get("Cache-Status", "")


async def hit_on(product: Product, url: str) -> bytes:
    """The body once the edge answers it from what it has stored."""

    async def stored() -> bool:
        return "hit" in (await fetch(product, url))[2]

    await until(stored, f"a hit on {url}")
    return (await fetch(product, url))[1]


async def until_gone(product: Product, url: str) -> None:
    async def gone() -> bool:
        return (await fetch(product, url))[0] == 404

    await until(gone, f"404 for {url}")


async def first_segment(product: Product, video_id: str) -> str:
    """The path of something immutable: only a purge makes an edge forget it."""
    play = await product.play(video_id)
    _, master, _ = await fetch(product, play.hls)
    playlist = next(line for line in master.decode().splitlines() if line.endswith("index.m3u8"))
    folder = play.hls.removeprefix(product.edge).rpartition("/")[0]
    return f"{folder}/{playlist.rpartition('/')[0]}/0.m4s"


async def owed_nothing(product: Product) -> None:
    async def settled() -> bool:
        async with connect(product.database_url()) as session:
            owed: int = await session.fetchval("SELECT count(*) FROM purge_outbox")
        return owed == 0

    await until(settled, "every purge acknowledged")


async def test_redis_and_the_admin_port_together_purge_an_edge_once(
    product: Product, far: FarEdge
) -> None:
    """The first of them: there is no film yet of which anything else would be purged."""
    admins = (product.edge_admin, far.admin)

    async def counts(name: str) -> list[float]:
        return [await count(product, admin, f"sluice_edge_{name}_total") for admin in admins]

    await owed_nothing(product)
    heard = await counts("purge_stream_entries")
    purged = await counts("purges")
    async with product.http.post(
        f"{product.api}/cache/purge", json={"keys": ["video:x"]}
    ) as answer:
        assert answer.status == 202
    await owed_nothing(product)

    async def heard_again() -> bool:
        return await counts("purge_stream_entries") == [each + 1 for each in heard]

    await until(heard_again, "both edges read the stream")
    assert await counts("purges") == [each + 1 for each in purged]


async def count(product: Product, admin: str, name: str) -> float:
    """The sum of a counter of an edge."""
    async with product.http.get(f"{admin}/metrics") as page:
        lines = (await page.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + " "))


async def test_a_deleted_video_is_gone_from_every_edge_also_from_one_that_was_stopped(
    product: Product, far: FarEdge, film: Path
) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    path = await first_segment(product, video_id)
    for edge in (product.edge, far.url):
        await hit_on(product, edge + path)
    far.send(signal.SIGSTOP)
    async with product.http.delete(f"{product.api}/videos/{video_id}") as answer:
        assert answer.status == 204
    await until_gone(product, product.edge + path)
    await owed_nothing(product)
    far.send(signal.SIGCONT)
    await until_gone(product, far.url + path)


async def test_an_edge_killed_during_a_purge_comes_back_without_what_was_deleted(
    product: Product, far: FarEdge, film: Path
) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    path = await first_segment(product, video_id)
    for edge in (product.edge, far.url):
        await hit_on(product, edge + path)
    await far.kill()
    async with product.http.delete(f"{product.api}/videos/{video_id}") as answer:
        assert answer.status == 204
    await until_gone(product, product.edge + path)
    await far.start()
    assert (await fetch(product, far.url + path))[0] == 404


async def test_a_rung_that_joins_later_refreshes_the_manifest_on_every_edge(
    product: Product, far: FarEdge, slow_source: Path
) -> None:
    video_id = await product.upload(slow_source)
    video = await product.settled(video_id, {"playable", "ready"})
    assert video.status == "playable", "it was ready before anyone could look"
    play = await product.play(video_id)
    master = play.hls.removeprefix(product.edge)
    for edge in (product.edge, far.url):
        await fetch(product, edge + master)
    far.send(signal.SIGSTOP)
    await product.settled(video_id)
    await owed_nothing(product)
    far.send(signal.SIGCONT)
    rungs = sum(
        rendition["kind"] == "v" for rendition in (await product.video(video_id)).renditions
    )

    async def complete(edge: str) -> bool:
        return (await fetch(product, edge + master))[1].count(b"#EXT-X-STREAM-INF") >= rungs > 1

    for edge in (product.edge, far.url):
        await until(lambda edge=edge: complete(edge), f"{rungs} rungs at {edge}")  # type: ignore[misc]  # a default binds it
