"""The Postgres that `up` brings along: made, started, found again after a crash, and stopped.

What is blocking (`prepare`, `is_ready`) is apart from what awaits (`start`, `stop`), so that a
supervisor and a synchronous test can both use it. Whoever uses it holds the lock of the data
folder (`runtime.instance`), for a postmaster found here is taken to be left behind.
"""

import asyncio
import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from core.errors import OperatorFault
from runtime.child import ChildProcess, OnLine, RunAs, StopStep, describe_exit
from runtime.postgres_programs import Identity, Programs, choose_identity, find_programs

CLUSTER: Final = "postgres"
DATABASE: Final = "sluice"
USER: Final = "sluice"
MAKE_DEADLINE_S: Final = 120.0
# Replaying the log after a power cut takes its time; the log is bounded by max_wal_size.
START_DEADLINE_S: Final = 120.0
POLL_S: Final = 0.02
ORPHAN_DEADLINE_S: Final = 10.0
# The path of a unix socket, with its end (sys/un.h sun_path is 108 bytes long).
SOCKET_PATH_LIMIT_BYTES: Final = 107
SOCKET_NAME: Final = ".s.PGSQL.5432"
FIRST_WITH_BUILTIN_LOCALE: Final = 17
FIRST_WITH_IO_METHOD: Final = 18
# "Fast": sessions end, a checkpoint is written. Then "immediate": no checkpoint, the next start
# replays the log (PostgreSQL documentation, Shutting Down the Server).
STOP_STEPS: Final = (StopStep(signal.SIGINT, 20.0), StopStep(signal.SIGQUIT, 5.0))

# For a laptop that also encodes video. Nothing here weakens durability.
TUNING: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "512MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}


class PostgresFailed(OperatorFault):
    """The embedded Postgres cannot be made or started."""

    code = "postgres.failed"


class EmbeddedPostgres:
    """One Postgres cluster in ``<data>/postgres``, reachable over a unix socket alone."""

    def __init__(self, data: Path, *, bin_folder: Path | None = None) -> None:
        self.folder = data / CLUSTER
        self._bin_folder = bin_folder
        self._programs: Programs | None = None
        self._identity = Identity()
        self._socket_folder = Path()
        self._child: ChildProcess | None = None
        self._tail: list[str] = []

    @property
    def url(self) -> str:
        """The URL of the database; known once `prepare` has run."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self._socket_folder), safe='')}"

    @property
    def child(self) -> ChildProcess:
        """The running postmaster; only after `start`."""
        assert self._child is not None, "not started"
        return self._child

    def prepare(self) -> None:
        """Find the programs, end what a crash left running, make the cluster if there is none.

        Blocks: seconds on a first start. Raises `PostgresMissing` and `PostgresFailed`.
        """
        _refuse_foreign(self.folder)
        self._programs = find_programs(self._bin_folder)
        self._identity = choose_identity()
        self._socket_folder = make_socket_folder(self.folder, self._identity.run_as)
        end_orphans(self.folder)
        _remove_socket(self._socket_folder)
        _remove_half_made(self.folder)
        if not self.folder.exists():
            self._make()
        self._check_version()
        _give_to(self.folder, self._identity.run_as)

    def argv(self) -> list[str]:
        """Give the command of the postmaster."""
        assert self._programs is not None, "prepare first"
        tuning = dict(TUNING)
        if self._programs.major >= FIRST_WITH_IO_METHOD:
            tuning["io_method"] = "sync"
        options = [word for key, value in tuning.items() for word in ("-c", f"{key}={value}")]
        postgres = self._programs.path("postgres")
        socket = str(self._socket_folder)
        return [*self._identity.prefix, postgres, "-D", str(self.folder), "-k", socket, *options]

    def is_ready(self) -> bool:
        """Whether the postmaster says, in the last line of its pid file, that it accepts us."""
        return _pid_file(self.folder)[7:8] == ["ready"]

    async def start(self, on_line: OnLine) -> str:
        """Prepare, start, and wait until it accepts connections; give the database's URL."""
        await asyncio.to_thread(self.prepare)
        self._tail = []

        def keep(line: str) -> None:
            self._tail = [*self._tail[-9:], line]
            on_line(line)

        # `unshare` execs, so the child's pid is the postmaster's and the death signal stays set.
        self._child = await ChildProcess.spawn(
            "postgres",
            self.argv(),
            on_line=keep,
            env=_environment(),
            death_signal=signal.SIGINT,
            run_as=self._identity.run_as,
        )
        await self._until_ready(self._child)
        return self.url

    async def stop(self) -> None:
        """Stop it fast but orderly; harder when that takes too long."""
        if self._child is not None:
            await self._child.stop(STOP_STEPS)
            self._child = None
        # There is one even where nothing was started, as for a cluster of another version.
        self.remove_socket_folder()

    def remove_socket_folder(self) -> None:
        """Remove the folder of the socket, once nothing listens there any more."""
        with contextlib.suppress(OSError):
            self._socket_folder.rmdir()

    async def _until_ready(self, child: ChildProcess) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.is_ready():
            if child.exit_code is not None:
                await child.wait()
                reason = _last_words(self._tail) or describe_exit(child.exit_code)
                raise PostgresFailed(f"Postgres did not start in {self.folder}: {reason}")
            if time.monotonic() > deadline:
                await child.stop(STOP_STEPS)
                raise PostgresFailed(f"Postgres was not ready within {START_DEADLINE_S:g} s")
            await asyncio.sleep(POLL_S)

    def _make(self) -> None:
        """Make the cluster beside its place and rename it last, so that it is whole or absent."""
        making = Path(tempfile.mkdtemp(prefix=f"{CLUSTER}.making-", dir=self.folder.parent))
        _give_to(making, self._identity.run_as)
        self._run([*_initdb_argv(self._require_programs(), making)])
        single = [self._require_programs().path("postgres"), "--single", "-D", str(making)]
        self._run([*single, "postgres"], f"CREATE DATABASE {DATABASE};\n")
        making.rename(self.folder)
        descriptor = os.open(self.folder.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def _run(self, argv: list[str], text: str = "") -> None:
        """Run one program of Postgres to its end as the chosen user."""
        who = self._identity.run_as
        try:
            done = subprocess.run(
                [*self._identity.prefix, *argv],
                input=text,
                text=True,
                capture_output=True,
                timeout=MAKE_DEADLINE_S,
                env=_environment(),
                cwd=self.folder.parent,
                user=None if who is None else who.uid,
                group=None if who is None else who.gid,
                extra_groups=None if who is None else [],
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PostgresFailed(f"cannot run {argv[0]}: {error}") from error
        if done.returncode != 0:
            words = _last_words((done.stdout + done.stderr).splitlines())
            raise PostgresFailed(f"cannot make the database in {self.folder}: {words}")

    def _check_version(self) -> None:
        """Refuse a cluster of another major version, which Postgres cannot open."""
        programs = self._require_programs()
        try:
            made_by = (self.folder / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise PostgresFailed(f"{self.folder} is not a Postgres cluster: {error}") from error
        if made_by != str(programs.major):
            raise PostgresFailed(
                f"{self.folder} was made by Postgres {made_by} and {programs.folder} holds "
                f"{programs.major}: convert it with pg_upgrade, or set SLUICE_POSTGRES_BIN to a "
                f"Postgres {made_by}"
            )

    def _require_programs(self) -> Programs:
        assert self._programs is not None, "prepare first"
        return self._programs

    async def __aenter__(self) -> Self:
        await self.start(lambda _line: None)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()


def end_orphans(folder: Path) -> None:
    """End every Postgres process that still works in `folder`, and drop the pid file they left.

    A postmaster that was killed leaves sessions that end by themselves shortly; a supervisor that
    was killed may leave the whole cluster running. A stale pid file would make Postgres refuse to
    start once its number belongs to another process.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        pids = _processes_in(folder)
        for pid in pids:
            if number is not signal.SIGINT or _is_postmaster(pid, folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        if not pids or _all_ended(folder):
            break
    (folder / "postmaster.pid").unlink(missing_ok=True)


def _remove_socket(folder: Path) -> None:
    """Drop a dead postmaster's socket and its lock file.

    Postgres takes the lock for held as long as the process named in it exists, and one that was
    killed exists until its parent has waited for it.
    """
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (folder / name).unlink(missing_ok=True)


def _all_ended(folder: Path) -> bool:
    deadline = time.monotonic() + ORPHAN_DEADLINE_S
    while time.monotonic() < deadline:
        if not _processes_in(folder):
            return True
        time.sleep(POLL_S)
    return False


def _processes_in(folder: Path) -> list[int]:
    """List the Postgres processes whose working folder is `folder`; all of them work there."""
    return [pid for pid in _process_ids() if _works_in(pid, folder)]


def _process_ids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _works_in(pid: int, folder: Path) -> bool:
    try:
        where = Path(f"/proc/{pid}/cwd").readlink()
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return False
    return program == "postgres" and where == folder.resolve()


def _is_postmaster(pid: int, folder: Path) -> bool:
    return _pid_file(folder)[:1] == [str(pid)]


def _pid_file(folder: Path) -> list[str]:
    try:
        return [line.strip() for line in (folder / "postmaster.pid").read_text().splitlines()]
    except OSError:
        return []


def _remove_half_made(folder: Path) -> None:
    for leftover in folder.parent.glob(f"{folder.name}.making-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _initdb_argv(programs: Programs, folder: Path) -> list[str]:
    """Give the command that makes a cluster whose sort order depends on no library."""
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if programs.major >= FIRST_WITH_BUILTIN_LOCALE
        else ["--locale=C.UTF-8"]
    )
    who = ["-U", USER, "-A", "trust", "-E", "UTF8", "--data-checksums"]
    return [programs.path("initdb"), "-D", str(folder), *who, *locale]


def make_socket_folder(folder: Path, run_as: RunAs | None) -> Path:
    """Make the folder of the socket: short, ours alone, and outside the data folder.

    Raises `PostgresFailed` when someone else made it first.
    """
    owner = os.geteuid() if run_as is None else run_as.uid
    label = hashlib.sha256(f"{owner}:{folder.resolve()}".encode()).hexdigest()[:12]
    place = _socket_root(run_as) / f"sluice-{label}"
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
        if run_as is not None:
            os.chown(place, run_as.uid, run_as.gid)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise PostgresFailed(f"{place} exists and is not this user's alone; remove it")
    return place


def _socket_root(run_as: RunAs | None) -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    fits = runtime is not None and len(f"{runtime}/sluice-{'0' * 12}/{SOCKET_NAME}") <= (
        SOCKET_PATH_LIMIT_BYTES
    )
    # Another user could not enter our runtime folder: then the socket is in /tmp.
    if runtime is not None and fits and run_as is None and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime)
    return Path("/tmp")  # noqa: S108 - a folder of mode 0700 is made in it and its owner checked


def _refuse_foreign(folder: Path) -> None:
    """See that a cluster found here can be ours: root may take over any, others only their own.

    Raises `PostgresFailed`.
    """
    if os.geteuid() == 0 or not folder.exists():
        return
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise PostgresFailed(
            f"{folder} belongs to another user ({_user_name(owner)}): start Sluice as that user, "
            "give the folder back with chown, or choose another one with --data"
        )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _give_to(folder: Path, run_as: RunAs | None) -> None:
    """See that the user Postgres runs as owns `folder` and can reach it.

    Raises `PostgresFailed`. Parents are never changed.
    """
    owner = os.geteuid() if run_as is None else run_as.uid
    group = os.getegid() if run_as is None else run_as.gid
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, group)
        for inner in folder.rglob("*"):
            os.chown(inner, owner, group, follow_symlinks=False)
    if run_as is None:
        return
    for parent in folder.resolve().parents:
        if not parent.stat().st_mode & stat.S_IXOTH and parent.stat().st_uid != owner:
            raise PostgresFailed(
                f"Postgres must run as user {owner} here, who cannot enter {parent}: "
                "choose another folder with --data, or run as an ordinary user"
            )


def _environment() -> dict[str, str]:
    """Give Postgres nothing of ours: PG* variables and locales would change what it does."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "TZ": "UTC"}


def _last_words(lines: list[str]) -> str:
    """Pick the line that says why a program of Postgres gave up."""
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    spoken = telling or [line for line in lines if line.strip()]
    return spoken[-1].strip() if spoken else ""
