"""An upstream to script and edges in front of it; what runs here runs once for each edge."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.edge import EDGES, RunningEdge, StartEdge
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
