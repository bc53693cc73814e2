"""What is true of the data plane alone."""

from collections.abc import AsyncIterator

import pytest

import native
from tests.fixtures.edge import EDGES, RunningEdge, StartEdge
from tests.fixtures.upstream import ScriptedUpstream

if native.IMPL != "compiled":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def start_edge() -> StartEdge:
    return EDGES["plane"]


@pytest.fixture
async def edge(start_edge: StartEdge, upstream: ScriptedUpstream) -> AsyncIterator[RunningEdge]:
    async with start_edge(upstream.url) as running:
        yield running
