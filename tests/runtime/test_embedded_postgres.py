import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime import embedded_postgres, postgres_programs
from runtime.child import ChildProcess
from runtime.embedded_postgres import (
    EmbeddedPostgres,
    PostgresFailed,
    end_orphans,
    make_socket_folder,
)
from runtime.postgres import connect
from runtime.postgres_programs import PostgresMissing, bundled_bin, find_programs
from tests.fixtures.processes import has_ended, until

pytestmark = pytest.mark.postgres


@pytest.fixture
def data() -> Iterator[Path]:
    # Not under pytest's folder, which other users cannot enter: as root Postgres may be another.
    folder = Path(tempfile.mkdtemp(prefix="sluice-tests-"))
    folder.chmod(0o755)
    yield folder
    end_orphans(folder / "postgres")
    shutil.rmtree(folder)


@pytest.fixture
async def postgres(data: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(data) as started:
        yield started


async def ask(postgres: EmbeddedPostgres, statement: str) -> object:
    async with connect(postgres.url) as session:
        return await session.fetchval(statement)


async def write(postgres: EmbeddedPostgres) -> None:
    async with connect(postgres.url) as session:
        await session.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")


def fake_programs(folder: Path, major: int) -> Path:
    """Programs of another version: they say so, and do nothing else."""
    folder.mkdir()
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")
        program.chmod(0o755)
    return folder


async def test_a_fresh_folder_becomes_a_durable_utf8_cluster(postgres: EmbeddedPostgres) -> None:
    assert await ask(postgres, "SELECT current_database()") == "sluice"
    assert await ask(postgres, "SHOW server_encoding") == "UTF8"
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await ask(postgres, f"SHOW {setting}") == "on"


async def test_it_listens_on_a_private_socket_and_on_no_port(postgres: EmbeddedPostgres) -> None:
    assert await ask(postgres, "SHOW listen_addresses") == ""
    folder = Path(str(await ask(postgres, "SHOW unix_socket_directories")))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(f"{folder}/.s.PGSQL.5432") <= 107


async def test_the_socket_path_is_short_however_deep_the_data_lies(data: Path) -> None:
    deep = data / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    async with EmbeddedPostgres(deep) as postgres:
        assert await ask(postgres, "SELECT 1") == 1


async def test_what_was_committed_is_there_after_an_orderly_stop(data: Path) -> None:
    async with EmbeddedPostgres(data) as first:
        await write(first)
        pid = first.child.pid
    assert has_ended(pid)
    async with EmbeddedPostgres(data) as second:
        assert await ask(second, "SELECT n FROM kept") == 7


async def test_what_was_committed_is_there_after_kill_9_of_the_postmaster(data: Path) -> None:
    first = EmbeddedPostgres(data)
    await first.start(lambda _line: None)
    async with connect(first.url):
        await write(first)
        os.kill(first.child.pid, signal.SIGKILL)
        assert await first.child.wait() == -signal.SIGKILL
    async with EmbeddedPostgres(data) as second:
        assert await ask(second, "SELECT n FROM kept") == 7


async def test_a_cluster_left_running_is_ended_and_started_anew(data: Path) -> None:
    left = EmbeddedPostgres(data)
    left.prepare()
    process = subprocess.Popen(
        left.argv(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    await until(left.is_ready)
    await write(left)
    async with EmbeddedPostgres(data) as second:
        process.wait(60)
        assert second.child.pid != process.pid
        assert await ask(second, "SELECT n FROM kept") == 7


async def test_it_ends_in_order_when_its_supervisor_is_killed(data: Path) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from runtime.embedded_postgres import EmbeddedPostgres\n"
        "async def main():\n"
        "    postgres = EmbeddedPostgres(pathlib.Path(sys.argv[1]))\n"
        "    await postgres.start(lambda line: None)\n"
        "    print(postgres.child.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    lines: list[str] = []
    supervisor = await ChildProcess.spawn(
        "supervisor",
        [sys.executable, "-c", code, str(data)],
        on_line=lines.append,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    await until(lambda: bool(lines))
    pid = int(lines[0])
    assert not has_ended(pid)
    supervisor.send(signal.SIGKILL)
    await until(lambda: has_ended(pid))
    await supervisor.wait()
    assert not (data / "postgres" / "postmaster.pid").exists()


async def test_a_pid_file_whose_number_belongs_to_somebody_else_is_no_obstacle(data: Path) -> None:
    async with EmbeddedPostgres(data) as first:
        pid_file = data / "postgres" / "postmaster.pid"
        stale = pid_file.read_text().replace(str(first.child.pid), str(os.getpid()), 1)
    pid_file.write_text(stale)
    async with EmbeddedPostgres(data) as second:
        assert await ask(second, "SELECT 1") == 1


async def test_a_half_made_cluster_is_made_again(data: Path) -> None:
    half = data / "postgres.making-abc"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(data) as postgres:
        assert await ask(postgres, "SELECT 1") == 1
    assert [path.name for path in data.glob("postgres*")] == ["postgres"]


async def test_a_cluster_of_another_major_version_is_named_and_left_alone(
    data: Path, tmp_path: Path
) -> None:
    async with EmbeddedPostgres(data):
        pass
    other = EmbeddedPostgres(data, bin_folder=fake_programs(tmp_path / "bin", 99))
    with pytest.raises(PostgresFailed, match=r"was made by Postgres \d+ and .* holds 99"):
        other.prepare()
    assert (data / "postgres" / "PG_VERSION").exists()


async def test_a_cluster_that_is_refused_leaves_no_socket_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddedPostgres(data):
        pass
    sockets = data / "sockets"
    sockets.mkdir()
    monkeypatch.setattr(embedded_postgres, "_socket_root", lambda _run_as: sockets)
    other = EmbeddedPostgres(data, bin_folder=fake_programs(tmp_path / "bin", 99))
    with pytest.raises(PostgresFailed, match="holds 99"):
        await other.start(lambda _line: None)
    await other.stop()
    assert list(sockets.iterdir()) == []


async def test_a_cluster_that_cannot_start_says_why_in_one_sentence(data: Path) -> None:
    async with EmbeddedPostgres(data):
        pass
    (data / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresFailed, match=r"did not start .*(pg_control|cluster)") as caught:
        await EmbeddedPostgres(data).start(lambda _line: None)
    assert "\n" not in str(caught.value)


def test_a_socket_folder_that_is_open_to_others_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = make_socket_folder(tmp_path / "postgres", None)
    assert folder.parent == tmp_path
    folder.chmod(0o777)
    with pytest.raises(PostgresFailed, match="is not this user's alone"):
        make_socket_folder(tmp_path / "postgres", None)


def test_a_runtime_folder_too_deep_for_a_socket_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    folder = make_socket_folder(tmp_path / "postgres", None)
    assert folder.parent == Path("/tmp")
    folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_a_user_with_a_name_since_initdb_asks_for_it() -> None:
    identity = postgres_programs.choose_identity()
    if identity.run_as is not None:
        assert pwd.getpwuid(identity.run_as.uid).pw_name in postgres_programs.UNPRIVILEGED_USERS
        return
    words = [*identity.prefix, "id", "-un"]
    named = subprocess.run(words, capture_output=True, text=True, check=True)
    assert named.stdout.strip() in postgres_programs.NAMESPACE_USERS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_where_user_namespaces_are_forbidden_root_drops_to_a_system_user(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The environment may lie in a home folder, which the other user cannot enter.
    programs = bundled_bin()
    assert programs is not None
    site_packages = programs.parents[2]
    for folder in site_packages.glob("embedded_postgres*"):
        shutil.copytree(folder, data / folder.name)
    within_reach = data / programs.relative_to(site_packages)
    monkeypatch.setattr(postgres_programs, "UNSHARE", ("false",))
    postgres_programs.choose_identity.cache_clear()
    try:
        dropped = postgres_programs.choose_identity().run_as
        assert dropped is not None
        async with EmbeddedPostgres(data, bin_folder=within_reach) as postgres:
            assert await ask(postgres, "SELECT 1") == 1
            assert Path(f"/proc/{postgres.child.pid}").stat().st_uid == dropped.uid
    finally:
        postgres_programs.choose_identity.cache_clear()
    async with EmbeddedPostgres(data, bin_folder=within_reach) as again:
        assert await ask(again, "SELECT 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_the_system_user_cannot_enter_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = data / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(postgres_programs, "UNSHARE", ("false",))
    postgres_programs.choose_identity.cache_clear()
    try:
        with pytest.raises(PostgresFailed, match=f"who cannot enter {closed}"):
            EmbeddedPostgres(closed).prepare()
    finally:
        postgres_programs.choose_identity.cache_clear()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_cluster_of_another_user_is_named_and_left_alone(data: Path) -> None:
    (data / "postgres").mkdir()
    (data / "postgres" / "postmaster.pid").touch()
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        with pytest.raises(PostgresFailed, match=r"belongs to another user \(root\)"):
            EmbeddedPostgres(data).prepare()
    finally:
        os.seteuid(0)
    assert (data / "postgres" / "postmaster.pid").exists()


def test_a_named_folder_without_programs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PostgresMissing, match="does not hold the programs postgres and initdb"):
        find_programs(tmp_path)


def test_a_named_folder_wins_over_the_bundled_programs(tmp_path: Path) -> None:
    assert find_programs(fake_programs(tmp_path / "bin", 42)).major == 42


def test_the_bundled_programs_are_found() -> None:
    assert find_programs().major >= 17
