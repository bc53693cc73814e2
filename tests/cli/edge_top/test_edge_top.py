"""`sluice edge top`: what is shown in how much room, and what is said when nothing can be."""

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from cli.edge_top.look import Sight
from cli.edge_top.view import picture
from cli.edge_top.words import age, duration, number, share, size
from core.cache.snapshot import Key, Latency, Snapshot, compare
from tests.fixtures.edge import EDGES, RunningEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream, scripted_upstream

REPOSITORY = Path(__file__).resolve().parents[3]
BOUNDS = (0.0001, 0.001, 0.01)
NONE = Latency(bounds_s=BOUNDS, at_most=(0.0, 0.0, 0.0), count=0.0)
SOME = Latency(bounds_s=BOUNDS, at_most=(90.0, 100.0, 100.0), count=100.0)
BEFORE = Snapshot(
    name="edge-with-a-long-name",
    version="1",
    at_s=100.0,
    up_s=10_000.0,
    draining=False,
    upstream_problem=None,
    requests={"hit": 0.0, "miss": 0.0, "error": 0.0},
    misses={"uri-miss": 0.0, "stale": 0.0, "vary-miss": 0.0},
    latencies={"hit": NONE},
    upstream_latency=NONE,
    upstream_failures=0.0,
    sent_bytes=0.0,
    filled_bytes=0.0,
    connections=50_000.0,
    accepted=0.0,
    refused=0.0,
    fetches=12.0,
    evictions=0.0,
    objects=1_234_567.0,
    memory_bytes=7.5e9,
    memory_limit_bytes=8.6e9,
    disk_bytes=1.1e12,
    disk_limit_bytes=2.2e12,
)
AFTER = replace(
    BEFORE,
    at_s=102.0,
    up_s=10_002.0,
    requests={"hit": 246_912.0, "miss": 3000.0, "error": 4.0},
    latencies={"hit": SOME},
    sent_bytes=2.5e9,
    refused=8.0,
    hot=tuple(Key(key=f"/media/p_{n}/" + "x" * 200, rate=1000.0 / (n + 1)) for n in range(100)),
)
SIGHT = Sight("http://edge:8083", AFTER, compare(BEFORE, AFTER), None)


def shown(sights: list[Sight], columns: int, rows: int) -> list[str]:
    console = Console(width=columns, height=rows, file=io.StringIO())
    with console.capture() as captured:
        console.print(picture(sights, rows=rows, hint="q quits"))
    return captured.get().splitlines()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (140, 40)])
@pytest.mark.parametrize("count", [1, 3])
def test_everything_fits(columns: int, rows: int, count: int) -> None:
    lines = shown([SIGHT] * count, columns, rows)
    assert len(lines) <= rows
    assert all(len(line) <= columns for line in lines)
    assert any("edge-with-a-long" in line for line in lines)
    assert any("/media/p_0/" in line for line in lines)


def test_one_edge_is_shown_in_full() -> None:
    text = "\n".join(shown([SIGHT], 80, 24))
    for wanted in (
        "124,958 requests/s",
        "98.8 %",
        "1.25 GB/s",
        "50,000 connections",
        "uri-miss",
        "7.50 GB of 8.60 GB",
        "1.10 TB of 2.20 TB",
        "4.0/s refused",
        "2 h 46 min",
    ):
        assert wanted in text


def test_trouble_is_told() -> None:
    away = replace(AFTER, upstream_problem="the upstream takes no connections")
    assert "takes no connections" in "\n".join(shown([replace(SIGHT, snapshot=away)], 80, 24))
    problem = Sight("http://b:1", None, None, "no edge answers at http://b:1")
    lines = shown([SIGHT, problem], 80, 24)
    assert "no edge answers at http://b:1" in lines[0]


def test_a_key_cannot_command_the_terminal() -> None:
    evil = replace(AFTER, hot=(Key(key="/\x1b[2J\x07é", rate=1.0),))
    assert any("/·[2J·é" in line for line in shown([replace(SIGHT, snapshot=evil)], 80, 24))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (size(0), "0 B"), (size(999), "999 B"), (size(1234), "1.23 kB"), (size(99_960), "100 kB"),
        (size(12_345_678), "12.3 MB"), (number(0), "0"), (number(0.26), "0.3"),
        (number(12_345), "12,345"), (share(None), "–"), (share(0.987), "98.7 %"),
        (duration(None), "–"), (duration(48e-6), "48 µs"), (duration(0.0031), "3.1 ms"),
        (duration(1.2), "1.2 s"), (age(12), "12 s"), (age(11_520), "3 h 12 min"),
        (age(187_200), "2 d 4 h"),
    ],
)  # fmt: skip
def test_numbers_are_short(text: str, expected: str) -> None:
    assert text == expected


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as running:
        yield running


@pytest.fixture
async def edge(upstream: ScriptedUpstream) -> AsyncIterator[RunningEdge]:
    async with EDGES["reference"](upstream.url) as running:
        yield running


async def run(*words: str, **variables: str) -> tuple[int, str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "edge", "top", "--interval-s", "0.2", *words,
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=kept | {"XDG_CONFIG_HOME": "/nowhere"} | variables,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


async def test_once_prints_text_and_json_prints_json(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/media/x", Reply(200, {"Cache-Control": "max-age=60"}, b"film"))
    await edge.get("/media/x")
    url = f"http://127.0.0.1:{edge.admin_port}"
    code, out, _ = await run("--once", "--admin-urls", url)
    assert code == 0
    assert "edge-a" in out
    assert "\x1b" not in out
    code, out, _ = await run("--json", "--admin-urls", url)
    (sight,) = json.loads(out)["edges"]
    assert (sight["url"], sight["snapshot"]["requests"]["miss"]) == (url, 1)
    assert sight["rates"]["requests"] == 0


async def test_no_edge_is_told_in_one_sentence() -> None:
    code, out, errors = await run("--once", "--admin-urls", "http://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert errors.startswith("sluice: no edge answers at http://127.0.0.1:9; start one, or name")
    assert errors.count("\n") == 1


async def test_a_missing_token_is_told(upstream: ScriptedUpstream) -> None:
    async with EDGES["reference"](upstream.url, admin_token="secret") as edge:
        url = f"http://127.0.0.1:{edge.admin_port}"
        code, _, errors = await run("--once", "--admin-urls", url)
        assert code == 1
        assert "set SLUICE_ADMIN_TOKEN" in errors
        code, _, _ = await run("--once", "--admin-urls", url, SLUICE_ADMIN_TOKEN="secret")
        assert code == 0


async def test_without_a_terminal_the_live_view_says_what_to_do(
    edge: RunningEdge,
) -> None:
    code, _, errors = await run("--admin-urls", f"http://127.0.0.1:{edge.admin_port}")
    assert code == 2
    assert "--once" in errors


async def test_the_live_view_ends_with_q(edge: RunningEdge) -> None:
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "edge", "top", "--interval-s", "0.2",
        "--admin-urls", f"http://127.0.0.1:{edge.admin_port}",
        cwd=REPOSITORY, stdin=slave, stdout=slave, stderr=slave,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )  # fmt: skip
    os.close(slave)
    seen = b""
    async with asyncio.timeout(60):
        while b"hottest keys" not in seen:
            seen += await asyncio.to_thread(os.read, master, 65536)
        os.write(master, b"q")
        reader = asyncio.create_task(asyncio.to_thread(_drain, master))
        assert await process.wait() == 0
        await reader
    os.close(master)


def _drain(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass  # the other end is closed
