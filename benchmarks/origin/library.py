"""A library of its own for the time of a measurement: Postgres, the store, films in it."""

import asyncio
import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.load.edge import REPOSITORY, environment
from core.protection.master_key import SECRET_BYTES, parse_master_keys
from core.protection.scheme import Protection
from runtime.child import bound_argv
from runtime.content_keys import new_content_keys
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.jobs import enqueue_ingest
from runtime.migrations import migrate
from runtime.postgres import connect
from runtime.postgres_programs import choose_identity

DEADLINE_S: Final = 300.0
POLL_S: Final = 0.05
VIDEO: Final = "bench"
PLAYBACK: Final = "p_bench"
PROTECTED: Final = "bench-cbcs"
PROTECTED_PLAYBACK: Final = "s_bench"
ADD_VIDEO: Final = """
INSERT INTO videos (id, playback_id, title, status, upload_key, source_filename, source_bytes)
VALUES ($1, $2, 'A film', 'waiting', $3, 'film.mp4', $4)
"""
# One that is ready may wait for its storyboard yet.
STATUS: Final = """
SELECT CASE WHEN status = 'ready' THEN coalesce(stage, status) ELSE status END
FROM videos WHERE id = $1
"""
# Whatever columns there are: a copy of the row with a few of them changed.
ADD_KEY: Final = """
INSERT INTO content_keys (video_id, scheme, kind, kid, vector, master, nonce, sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
# The same film again under protection.
ENCRYPT_VIDEO: Final = """
INSERT INTO videos SELECT (jsonb_populate_record(NULL::videos, to_jsonb(film) ||
    jsonb_build_object('id', $1::text, 'playback_id', $2::text, 'protection', $3::text,
                       'upload_key', 'uploads/' || $1::text || '/source'))).*
FROM videos AS film WHERE film.id = 'bench'
"""
ENCRYPT_TRACKS: Final = """
INSERT INTO tracks OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::tracks, to_jsonb(track) ||
    jsonb_build_object('id', nextval(pg_get_serial_sequence('tracks', 'id')),
                       'video_id', $1::text,
                       'store_prefix', 'copies/encrypted/' || track.id))).*
FROM tracks AS track WHERE track.video_id = 'bench'
"""
COPY_VIDEO: Final = """
INSERT INTO videos SELECT (jsonb_populate_record(NULL::videos, to_jsonb(film) ||
    jsonb_build_object('id', 'bench-' || n, 'playback_id', 'p_bench' || n,
                       'upload_key', 'uploads/bench-' || n || '/source'))).*
FROM videos AS film, generate_series(1, $1::int) AS n WHERE film.id = 'bench'
"""
COPY_TRACKS: Final = """
INSERT INTO tracks OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::tracks, to_jsonb(track) ||
    jsonb_build_object('id', nextval(pg_get_serial_sequence('tracks', 'id')),
                       'video_id', 'bench-' || n,
                       'store_prefix', 'copies/' || n || '/' || track.id))).*
FROM tracks AS track, generate_series(1, $1::int) AS n WHERE track.video_id = 'bench'
"""


class LibraryFailed(Exception):
    """Postgres or the worker did not do their part."""


@dataclass(frozen=True, slots=True)
class Library:
    """A data folder with one film, published as `p_bench`, and its database."""

    data: Path
    database_url: str
    master_key: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that works on it."""
        return environment(
            os.environ,
            {"SLUICE_DATABASE_URL": self.database_url, "SLUICE_MASTER_KEY": self.master_key},
        )

    def publish(self, film: Path) -> None:
        """Put a film in, and wait until a worker has published it."""
        upload = self.data / "store" / "uploads" / VIDEO / "source"
        upload.parent.mkdir(parents=True)
        os.link(film, upload)
        asyncio.run(self._enqueue(film.stat().st_size))
        words = [sys.executable, "-m", "cli", "worker", "--data", str(self.data)]
        with (self.data / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                words, stdout=log, stderr=log, env=self.environment, cwd=REPOSITORY
            )
        try:
            self._await_ready()
        finally:
            worker.terminate()
            worker.wait(DEADLINE_S)

    def protect(self) -> None:
        """Add the film once more as `s_bench`, under `cbcs`."""
        self._link("encrypted", asyncio.run(self._protect()))

    def multiply(self, count: int) -> None:
        """Add so many titles, `p_bench1` and on, that share the bytes of the film's tracks."""
        prefixes = asyncio.run(self._multiply(count))
        for number in range(1, count + 1):
            self._link(str(number), prefixes)

    def _link(self, copy: str, prefixes: list[tuple[Any, str]]) -> None:
        """Give a copy of the film the files of its tracks."""
        store = self.data / "store"
        for track, prefix in prefixes:
            folder = store / "copies" / copy / str(track)
            folder.mkdir(parents=True)
            for file in (store / prefix).iterdir():
                os.link(file, folder / file.name)

    async def _enqueue(self, size_bytes: int) -> None:
        async with connect(self.database_url) as session, session.transaction():
            key = f"uploads/{VIDEO}/source"
            await session.execute(ADD_VIDEO, VIDEO, PLAYBACK, key, size_bytes)
            await enqueue_ingest(session, VIDEO)

    async def _protect(self) -> list[tuple[Any, str]]:
        keys = parse_master_keys(self.master_key)
        async with connect(self.database_url) as session, session.transaction():
            rows = await session.fetch("SELECT id, store_prefix FROM tracks")
            await session.execute(ENCRYPT_VIDEO, PROTECTED, PROTECTED_PLAYBACK, Protection.CBCS)
            await session.execute(ENCRYPT_TRACKS, PROTECTED)
            for key in new_content_keys(PROTECTED, Protection.CBCS, keys):
                await session.execute(
                    ADD_KEY, key.video_id, key.scheme, key.kind, key.kid, key.vector,
                    key.wrapped.master, key.wrapped.nonce, key.wrapped.sealed,
                )  # fmt: skip
            return [(row["id"], row["store_prefix"]) for row in rows]

    async def _multiply(self, count: int) -> list[tuple[Any, str]]:
        async with connect(self.database_url) as session, session.transaction():
            rows = await session.fetch(
                "SELECT id, store_prefix FROM tracks WHERE video_id = $1", VIDEO
            )
            await session.execute(COPY_VIDEO, count)
            await session.execute(COPY_TRACKS, count)
            return [(row["id"], row["store_prefix"]) for row in rows]

    def _await_ready(self) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while (status := asyncio.run(self._status())) not in ("ready", "errored"):
            if time.monotonic() > deadline_s:
                raise LibraryFailed(f"the film is {status} after {DEADLINE_S:.0f} s")
            time.sleep(POLL_S)
        if status == "errored":
            raise LibraryFailed("the film could not be published")

    async def _status(self) -> str:
        async with connect(self.database_url) as session:
            return str(await session.fetchval(STATUS, VIDEO))


@contextmanager
def library(data: Path) -> Iterator[Library]:
    """Make a library in an empty folder; its Postgres ends with the block."""
    data.mkdir(parents=True)
    data.chmod(0o755)  # as root, Postgres runs as somebody else, who must get in
    postgres = EmbeddedPostgres(data)
    postgres.prepare()
    argv = bound_argv(postgres.argv(), death_signal=signal.SIGINT, run_as=choose_identity().run_as)
    with (data / "postgres.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline_s = time.monotonic() + DEADLINE_S
        while not postgres.is_ready():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise LibraryFailed("Postgres did not start")
            time.sleep(POLL_S)
        asyncio.run(migrate(postgres.url))
        (data / "store").mkdir(exist_ok=True)
        (data / "scratch").mkdir(exist_ok=True)
        secret = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        yield Library(data, postgres.url, f"bench:{secret}")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_S)
        postgres.remove_socket_folder()
        shutil.rmtree(data, ignore_errors=True)
