"""What the command says when something is wrong, and with which exit code it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.instance import InstanceLock
from runtime.listen import HostPort, bind, local_address

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
COMMANDS = [
    "up",
    "ingest",
    "package",
    "server",
    "origin",
    "worker",
    "edge",
    "migrate",
    "doctor",
    "build",
]
ANY_PORT = ["--api-port", "0", "--edge-port", "0", "--origin-port", "0", "--edge-admin-port", "0"]


def sluice(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd=REPOSITORY,
        env=kept | {"XDG_CONFIG_HOME": "/nowhere", "XDG_DATA_HOME": "/nowhere"} | variables,
        check=False,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error."""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("sluice: ")
    return line.removeprefix("sluice: ")


def test_the_version_is_one_line() -> None:
    done = sluice("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("sluice ")
    assert done.stdout.count("\n") == 1


def test_the_version_is_shown_without_importing_the_house() -> None:
    code = "import sys; from cli.main import run; run(['--version']); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    for heavy in ("typer", "pydantic", "aiohttp", "asyncpg", "uvloop", "rich"):
        assert f"'{heavy}'" not in done.stdout


def test_an_edge_imports_neither_ffmpeg_nor_postgres() -> None:
    code = (
        "import sys; import cli.commands, edge.main; "
        "[each for each in cli.commands.COMMANDS if each.name == 'edge'][0].build(); "
        "print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    for foreign in ("av", "asyncpg", "pgqueuer"):
        assert f"'{foreign}'" not in done.stdout


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in COMMANDS), ["edge", "top"]],
    ids=lambda words: words[-1:],
)
def test_help_shows_examples(command: list[str]) -> None:
    done = sluice(*command, "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert "sluice " in done.stdout.partition("Examples:")[2]


def test_help_lists_every_command() -> None:
    shown = sluice().stdout
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["edgee"], "No such command 'edgee'. Did you mean 'edge'?; see --help"),
        (["edge", "--memory", "1"], "No such option: --memory"),
        (["ingest"], "Missing argument 'FILE...'"),
        (["edge", "--memory-bytes", "12x", "--upstream", "http://a"], "--memory-bytes is '12x': "),
        (["server", "--listen", "nowhere"], "--listen is 'nowhere': not HOST:PORT"),
        (["up", "--workers", "0"], "--workers is '0': too small"),
        (["edge"], "--upstream is required"),
        (["server"], "SLUICE_DATABASE_URL is required"),
        (["ingest", "--server", "nas", __file__], "--server is 'nas': not an http:// or https://"),
        (["ingest", "/no/such/film.mp4"], "cannot read /no/such/film.mp4: No such file"),
        (["ingest", "/"], "/ is a folder"),
        (["up", "/no/such/film.mp4"], "cannot read /no/such/film.mp4: No such file"),
        (["build"], "building is the launcher's work: run "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_of_the_caller_is_one_sentence_and_exit_code_2(
    words: list[str], said: str
) -> None:
    done = sluice(*words)
    assert said in sentence(done)
    assert done.returncode == 2
    assert done.stdout == ""


def test_an_unknown_variable_is_exit_code_2() -> None:
    done = sluice("up", SLUICE_API_PROT="1")
    assert sentence(done) == (
        "the environment variable SLUICE_API_PROT is no setting; did you mean SLUICE_API_PORT?"
    )
    assert done.returncode == 2


def test_ingest_into_a_server_that_is_not_there_fails(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x")
    done = sluice("ingest", "--server", "http://127.0.0.1:1", str(film))
    assert done.returncode == 1
    assert "film.mp4: failed: no Sluice answers at http://127.0.0.1:1" in done.stdout


def test_a_port_in_use_is_one_sentence_and_nothing_is_started(tmp_path: Path) -> None:
    with bind(HostPort("127.0.0.1", 0)) as taken:
        port = str(local_address(taken).port)
        done = sluice("up", "--data", str(tmp_path), *ANY_PORT, "--api-port", port)
    assert f"port {port} on 127.0.0.1 is in use" in sentence(done)
    assert done.returncode == 1
    assert not (tmp_path / "postgres").exists()


def test_a_data_folder_in_use_is_one_sentence_with_the_holder(tmp_path: Path) -> None:
    with InstanceLock(tmp_path):
        done = sluice("up", "--data", str(tmp_path), *ANY_PORT)
    assert f"{tmp_path} is in use by another Sluice (process {os.getpid()})" in sentence(done)
    assert done.returncode == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = sluice("up", "--data", str(tmp_path / "file" / "data"), *ANY_PORT)
    assert sentence(done).startswith(f"cannot write to {tmp_path}/file/data: ")
    assert done.returncode == 1


def test_a_postgres_that_will_not_start_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "postgres"
    broken.mkdir()
    (broken / "PG_VERSION").write_text("9\n")
    done = sluice("up", "--data", str(tmp_path), *ANY_PORT)
    assert "was made by Postgres 9" in sentence(done)
    assert done.returncode == 1


def test_a_database_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    url = "postgresql://sluice@127.0.0.1:1/sluice"
    done = sluice("up", "--data", str(tmp_path), *ANY_PORT, SLUICE_DATABASE_URL=url)
    assert "127.0.0.1:1" in sentence(done)
    assert done.returncode == 1


def test_doctor_says_what_it_found_for_each_check(tmp_path: Path) -> None:
    done = sluice("doctor", "--json", "--data", str(tmp_path / "new"), *ANY_PORT)
    findings = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    expected = {"python", "native", "pages", "ffmpeg", "postgres", "redis", "data", "ports"}
    assert set(findings) == expected
    assert findings["postgres"]["well"]
    assert findings["ports"]["well"]
    assert not (tmp_path / "new").exists()


def test_doctor_gives_the_line_that_mends_it_and_fails(tmp_path: Path) -> None:
    with bind(HostPort("127.0.0.1", 0)) as taken:
        port = str(local_address(taken).port)
        done = sluice("doctor", "--data", str(tmp_path), *ANY_PORT, "--edge-port", port)
    assert done.returncode == 1
    assert "to mend it: sluice up --edge-port PORT" in done.stdout


def test_the_shell_completes_commands() -> None:
    done = sluice(_SLUICE_COMPLETE="complete_bash", COMP_WORDS="sluice wor", COMP_CWORD="1")
    assert done.stdout.split() == ["worker"]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "up", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.wait(DEADLINE_S)
    process.stderr.close()
    assert said == ""
