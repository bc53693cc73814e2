"""A disk tier in a folder of the test's own, opened as often as it likes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.disk.metrics import DiskMetrics
from edge.disk.opening import DiskPlan, open_disk
from edge.disk.tier import DiskTier
from runtime.metrics import Metrics
from tests.fixtures.disk import Opened

Opens = Callable[..., AbstractAsyncContextManager[Opened]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def opens(folder: Path) -> Opens:
    """Opens the tier in the folder, as the next start of the edge would."""

    @asynccontextmanager
    async def opening(**plan: Any) -> AsyncIterator[Opened]:
        metrics = Metrics(process="test", with_process=False)
        chosen = {"folder": folder, "limit_bytes": 2**30, "reserve_bytes": 0, **plan}
        async with open_disk(DiskPlan(**chosen), DiskMetrics(metrics)) as tier:
            yield Opened(tier, metrics.registry)

    return opening


@pytest.fixture
async def opened(opens: Opens) -> AsyncIterator[Opened]:
    async with opens() as found:
        yield found


@pytest.fixture
def tier(opened: Opened) -> DiskTier:
    return opened.tier
