"""A client that leaves as soon as it has its answer, as a proxy does that keeps no connections.

The edge is a process of its own, so that the client is often gone before the edge knows that this
was all.
"""

import asyncio
import json
from pathlib import Path

from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.upstream import Reply, ScriptedUpstream

FRESH = {"Cache-Control": "max-age=60"}


async def test_who_leaves_with_the_last_byte_has_not_broken_off(
    process: EdgeProcess, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    process.flags = ("--access-log", str(log))
    edge = await process.start()
    targets = [f"/media/p_1/{number}.m4s" for number in range(50)]
    for target in targets:
        upstream.on(target, Reply(200, FRESH, b"film"))
        assert (await edge.get(target)).body == b"film"
    await edge.until_metric("sluice_edge_requests_total", len(targets), result="miss")
    async with asyncio.timeout(60):
        while log.read_bytes().count(b"\n") < len(targets):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {(line["result"], line["aborted_bytes"]) for line in lines} == {("miss", 0)}
