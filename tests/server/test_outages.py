"""When Postgres goes away, or was never ready."""

from pathlib import Path

import aiohttp
import pytest

from runtime.listen import AddressInUse, HostPort, bind, local_address
from runtime.migrations import SchemaOutdated, migrate
from runtime.postgres import DatabaseUnavailable
from server.main import run
from tests.fixtures.postgres import running_postgres
from tests.fixtures.server import running_server, server_settings

pytestmark = pytest.mark.postgres


async def test_without_postgres_a_call_is_worth_a_retry_and_the_process_stays(
    tmp_path: Path,
) -> None:
    with running_postgres() as server:
        url = server.url("sluice")
        await migrate(url)
        running = running_server(server_settings(url, tmp_path / "data"))
        api = await running.__aenter__()
        video = await api.upload()
    for method, path in (
        ("GET", "/videos"),
        ("GET", f"/videos/{video['id']}"),
        ("GET", f"/videos/{video['id']}/play"),
        ("DELETE", f"/videos/{video['id']}"),
        ("GET", "/users/ada/history"),
    ):
        answer = await api.ask(method, path)
        assert (answer.status, answer.code) == (503, "database.unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    ready = await api.get("/readyz")
    assert ready.status == 503
    assert ready.json["checks"]["store"] == "ok"
    assert ready.json["checks"]["postgres"] != "ok"
    assert (await api.get("/healthz")).status == 200
    assert (await api.get("/")).status == 200
    await running.__aexit__(None, None, None)


async def test_an_upload_without_postgres_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with running_postgres() as server:
        url = server.url("sluice")
        await migrate(url)
        running = running_server(server_settings(url, tmp_path / "data"))
        api = await running.__aenter__()
    form = aiohttp.FormData()
    form.add_field("file", b"film", filename="film.mp4")
    answer = await api.ask("POST", "/videos", data=form)
    assert (answer.status, answer.code) == (503, "database.unavailable")
    assert api.stored() == set()
    assert api.received() == []
    await running.__aexit__(None, None, None)


async def test_a_server_does_not_start_on_a_database_without_tables(
    empty_database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(SchemaOutdated, match="run `sluice migrate`"):
        await run(server_settings(empty_database_url, tmp_path / "data"))


async def test_a_server_does_not_start_without_postgres(tmp_path: Path) -> None:
    url = f"postgresql:///sluice?host={tmp_path}&user=ada"
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await run(server_settings(url, tmp_path / "data"))


async def test_a_port_that_is_taken_is_named(database_url: str, tmp_path: Path) -> None:
    with bind(HostPort("127.0.0.1", 0)) as taken:
        port = local_address(taken).port
        settings = server_settings(database_url, tmp_path / "data").model_copy(
            update={"listen": HostPort("127.0.0.1", port)}
        )
        with pytest.raises(AddressInUse, match=str(port)):
            await run(settings)


async def test_a_server_that_is_stopped_gives_back_its_port_and_its_scratch_folder(
    database_url: str, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data")
    async with running_server(settings) as api:
        address = HostPort.parse(api.url.removeprefix("http://"))
        assert list((tmp_path / "data/scratch").iterdir())
    bind(address).close()
    assert list((tmp_path / "data/scratch").iterdir()) == []
