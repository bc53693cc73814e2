from pathlib import Path

from cli.up.addresses import Addresses
from cli.up.children import Command, commands, worker_names
from runtime.listen import HostPort
from runtime.logs import LogFormat
from runtime.settings import (
    EdgeSettings,
    OriginSettings,
    ServerSettings,
    UpSettings,
    WorkerSettings,
    load,
)
from runtime.settings.declaration import SluiceSettings

ADDRESSES = Addresses(
    api=HostPort("0.0.0.0", 8080),
    edge=HostPort("0.0.0.0", 18081),
    origin=HostPort("127.0.0.1", 8082),
    edge_admin=HostPort("127.0.0.1", 8083),
)
DATABASE = "postgresql://sluice:pw@/sluice"
KEYS = f"k1:{'A' * 43}="
MASTER = "m1:" + "B" * 43 + "="
CLASSES: dict[str, type[SluiceSettings]] = {
    "origin": OriginSettings,
    "server": ServerSettings,
    "worker": WorkerSettings,
    "edge": EdgeSettings,
}


def made(**settings: object) -> list[Command]:
    up = UpSettings.model_validate(settings)
    return commands(
        up, ADDRESSES, database_url=DATABASE, media_keys=KEYS, master_key=MASTER, colours=False
    )


def understood(command: Command) -> SluiceSettings:
    """What the child reads from its command line and environment."""
    word, *rest = command.argv[3:]
    flags = {
        key.removeprefix("--").replace("-", "_"): value
        for key, value in zip(rest[::2], rest[1::2], strict=True)
    }
    environment = {key: value for key, value in command.environment.items() if "SLUICE_" in key}
    return load(CLASSES[word], flags, environment=environment | {"XDG_CONFIG_HOME": "/nowhere"})


def test_there_is_one_process_of_each_kind_and_as_many_workers_as_asked_for() -> None:
    names = [command.name for command in made(workers=2)]
    assert names == ["origin", "server", "worker-1", "worker-2", "edge"]
    assert worker_names(1) == ["worker"]


def test_every_child_understands_its_command_line() -> None:
    for command in made(data=Path("/srv/films")):
        settings = understood(command)
        assert type(settings) is CLASSES[command.name]


def test_children_see_what_up_sees() -> None:
    origin, server, worker, edge = (
        understood(each)
        for each in made(
            data=Path("/srv/films"), public_url="https://films.example", log_level="debug"
        )
    )
    assert isinstance(server, ServerSettings)
    assert isinstance(edge, EdgeSettings)
    assert isinstance(origin, OriginSettings)
    assert isinstance(worker, WorkerSettings)
    assert server.public_url == "https://films.example"
    assert server.data == worker.data == origin.data == Path("/srv/films")
    assert {server.log_level, edge.log_level} == {"debug"}
    assert server.database_url == DATABASE
    assert server.edge_port == 18081
    assert server.edge_admin_urls == ("http://127.0.0.1:8083",)
    assert edge.upstream == "http://127.0.0.1:8082"
    assert edge.cache_dir == Path("/srv/films/edge-cache")
    assert (edge.listen, edge.admin_listen) == (ADDRESSES.edge, ADDRESSES.edge_admin)


def test_the_database_url_stands_on_no_command_line() -> None:
    for command in made():
        assert not any("postgresql://" in word for word in command.argv)
        assert command.environment["SLUICE_DATABASE_URL"] == DATABASE


def test_server_and_edge_alone_have_the_media_keys_and_on_no_command_line() -> None:
    for command in made():
        assert not any(KEYS in word for word in command.argv)
        has_keys = command.name in {"server", "edge"}
        assert (command.environment.get("SLUICE_MEDIA_KEYS") == KEYS) is has_keys


def test_the_policy_is_handed_to_the_server() -> None:
    server = understood(made(default_policy="signed")[1])
    assert isinstance(server, ServerSettings)
    assert (server.default_policy, server.media_keys) == ("signed", KEYS)


def test_children_write_for_a_person_unless_json_is_asked_for() -> None:
    assert {understood(each).log_format for each in made()} == {LogFormat.CONSOLE}  # type: ignore[attr-defined]  # every class has it
    json = made(log_format="json")
    assert {understood(each).log_format for each in json} == {LogFormat.JSON}  # type: ignore[attr-defined]  # every class has it
