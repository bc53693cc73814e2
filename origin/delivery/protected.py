"""Encrypted segments, made whole in memory when they are asked for.

A segment is read into a buffer and encrypted there, in a thread that holds no lock, and sent from
where it is; then its buffer is for the next one. The last ones are kept for a moment: a player that
asks for ranges of one must not have it made anew for each. What is kept, and what is on its way to
edges, takes no more than its room.
"""

import asyncio
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.isobmff.protection import protected_init
from core.protection.content_key import (
    ContentKey,
    KeyUse,
    protected_build_hash,
    resource_vector,
)
from core.protection.master_key import MasterKeys
from core.protection.scheme import Scheme
from core.protection.track import fragment_cipher
from core.protection.track_file import ProtectedFile, protected_file
from native import BodyPool, FragmentCipher, encrypt_resource, encrypt_resource_of_file
from origin.delivery.builds import Build
from origin.delivery.lru import LruCache
from origin.delivery.offers import Offer, find_key
from origin.delivery.reading import read_at_once
from origin.delivery.representation import HeldPart
from origin.delivery.room import Room
from origin.repository import Title
from origin.stored_track import DamagedTrack, StoredTrack
from runtime.metrics import Metrics

if TYPE_CHECKING:
    from native import StoredBody

KEPT_BYTES: Final = 32 * 1024 * 1024
ROOM_BYTES: Final = 192 * 1024 * 1024
IDLE_BYTES: Final = 32 * 1024 * 1024
MOST_REMEMBERED: Final = 64
# A number as a Python object, its place in a tuple, and twelve bytes of the index.
FRAGMENT_COST_BYTES: Final = 52
FILE_LIMIT_BYTES: Final = 8 * 1024 * 1024

# A shorter one takes less time than to have a thread do it.
SHORT_BYTES: Final = 128 * 1024


class Made:
    """A body that was made."""

    __slots__ = ("__weakref__", "body")

    def __init__(self, body: "StoredBody | bytes") -> None:
        self.body = body

    @property
    def length(self) -> int:
        """All its bytes."""
        return len(self.body)

    def pieces(self, start: int, stop: int) -> Iterator[HeldPart]:
        """Give what lies between two places."""
        if start < stop:
            yield HeldPart(self.body, start, stop)


@dataclass(frozen=True, slots=True)
class Plain:
    """What is to be encrypted: a generated header and a stretch of the flat file behind it.

    `first` is the number of its first sample in the track, `name` that of its file in the URL.
    `padded`: how long it becomes is to depend on the number of its samples alone.
    """

    name: str
    header: bytes
    first: int
    offset: int
    length: int
    padded: bool = False


@dataclass(frozen=True, slots=True)
class Sealing:
    """How one segment is encrypted: by its track's cipher, or as a whole from `vector` on."""

    plain: Plain
    key: ContentKey
    vector: bytes
    cipher: FragmentCipher | None

    def of_bytes(self, body: bytes) -> bytes:
        """Encrypt samples. Raises `ValueError` where they are not what the header says."""
        plain = self.plain
        if self.cipher is not None:
            return self.cipher.fragment(plain.header, body, plain.first)
        return encrypt_resource(self.key.secret, self.vector, plain.header, body)

    def of_file(self, pool: BodyPool, flat: int) -> "StoredBody | bytes":
        """Encrypt samples that are read from a file; raises `EOFError`, too."""
        plain, place = self.plain, (self.plain.offset, self.plain.length)
        if self.cipher is not None:
            return self.cipher.fragment_of_file(pool, plain.header, flat, *place, plain.first)
        return encrypt_resource_of_file(
            pool,
            self.key.secret,
            self.vector,
            plain.header,
            flat,
            offset=plain.offset,
            length=plain.length,
        )


class ProtectedSegments:
    """Encrypts segments of builds under the keys of their titles."""

    def __init__(self, executor: Executor, keys: MasterKeys, metrics: Metrics) -> None:
        self._executor = executor
        self._keys = keys
        self._kept: LruCache[tuple[str, str], Made] = LruCache(KEPT_BYTES)
        self._files: LruCache[str, ProtectedFile] = LruCache(FILE_LIMIT_BYTES)
        self._asked_for: LruCache[tuple[str, str], bool] = LruCache(MOST_REMEMBERED)
        self._making: dict[tuple[str, str], asyncio.Task[Made]] = {}
        self._pool = pool = BodyPool(IDLE_BYTES)
        self._room = Room(ROOM_BYTES, lent_bytes=lambda: pool.lent_bytes)
        self._count = metrics.counter_family(
            "sluice_origin_encrypted_segments_total",
            "Segments that were encrypted, by scheme.",
            ("scheme",),
        )
        self._bytes = metrics.counter(
            "sluice_origin_encrypted_bytes_total", "Bytes of the segments that were encrypted."
        )
        self._seconds = metrics.counter(
            "sluice_origin_encryption_seconds_total",
            "Time that threads took to read and encrypt segments.",
        )
        metrics.watch(
            "sluice_origin_encrypted_room_bytes",
            "Memory of encrypted segments that are kept or on their way.",
            lambda: self._room.used_bytes,
        )

    def content_key(self, title: Title, kid: bytes) -> ContentKey:
        """Give one of a title's keys in the clear.

        Raises `DamagedTrack` where it is gone, and what unwrapping raises.
        """
        stored = find_key(title, kid)
        if stored is None:
            raise DamagedTrack(f"video {title.video_id} has no key {kid.hex()} any more")
        return stored.unwrapped(self._keys)

    def init(self, build: Build, use: KeyUse) -> bytes:
        """Give the init segment of a build under a key. Raises `UnprotectableTrack`."""
        if not use.scheme.is_common:
            return build.init
        description = build.stored.description
        by_units = build.stored.divisions is not None
        return protected_init(build.init, use, description.kind, by_units=by_units)

    def file(self, build: Build, use: KeyUse) -> ProtectedFile | None:
        """Give the encrypted track as one file; None where there is none.

        Raises `UnprotectableTrack` and `DamagedTrack`.
        """
        if build.file is None or not use.scheme.is_common or not build.stored.fits_padding:
            return None
        name = protected_build_hash(build.published.build_hash, use)
        known = self._files.get(name)
        if known is None:
            divided = build.stored.divisions is not None
            init = self.init(build, use)
            known = protected_file(build.file, init, build.table, use.scheme, divided=divided)
            if known is not None:
                self._files.put(name, known, FRAGMENT_COST_BYTES * len(build.table))
        return known

    async def segment(self, title: Title, build: Build, offer: Offer, plain: Plain) -> Made:
        """Give an encrypted segment.

        Several requests for one that is being made wait for it together. Raises `NoRoom`,
        `DamagedTrack`, `UnprotectableTrack`, and what unwrapping a key raises.
        """
        name = (offer.build_hash, plain.name)
        made = self._kept.get(name)
        if made is not None:
            return made
        use = offer.use
        assert use is not None  # a clear segment is never made
        making = self._making.get(name)
        if making is None:
            sealing = self._sealing(title, build, use, plain)
            made = self._make_at_once(build.stored, sealing, use.scheme)
            if made is not None:
                self._keep(name, made)
                return made
            making = asyncio.create_task(
                self._make(build.stored, sealing, use.scheme), name=f"encrypt {'/'.join(name)}"
            )
            self._making[name] = making
            making.add_done_callback(lambda task: self._done(name, task))
        return await asyncio.shield(making)

    async def close(self) -> None:
        """Forget everything; what is being made is waited for."""
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        self._kept.clear()

    def _make_at_once(self, track: StoredTrack, sealing: Sealing, scheme: Scheme) -> Made | None:
        """Make a short one whose bytes need not be waited for; None for others."""
        plain = sealing.plain
        if plain.length > SHORT_BYTES:
            return None
        began_s = time.perf_counter()
        body = read_at_once(track.flat, plain.offset, plain.length)
        if body is None:
            return None
        with _damage(plain):
            made = Made(sealing.of_bytes(body))
        self._note(made, scheme, time.perf_counter() - began_s)
        return made

    async def _make(self, track: StoredTrack, sealing: Sealing, scheme: Scheme) -> Made:
        size_bytes = len(sealing.plain.header) + sealing.plain.length
        await self._room.take(size_bytes)
        held_bytes = size_bytes
        try:
            loop = asyncio.get_running_loop()
            body, seconds = await loop.run_in_executor(
                self._executor, _made_of_file, track, sealing, self._pool
            )
            made = Made(body)
            if isinstance(body, bytes):  # else it is the pool that knows when it is gone
                weakref.finalize(made, self._room.give_back, size_bytes).atexit = False
                held_bytes = 0
        finally:
            if held_bytes:
                self._room.give_back(held_bytes)
        self._note(made, scheme, seconds)
        return made

    def _note(self, made: Made, scheme: Scheme, seconds: float) -> None:
        self._count(scheme).inc()
        self._bytes.inc(made.length)
        self._seconds.inc(seconds)

    def _sealing(self, title: Title, build: Build, use: KeyUse, plain: Plain) -> Sealing:
        key = self.content_key(title, use.kid)
        if use.scheme is Scheme.AES_128:
            return Sealing(plain, key, resource_vector(use, plain.name), None)
        cipher = fragment_cipher(use, key, build.stored.divisions, padded=plain.padded)
        return Sealing(plain, key, b"", cipher)

    def _done(self, name: tuple[str, str], task: "asyncio.Task[Made]") -> None:
        del self._making[name]
        if not task.cancelled() and task.exception() is None:
            self._keep(name, task.result())

    def _keep(self, name: tuple[str, str], made: Made) -> None:
        if self._asked_for.get(name):
            self._kept.put(name, made, made.length)
        else:
            self._asked_for.put(name, True, 1)


def _made_of_file(
    track: StoredTrack, sealing: Sealing, pool: BodyPool
) -> "tuple[StoredBody | bytes, float]":
    began_s = time.perf_counter()
    with _damage(sealing.plain):
        return sealing.of_file(pool, track.flat), time.perf_counter() - began_s


@contextmanager
def _damage(plain: Plain) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise DamagedTrack(f"a published track is shorter than it was: {error}") from error
    except ValueError as error:
        raise DamagedTrack(f"{plain.name} cannot be encrypted: {error}") from error
