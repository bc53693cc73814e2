"""What the tests of the server share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.server import Api, running_server, server_settings


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server with a database and a data folder of its own."""
    async with running_server(server_settings(database_url, tmp_path / "data")) as running:
        yield running
