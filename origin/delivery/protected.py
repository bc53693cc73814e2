"""Encrypted segments, made whole in memory when they are asked for.

A segment is read and encrypted in a thread that holds no lock. The last ones are kept for a moment:
a player that asks for ranges of one must not have it made anew for each. What is kept, and what is
on its way to edges, takes no more than its room.
"""

import asyncio
import os
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from core.isobmff.protection import protected_init
from core.protection.content_key import ContentKey, KeyUse, resource_vector
from core.protection.master_key import MasterKeys
from core.protection.scheme import Scheme
from core.protection.track import divisions, fragment_cipher
from native import encrypt_resource
from origin.delivery.builds import Build
from origin.delivery.lru import LruCache
from origin.delivery.offers import Offer, find_key
from origin.delivery.room import Room
from origin.repository import Title
from origin.stored_track import DamagedTrack, StoredTrack
from runtime.metrics import Metrics

KEPT_BYTES: Final = 32 * 1024 * 1024
ROOM_BYTES: Final = 192 * 1024 * 1024
CHUNK_BYTES: Final = 256 * 1024


class Made:
    """Bytes that were made; the room they take is given back with the last reference."""

    __slots__ = ("__weakref__", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def length(self) -> int:
        """How many they are."""
        return len(self.data)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Give what lies between two places, piece by piece."""
        for at in range(start, stop, CHUNK_BYTES):
            yield self.data[at : min(at + CHUNK_BYTES, stop)]


@dataclass(frozen=True, slots=True)
class Plain:
    """What is to be encrypted: a generated header and a stretch of the flat file behind it.

    `first` is the number of its first sample in the track, `name` that of its file in the URL.
    """

    name: str
    header: bytes
    first: int
    offset: int
    length: int


class ProtectedSegments:
    """Encrypts segments of builds under the keys of their titles."""

    def __init__(self, executor: Executor, keys: MasterKeys, metrics: Metrics) -> None:
        self._executor = executor
        self._keys = keys
        self._kept: LruCache[tuple[str, str], Made] = LruCache(KEPT_BYTES)
        self._making: dict[tuple[str, str], asyncio.Task[Made]] = {}
        self._room = Room(ROOM_BYTES)
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
        by_units = divisions(description) is not None
        return protected_init(build.init, use, description.kind, by_units=by_units)

    async def segment(self, title: Title, build: Build, offer: Offer, plain: Plain) -> Made:
        """Give an encrypted segment.

        Several requests for one that is being made wait for it together. Raises `NoRoom`,
        `DamagedTrack`, `UnprotectableTrack`, and what unwrapping a key raises.
        """
        name = (offer.build_hash, plain.name)
        made = self._kept.get(name)
        if made is not None:
            return made
        making = self._making.get(name)
        if making is None:
            making = asyncio.create_task(
                self._make(title, build, offer, plain), name=f"encrypt {'/'.join(name)}"
            )
            self._making[name] = making
            making.add_done_callback(lambda task: self._done(name, task))
        return await asyncio.shield(making)

    async def close(self) -> None:
        """Forget everything; what is being made is waited for."""
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        self._kept.clear()

    async def _make(self, title: Title, build: Build, offer: Offer, plain: Plain) -> Made:
        use = offer.use
        assert use is not None  # a clear segment is never made
        encrypt = self._encryption(title, build, use, plain)
        # While it is made, the clear bytes are there, too.
        size_bytes = len(plain.header) + plain.length
        await self._room.take(2 * size_bytes)
        held_bytes = 2 * size_bytes
        try:
            loop = asyncio.get_running_loop()
            data, seconds = await loop.run_in_executor(
                self._executor, _encrypted, build.stored, plain, encrypt
            )
            made = Made(data)
            weakref.finalize(made, self._room.give_back, size_bytes).atexit = False
            held_bytes = size_bytes
        finally:
            self._room.give_back(held_bytes)
        self._count(use.scheme).inc()
        self._bytes.inc(len(data))
        self._seconds.inc(seconds)
        return made

    def _encryption(
        self, title: Title, build: Build, use: KeyUse, plain: Plain
    ) -> Callable[[bytes], bytes]:
        """Give what encrypts the samples behind the header."""
        key = self.content_key(title, use.kid)
        if use.scheme is Scheme.AES_128:
            vector = resource_vector(use, plain.name)
            return lambda body: encrypt_resource(key.secret, vector, plain.header, body)
        cipher = fragment_cipher(use, key, divisions(build.stored.description))
        return lambda body: cipher.fragment(plain.header, body, plain.first)

    def _done(self, name: tuple[str, str], task: "asyncio.Task[Made]") -> None:
        del self._making[name]
        if not task.cancelled() and task.exception() is None:
            made = task.result()
            self._kept.put(name, made, made.length)


def _encrypted(
    track: StoredTrack, plain: Plain, encrypt: Callable[[bytes], bytes]
) -> tuple[bytes, float]:
    began_s = time.perf_counter()
    body = os.pread(track.flat, plain.length, plain.offset)
    if len(body) != plain.length:
        raise DamagedTrack(f"a published track has no byte {plain.offset + len(body)} any more")
    try:
        return encrypt(body), time.perf_counter() - began_s
    except ValueError as error:
        raise DamagedTrack(f"{plain.name} cannot be encrypted: {error}") from error
