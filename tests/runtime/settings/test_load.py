from pathlib import Path

import pytest

from runtime.listen import HostPort
from runtime.logs import LogLevel
from runtime.settings import (
    EdgeSettings,
    ServerSettings,
    SettingsFault,
    UpSettings,
    load,
)

UPSTREAM = {"SLUICE_EDGE_UPSTREAM": "http://origin:8082"}


def write(folder: Path, text: str) -> str:
    path = folder / "sluice.toml"
    path.write_text(text)
    return str(path)


def problems(*args: object, **kwargs: object) -> tuple[str, ...]:
    with pytest.raises(SettingsFault) as caught:
        load(*args, **kwargs)  # type: ignore[arg-type]  # tables vary them
    return caught.value.problems


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, '[edge]\nmemory_bytes = "1MiB"\nname = "file"\nlisten = ":1"\n')
    environment = UPSTREAM | {
        "SLUICE_CONFIG": file,
        "SLUICE_EDGE_MEMORY_BYTES": "2MiB",
        "SLUICE_EDGE_NAME": "environment",
    }
    settings = load(EdgeSettings, {"memory_bytes": "3MiB"}, environment=environment)
    assert settings.memory_bytes == 3 * 2**20
    assert settings.name == "environment"
    assert settings.listen == HostPort("0.0.0.0", 1)


def test_without_any_source_the_default_holds() -> None:
    settings = load(UpSettings, environment={"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"})
    assert (settings.host, settings.api_port, settings.edge_port) == ("127.0.0.1", 8080, 8081)
    assert settings.log_level is LogLevel.INFO


def test_a_flag_that_was_not_given_leaves_the_other_sources_alone() -> None:
    settings = load(EdgeSettings, {"name": None}, environment=UPSTREAM | {"SLUICE_EDGE_NAME": "e"})
    assert settings.name == "e"


def test_an_empty_variable_counts_as_absent() -> None:
    settings = load(UpSettings, environment={"SLUICE_PUBLIC_URL": "", "XDG_CONFIG_HOME": "/no"})
    assert settings.public_url is None


def test_the_usual_file_is_read_when_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "sluice").mkdir()
    write(tmp_path / "sluice", 'log_level = "debug"\n')
    settings = load(UpSettings, environment={"XDG_CONFIG_HOME": str(tmp_path)})
    assert settings.log_level is LogLevel.DEBUG


def test_one_file_serves_processes_that_do_not_share_a_key(tmp_path: Path) -> None:
    file = write(tmp_path, '[edge]\nname = "e"\n[server]\nlisten = ":9"\n')
    settings = load(ServerSettings, {"config": file}, environment={})
    assert settings.listen == HostPort("0.0.0.0", 9)


def test_built_directly_a_class_looks_at_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_LOG_LEVEL", "debug")
    assert UpSettings().log_level is LogLevel.INFO


def test_lists_are_commas_in_the_environment_and_arrays_in_the_file(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, '[server]\ntrusted_proxy = ["10.0.0.0/8", "127.0.0.1"]\n')
    variables = {"SLUICE_SERVER_EDGE_ADMIN_URLS": "http://a:1, http://b:2/"}
    settings = load(ServerSettings, {"config": file}, environment=variables)
    assert settings.edge_admin_urls == ("http://a:1", "http://b:2")
    assert settings.trusted_proxy == ("10.0.0.0/8", "127.0.0.1")


FAULTS = [
    (
        {"upstream": "ftp://x"},
        {},
        (
            "--upstream is 'ftp://x': not an http:// or https:// URL; "
            "allowed is a base URL, such as https://films.example"
        ),
    ),
    (
        {},
        UPSTREAM | {"SLUICE_EDGE_MEMORY_BYTES": "12x"},
        (
            "SLUICE_EDGE_MEMORY_BYTES is '12x': not a size such as 512MiB or 2GB; "
            "allowed is a size from 1MiB to 16TiB, such as 512MiB"
        ),
    ),
    (
        {"memory_bytes": "1KiB"},
        UPSTREAM,
        "--memory-bytes is '1KiB': too small; allowed is a size from 1MiB to 16TiB, such as 512MiB",
    ),
    (
        {"log_level": "loud"},
        UPSTREAM,
        (
            "--log-level is 'loud': not one of the words; "
            "allowed is one of debug, info, warning, error"
        ),
    ),
    (
        {"listen": "localhost"},
        UPSTREAM,
        (
            "--listen is 'localhost': not HOST:PORT: the port is missing; "
            "allowed is an address, such as 127.0.0.1:8080"
        ),
    ),
    (
        {},
        {},
        (
            "--upstream is required (or SLUICE_EDGE_UPSTREAM, or edge.upstream in the settings "
            "file): a base URL, such as https://films.example"
        ),
    ),
    (
        {},
        UPSTREAM | {"SLUICE_EDGE_MEMROY_BYTES": "1MiB"},
        (
            "the environment variable SLUICE_EDGE_MEMROY_BYTES is no setting; "
            "did you mean SLUICE_EDGE_MEMORY_BYTES?"
        ),
    ),
    ({}, UPSTREAM | {"SLUICE_XYZZY": "1"}, "the environment variable SLUICE_XYZZY is no setting"),
]


@pytest.mark.parametrize(("flags", "environment", "sentence"), FAULTS)
def test_a_bad_setting_names_itself_its_value_and_what_is_allowed(
    flags: dict[str, object], environment: dict[str, str], sentence: str
) -> None:
    assert problems(EdgeSettings, flags, environment=environment) == (sentence,)


def test_every_bad_setting_has_a_sentence() -> None:
    found = problems(EdgeSettings, {"memory_bytes": "x", "listen": "y"}, environment=dict(UPSTREAM))
    assert len(found) == 2


def test_a_bad_value_in_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[edge]\nmemory_bytes = 5\n")
    (found,) = problems(EdgeSettings, {"config": file}, environment=dict(UPSTREAM))
    assert found.startswith(f"edge.memory_bytes in {file} is 5: too small")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("bogus = 1\n", "bogus"),
        ("[edge]\nmemroy_bytes = 1\n", "edge.memroy_bytes"),
        ("[edgy]\nname = 'x'\n", "edgy"),
        ("edge = 3\n", "edge"),
        ("listen = ':1'\n", "listen"),
    ],
)
def test_an_unknown_key_of_the_file_names_itself(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    (found,) = problems(EdgeSettings, {"config": file}, environment=dict(UPSTREAM))
    assert found.startswith(f"the key {named} in {file} is no setting")


def test_a_named_file_that_is_missing_or_no_toml_is_said_so(tmp_path: Path) -> None:
    (missing,) = problems(EdgeSettings, {"config": str(tmp_path / "no.toml")}, environment={})
    assert missing == f"the settings file {tmp_path / 'no.toml'} does not exist"
    (malformed,) = problems(EdgeSettings, {"config": write(tmp_path, "a = ")}, environment={})
    assert malformed.startswith(f"the settings file {tmp_path / 'sluice.toml'} is not TOML")


def test_the_value_of_a_secret_is_never_shown() -> None:
    (found,) = problems(ServerSettings, environment={"SLUICE_DATABASE_URL": "mysql://u:secret@h/d"})
    assert "secret" not in found
    assert found.startswith("SLUICE_DATABASE_URL is hidden: not a postgresql:// URL")


def test_variables_between_our_own_processes_and_of_tests_are_no_settings_and_fine() -> None:
    environment = {
        "SLUICE_READY_FD": "3",
        "SLUICE_CHROMIUM": "/usr/bin/chromium",
        "SLUICE_TEST_LOOP": "uvloop",
        "XDG_CONFIG_HOME": "/nowhere",
    }
    assert load(UpSettings, environment=environment).api_port == 8080


def test_a_process_that_needs_the_database_says_how_to_name_it() -> None:
    with pytest.raises(SettingsFault, match="SLUICE_DATABASE_URL is required"):
        ServerSettings().require_database_url()


@pytest.mark.parametrize(
    "keys", ["nonsense", f"k1:{'A' * 41}", f"k1:{'A' * 43},k1:{'B' * 43}", "k1:c2VjcmV0"]
)
def test_unusable_media_keys_are_refused_without_being_shown(keys: str) -> None:
    (found,) = problems(
        EdgeSettings, {"upstream": "http://o"}, environment={"SLUICE_MEDIA_KEYS": keys}
    )
    assert found.startswith("SLUICE_MEDIA_KEYS is hidden: ")
    assert not any(part in found for part in ("c2VjcmV0", "A" * 41, "nonsense"))


def test_server_and_edge_read_the_same_keys() -> None:
    environment = {"SLUICE_MEDIA_KEYS": f"k2:{'A' * 43},k1:{'B' * 43}", "XDG_CONFIG_HOME": "/no"}
    edge = load(EdgeSettings, {"upstream": "http://o"}, environment=environment)
    server = load(ServerSettings, environment=environment)
    assert edge.key_ring() == server.key_ring()
    assert [key.kid for key in edge.key_ring().keys] == ["k2", "k1"]
    assert "AAAA" not in repr(edge.key_ring())
