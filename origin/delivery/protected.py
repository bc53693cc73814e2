"""Encrypted segments, made when they are asked for.

Under Common Encryption a segment is sealed: its header is made, and what is to be hidden is found,
by the heads of its units. Its samples stay in their file, and are encrypted as they are sent. A
short one takes less time to be made than to be prepared.

As a whole resource of HLS a segment is one chain of blocks, so it is read into a buffer and
encrypted there, in a thread that holds no lock, and sent from where it is; then its buffer is for
the next one. The last ones are kept for a moment: a player that asks for ranges of one must not
have it made anew for each. What is kept, and what is on its way to edges, takes no more than its
room.
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
from native import (
    BodyPool,
    FragmentCipher,
    SealedFragment,
    encrypt_resource,
    encrypt_resource_of_file,
)
from origin.delivery.builds import Build
from origin.delivery.lru import LruCache
from origin.delivery.offers import Offer, find_key
from origin.delivery.reading import read_at_once
from origin.delivery.representation import HeldPart, MadeBody, SealedPart
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

    @property
    def held_bytes(self) -> int:
        """How much memory it takes, but for that which a pool knows of."""
        return len(self.body) if isinstance(self.body, bytes) else 0

    def part(self, start: int, stop: int) -> HeldPart:
        """Give the bytes from `start` up to `stop`."""
        return HeldPart(self.body, start, stop)

    def pieces(self, start: int, stop: int) -> Iterator[HeldPart]:
        """Give what lies between two places."""
        if start < stop:
            yield self.part(start, stop)


class Sealed:
    """A body that is encrypted as it is sent; holds open the track that has its samples."""

    __slots__ = ("__weakref__", "fragment", "track")

    def __init__(self, track: StoredTrack, fragment: SealedFragment) -> None:
        self.track = track
        self.fragment = fragment

    @property
    def length(self) -> int:
        """All its bytes."""
        return len(self.fragment)

    @property
    def held_bytes(self) -> int:
        """How much memory it takes."""
        return self.fragment.held_bytes

    def part(self, start: int, stop: int) -> SealedPart:
        """Give the bytes from `start` up to `stop`."""
        return SealedPart(self.track, self.fragment, start, stop)

    def pieces(self, start: int, stop: int) -> Iterator[SealedPart]:
        """Give what lies between two places."""
        if start < stop:
            yield self.part(start, stop)


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
    vector: bytes
    cipher: FragmentCipher | ContentKey

    def of_bytes(self, body: bytes) -> bytes:
        """Encrypt samples. Raises `ValueError` where they are not what the header says."""
        plain = self.plain
        if isinstance(self.cipher, ContentKey):
            return encrypt_resource(self.cipher.secret, self.vector, plain.header, body)
        return self.cipher.fragment(plain.header, body, plain.first)

    def of_file(self, pool: BodyPool, track: StoredTrack) -> "Made | Sealed":
        """Encrypt samples that are read from their file; raises `EOFError`, too."""
        plain = self.plain
        if not isinstance(self.cipher, ContentKey):
            return self._sealed(self.cipher, pool, track, at_once=False)
        made = encrypt_resource_of_file(
            pool,
            self.cipher.secret,
            self.vector,
            plain.header,
            track.flat,
            offset=plain.offset,
            length=plain.length,
        )
        return Made(made)

    def at_once(self, pool: BodyPool, track: StoredTrack) -> "Sealed | None":
        """Do so without waiting for a disk; None where that is not possible."""
        if isinstance(self.cipher, ContentKey):
            return None
        try:
            return self._sealed(self.cipher, pool, track, at_once=True)
        except BlockingIOError:
            return None

    def _sealed(
        self, cipher: FragmentCipher, pool: BodyPool, track: StoredTrack, *, at_once: bool
    ) -> "Sealed":
        plain, place = self.plain, (self.plain.offset, self.plain.length)
        fragment = cipher.sealed(
            pool, plain.header, track.flat, *place, plain.first, at_once=at_once
        )
        return Sealed(track, fragment)


class ProtectedSegments:
    """Encrypts segments of builds under the keys of their titles."""

    def __init__(self, executor: Executor, keys: MasterKeys, metrics: Metrics) -> None:
        self._executor = executor
        self._keys = keys
        self._kept: LruCache[tuple[str, str], Made] = LruCache(KEPT_BYTES)
        self._files: LruCache[str, ProtectedFile] = LruCache(FILE_LIMIT_BYTES)
        self._asked_for: LruCache[tuple[str, str], bool] = LruCache(MOST_REMEMBERED)
        self._making: dict[tuple[str, str], asyncio.Task[MadeBody]] = {}
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
            "Time that was taken for segments before the first of their bytes was sent.",
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

    def cipher(
        self, title: Title, build: Build, use: KeyUse, *, padded: bool = False
    ) -> FragmentCipher:
        """Give what encrypts the fragments of a build under Common Encryption.

        None is kept: to unwrap a key and to expand it takes ten microseconds, and one that is kept
        has its key in the clear when nobody asks for it any more. Raises `DamagedTrack`,
        `UnprotectableTrack`, and what unwrapping a key raises.
        """
        key = self.content_key(title, use.kid)
        return fragment_cipher(use, key, build.stored.divisions, padded=padded)

    async def segment(self, title: Title, build: Build, offer: Offer, plain: Plain) -> MadeBody:
        """Give an encrypted segment.

        Several requests for one that is being made wait for it together. Raises `NoRoom`,
        `DamagedTrack`, `UnprotectableTrack`, and what unwrapping a key raises.
        """
        name = (offer.build_hash, plain.name)
        kept = self._kept.get(name)
        if kept is not None:
            return kept
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

    def _make_at_once(
        self, track: StoredTrack, sealing: Sealing, scheme: Scheme
    ) -> MadeBody | None:
        """Make one that takes no time, and whose bytes need not be waited for; None for others."""
        plain = sealing.plain
        began_s = time.perf_counter()
        made: MadeBody | None = None
        with _damage(plain):
            if plain.length > SHORT_BYTES:
                made = sealing.at_once(self._pool, track)
            elif body := read_at_once(track.flat, plain.offset, plain.length):
                made = Made(sealing.of_bytes(body))
        if made is not None:
            self._note(made, scheme, time.perf_counter() - began_s)
        return made

    async def _make(self, track: StoredTrack, sealing: Sealing, scheme: Scheme) -> MadeBody:
        size_bytes = len(sealing.plain.header) + sealing.plain.length
        await self._room.take(size_bytes)
        held_bytes = 0
        try:
            loop = asyncio.get_running_loop()
            made, seconds = await loop.run_in_executor(
                self._executor, _made_of_file, track, sealing, self._pool
            )
            held_bytes = made.held_bytes
            weakref.finalize(made, self._room.give_back, held_bytes).atexit = False
        finally:
            self._room.give_back(size_bytes - held_bytes)
        self._note(made, scheme, seconds)
        return made

    def _note(self, made: MadeBody, scheme: Scheme, seconds: float) -> None:
        self._count(scheme).inc()
        self._bytes.inc(made.length)
        self._seconds.inc(seconds)

    def _sealing(self, title: Title, build: Build, use: KeyUse, plain: Plain) -> Sealing:
        if use.scheme is Scheme.AES_128:
            key = self.content_key(title, use.kid)
            return Sealing(plain, resource_vector(use, plain.name), key)
        return Sealing(plain, b"", self.cipher(title, build, use, padded=plain.padded))

    def _done(self, name: tuple[str, str], task: "asyncio.Task[MadeBody]") -> None:
        del self._making[name]
        if not task.cancelled() and task.exception() is None:
            self._keep(name, task.result())

    def _keep(self, name: tuple[str, str], made: MadeBody) -> None:
        if not isinstance(made, Made):
            return
        if self._asked_for.get(name):
            self._kept.put(name, made, made.length)
        else:
            self._asked_for.put(name, True, 1)


def _made_of_file(
    track: StoredTrack, sealing: Sealing, pool: BodyPool
) -> "tuple[Made | Sealed, float]":
    began_s = time.perf_counter()
    with _damage(sealing.plain):
        return sealing.of_file(pool, track), time.perf_counter() - began_s


@contextmanager
def _damage(plain: Plain) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise DamagedTrack(f"a published track is shorter than it was: {error}") from error
    except ValueError as error:
        raise DamagedTrack(f"{plain.name} cannot be encrypted: {error}") from error
