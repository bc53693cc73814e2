"""The edge as a process runs it: from settings to two ports, and an orderly end."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from core.cache.policies import CachePolicy
from core.http.audience import Audience
from edge.faults import FillKeyMissing
from edge.main import configuration, run
from runtime.line_file import UnwritableLog
from runtime.listen import AddressInUse, HostPort
from runtime.settings.edge import EdgeSettings
from tests.fixtures.raw_client import connect
from tests.fixtures.upstream import Reply, ScriptedUpstream

ANY = HostPort("127.0.0.1", 0)


def settings(upstream: str, **more: object) -> EdgeSettings:
    values = {"upstream": upstream, "listen": ANY, "admin_listen": ANY, "name": "edge-a", **more}
    return EdgeSettings.model_validate(values)


async def test_it_says_when_it_is_ready_serves_and_ends_when_cancelled(
    upstream: ScriptedUpstream,
) -> None:
    upstream.on("/media/x", Reply(200, {"Cache-Control": "max-age=60"}, b"film"))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    process = asyncio.create_task(run(settings(upstream.url), ready=ready.set_result))
    async with asyncio.timeout(30):
        port = int((await ready).rpartition(":")[2])
    async with connect("127.0.0.1", port) as client:
        assert (await client.get("/media/x")).body == b"film"
    process.cancel()
    with pytest.raises(asyncio.CancelledError):
        await process
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_sighup_opens_the_access_log_anew(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.on("/media/x", Reply(200, {"Cache-Control": "max-age=60"}, b"film"))
    log, old = tmp_path / "log", tmp_path / "log.1"
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    process = asyncio.create_task(
        run(settings(upstream.url, access_log=str(log)), ready=ready.set_result)
    )
    async with asyncio.timeout(60):
        port = int((await ready).rpartition(":")[2])
        async with connect("127.0.0.1", port) as client:
            await client.get("/media/x")
            while not log.read_bytes():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.01)
            log.rename(old)
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            while not log.exists() or not log.read_bytes():
                await client.get("/media/x")
                await asyncio.sleep(0.01)
    process.cancel()
    with pytest.raises(asyncio.CancelledError):
        await process
    assert b'"result":"miss"' in old.read_bytes()
    assert b'"result":"hit"' in log.read_bytes()


async def test_an_access_log_that_cannot_be_written_is_told(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with pytest.raises(UnwritableLog, match="cannot write to"):
        await run(settings(upstream.url, access_log=str(tmp_path / "none" / "log")))


async def test_for_edges_beyond_loopback_it_does_not_start_without_a_fill_key(
    upstream: ScriptedUpstream,
) -> None:
    everywhere = settings(upstream.url, audience="edges", listen=HostPort("0.0.0.0", 0))
    with pytest.raises(FillKeyMissing, match="SLUICE_FILL_KEY"):
        await run(everywhere)


async def test_a_port_in_use_is_told(upstream: ScriptedUpstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = HostPort("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(AddressInUse):
            await run(settings(upstream.url, listen=busy))


def test_every_setting_reaches_the_edge() -> None:
    config = configuration(
        settings(
            "http://origin:8082",
            audience="edges",
            memory_bytes=2**21,
            cache_policy="lru",
            max_object_bytes=2**30,
            cache_dir="/var/cache/sluice",
            disk_bytes="1TiB",
            connect_timeout_s=1,
            first_byte_timeout_s=2,
            stall_timeout_s=3,
            upstream_ca="/ca.pem",
            upstream_idle_timeout_s=5,
            max_upstream_connections=6,
            breaker_failures=7,
            breaker_open_s=8,
            negative_ttl_s=9,
            pass_host=True,
            client_timeout_s=4,
            fill_key="fill",
            admin_token="admin",
            trusted_proxy="10.0.0.0/8",
        )
    )
    assert config.upstream == "http://origin:8082"
    assert (config.memory_bytes, config.max_object_bytes) == (2**21, 2**30)
    assert config.audience is Audience.EDGES
    assert config.cache_policy is CachePolicy.LRU
    assert (config.cache_dir, config.disk_bytes) == (Path("/var/cache/sluice"), 2**40)
    assert (config.connect_timeout_s, config.first_byte_timeout_s) == (1, 2)
    assert (config.upstream_ca_file, config.upstream_idle_timeout_s) == ("/ca.pem", 5)
    assert config.max_upstream_connections == 6
    assert (config.breaker_failures, config.breaker_open_s) == (7, 8)
    assert (config.negative_ttl_s, config.pass_host) == (9, True)
    assert (config.stall_timeout_s, config.client_timeout_s) == (3, 4)
    assert (config.fill_key, config.admin_token) == ("fill", "admin")
    assert [str(network) for network in config.trusted_proxies] == ["10.0.0.0/8"]
