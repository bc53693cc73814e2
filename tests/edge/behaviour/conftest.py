"""The behaviour of an edge, whichever it is, on both loops, with and without an access log.

Each edge runs on each loop, once in all: the reference on asyncio's debug mode when the twins of
the native modules are tested, everything else with the compiled ones.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import native
from edge.metrics import EdgeMetrics, Result
from tests.conftest import LOOP, LOOPS
from tests.fixtures.edge import EDGES, RunningEdge, StartEdge

HERE = Path(__file__).parent


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS if native.IMPL == "compiled" else {LOOP: LOOPS[LOOP]}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if native.IMPL == "compiled":
        left_out = [item for item in items if is_run_with_the_twins(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_run_with_the_twins(item)]


def is_run_with_the_twins(item: pytest.Item) -> bool:
    """Whether it is of this folder, with the reference edge on asyncio's debug mode."""
    if not isinstance(item, pytest.Function) or not item.path.is_relative_to(HERE):
        return False
    found = getattr(item, "callspec", None)
    return (
        found is not None
        and found.params.get("start_edge") == "reference"
        and "asyncio-debug" in found.id
    )


@pytest.fixture(params=sorted(EDGES))
def start_edge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> StartEdge:
    """Starts edges that keep an access log, which has to agree with what they counted.

    On the edges of one loop they do: on the other there is no log, as there is none by default.
    """
    start = EDGES[request.param]
    if "uvloop" not in request.node.name:
        return start

    @asynccontextmanager
    async def logged(upstream: str, **config: Any) -> AsyncIterator[RunningEdge]:
        log = tmp_path_factory.mktemp("log") / "access.log"
        metrics = EdgeMetrics()
        async with start(upstream, **{"log": log, "metrics": metrics, **config}) as edge:
            yield edge
        if "log" not in config:
            check(log, metrics)

    return logged


def check(log: Path, metrics: EdgeMetrics) -> None:
    """Every request that was answered has left one line.

    One whose client left may not have reached Python, and what aiohttp cannot read, nobody counts.
    A client that leaves with the last byte, before Python has said that it was the last, has a line
    of an answer broken off, although it was counted as what it was.
    """
    metrics.page.render()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    kinds = Counter(line["result"] for line in lines if "path" in line)
    unread = sum("path" not in line for line in lines)
    # In one pass: to collect is what costs, and this comes after each of a thousand tests.
    found = [each for family in metrics.page.registry.collect() for each in family.samples]
    counted = dict.fromkeys(Result, 0.0)
    for sample in found:
        if sample.name == "sluice_edge_requests_total":
            counted[Result(sample.labels["result"])] = sample.value
    refused = sum(
        sample.value for sample in found if sample.name == "sluice_edge_refused_heads_total"
    )
    counted[Result.LOCAL] -= refused
    left_last = {
        result: counted[result] - kinds[result] for result in Result if result is not Result.ABORTED
    }
    assert all(count >= 0 for count in left_last.values()), left_last
    assert kinds[Result.ABORTED] - counted[Result.ABORTED] >= sum(left_last.values()), left_last
    assert unread >= refused
