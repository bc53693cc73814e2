"""The behaviour of an edge, whichever it is, on both event loops."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.conftest import LOOPS


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
