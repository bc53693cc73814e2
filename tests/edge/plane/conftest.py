"""What is true of the data plane alone."""

from collections.abc import AsyncIterator, Iterator

import pytest

import native
from tests.fixtures.edge import EDGES, RunningEdge, StartEdge
from tests.fixtures.upstream import ScriptedUpstream

if native.IMPL == "compiled":
    from edge.shelf import PlaneShelf
    from tests.fixtures.bare_plane import BarePlane, bare_plane
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def start_edge() -> StartEdge:
    return EDGES["plane"]


@pytest.fixture
async def edge(start_edge: StartEdge, upstream: ScriptedUpstream) -> AsyncIterator[RunningEdge]:
    async with start_edge(upstream.url) as running:
        yield running


@pytest.fixture
def plane() -> "Iterator[BarePlane]":
    with bare_plane() as running:
        yield running


@pytest.fixture
def shelf(plane: "BarePlane") -> "PlaneShelf":
    """What shows the plane what is stored."""
    shelf = PlaneShelf("edge-a", plane.memory)
    shelf.attach(plane.plane)
    return shelf
