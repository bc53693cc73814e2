"""An upstream to script and edges in front of it; what runs here runs once for each edge."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.edge import EDGES, RunningEdge, StartEdge
from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.upstream import ScriptedUpstream, scripted_upstream


@pytest.fixture(params=sorted(EDGES))
def start_edge(request: pytest.FixtureRequest) -> StartEdge:
    return EDGES[request.param]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as running:
        yield running


@pytest.fixture
async def edge(start_edge: StartEdge, upstream: ScriptedUpstream) -> AsyncIterator[RunningEdge]:
    async with start_edge(upstream.url) as running:
        yield running


@pytest.fixture
async def process(upstream: ScriptedUpstream, tmp_path: Path) -> AsyncIterator[EdgeProcess]:
    """An edge that is a process of its own, and has not begun."""
    running = EdgeProcess(upstream.url, tmp_path / "cache")
    try:
        yield running
    finally:
        running.close()
