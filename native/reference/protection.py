"""Common Encryption of media fragments (ISO/IEC 23001-7), and of whole resources for HLS.

A clear fragment becomes an encrypted one: `saiz`, `saio` and `senc` (§7.2, ISO/IEC 14496-12 §8.7.8,
§8.7.9) are added to its `traf`, and its samples are encrypted in place.

- `cenc` (§10.1): AES in counter mode. A sample's vector is the track's first one plus the number of
  the sample, its last eight bytes count blocks (§9.2). The keystream goes on over the encrypted
  parts of a sample, so each is a whole number of blocks; what is left over stays clear, ahead of it
  (§9.5.2).
- `cbcs` (§10.4): AES in chaining mode, one block encrypted and nine not, from the constant vector
  on in each part; what is left of a block stays as it is. Without parts all blocks are encrypted
  (§9.7).

Of H.264 and HEVC the length fields, NAL unit headers and slice headers stay clear, and every NAL
unit that is no coded picture (§9.5.2; ISO/IEC 23000-19 §8.2.2.1). Of VP9 the uncompressed
header of every frame stays clear, and the index of a superframe (VP Codec ISO Media File Format
Binding 1.0, "Common Encryption"). An entry of `saiz` has eight bits, which is 40 parts; where a
picture has more slices, every other one is encrypted, or every third, and so on. Of coded pictures
that no decoder of the base layer looks at (further layers and views, the enhancement layer of Dolby
Vision, data partitions) all is encrypted but the NAL unit header.
Of AV1 only tiles are encrypted, each for itself (AV1 in ISOBMFF §4.1): see av1_units.py.
Other tracks are encrypted sample by sample (§9.4).

The cipher itself comes from the library `cryptography`. This twin is what runs on processors
without instructions for AES.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from native.reference.division import (
    PADDED_PIECES,
    Divider,
    Piece,
    check_division,
)
from native.reference.pool import BodyPool
from native.reference.sealed import SealedFragment
from native.values import Division

BLOCK = 16
PATTERN = 10
USES_SUBSAMPLES = 2
SAIO_BYTES = 20
INFORMATION_BYTES = 53
FREE_BYTES = 8
LARGEST_ADDED = 0x3FFFFFFF
BASE_DATA_OFFSET, DESCRIPTION_INDEX, DEFAULT_DURATION, DEFAULT_SIZE = 0x1, 0x2, 0x8, 0x10
DATA_OFFSET, FIRST_FLAGS = 0x1, 0x4
SAMPLE_DURATION, SAMPLE_SIZE, SAMPLE_FLAGS, SAMPLE_COMPOSITION = 0x100, 0x200, 0x400, 0x800


class _Fragment(NamedTuple):
    """Where things lie in the header of a clear fragment, and the sizes of its samples."""

    moof: int
    traf: int
    traf_end: int
    run: int
    sizes: list[int]


@final
class FragmentCipher:
    """Encrypts the fragments of one track under one key.

    `scheme` is `cenc` or `cbcs`, `key` has 16 bytes. `iv` is the vector of the track's first sample
    (8 bytes, `cenc`) or the constant one (16 bytes, `cbcs`). Samples of a track without a
    `division` are encrypted whole. Where fragments are `padded`, what is added to one depends on
    the number of its samples alone: a sample has at most eight parts, and a `free` box fills up
    what others leave. Raises `ValueError` for what does not fit.
    """

    def __init__(
        self,
        scheme: str,
        key: bytes,
        iv: bytes,
        division: Division | None = None,
        *,
        padded: bool = False,
    ) -> None:
        if scheme not in {"cenc", "cbcs"}:
            raise ValueError(f"no scheme {scheme!r}: there are cenc and cbcs")
        if len(key) != BLOCK:
            raise ValueError(f"a key of {len(key)} bytes where AES-128 takes 16")
        if len(iv) != (8 if scheme == "cenc" else BLOCK):
            raise ValueError(f"an initialisation vector of {len(iv)} bytes for {scheme}")
        check_division(division)
        self.scheme = scheme
        self._pattern = scheme == "cbcs"
        self._key = key
        self._iv = iv
        self._division = division
        self._padded = padded and division is not None

    def fragment(self, header: bytes, body: bytes, first: int) -> bytes:
        """Give the encrypted fragment whose first sample has the number `first` in its track.

        `header` is what comes before the samples, head of `mdat` included, `body` the samples.
        Raises `ValueError` where they contradict each other, or a sample has what cannot be read.
        """
        found = _find(header, len(body))
        divided = self._divided(found, body)
        added = self._information(found, divided, first)
        head = bytearray(header[: found.traf_end] + added + header[found.traf_end :])
        if added:
            for at in (found.moof, found.traf, found.run + 16):  # two lengths, data_offset
                struct.pack_into(">I", head, at, _u32(head, at) + len(added) & 0xFFFFFFFF)
        samples = (
            self._encrypted(sample, pieces, first + number)
            for number, (sample, pieces) in enumerate(
                zip(_samples(found, body), divided, strict=True)
            )
        )
        return bytes(head) + b"".join(samples)

    def sealed(
        self,
        pool: BodyPool,  # noqa: ARG002 # what the compiled twin reads heads of units into
        header: bytes,
        descriptor: int,
        offset: int,
        length: int,
        first: int,
        *,
        at_once: bool = False,
    ) -> SealedFragment:
        """Give the same of samples in a file, to be encrypted when it is read.

        They are `length` bytes from `offset` on. Raises `EOFError` where the file does not have
        them, what `fragment` does, and, `at_once`, `BlockingIOError` where this may take long.
        """
        _find(header, length)
        if at_once:
            raise BlockingIOError("all of the fragment is encrypted at once, which takes long")
        return SealedFragment(self.fragment(header, _read_all(descriptor, offset, length), first))

    def fragment_length(self, header: bytes, body: bytes) -> int:
        """Give the length of what `fragment` gives, without encrypting. Raises what it does."""
        found = _find(header, len(body))
        added = self._information(found, self._divided(found, body), 0)
        return len(header) + len(added) + len(body)

    def subsamples(self, sample: bytes) -> list[Piece]:
        """Give (clear, encrypted) bytes of each piece of a sample; none where it is taken whole.

        Raises `ValueError` where its units or their headers cannot be read.
        """
        return self._divide([memoryview(sample)])[0]

    def _divided(self, found: _Fragment, body: bytes) -> list[list[Piece]]:
        return self._divide(_samples(found, body))

    def _divide(self, samples: Iterable[memoryview]) -> list[list[Piece]]:
        if self._division is None:
            return [[] for _ in samples]
        divider = Divider(self._division, pattern=self._pattern, padded=self._padded)
        return [divider.divide(sample, number) for number, sample in enumerate(samples)]

    def _information(self, found: _Fragment, divided: list[list[Piece]], first: int) -> bytes:
        """Write saiz, saio, senc, and what fills them up."""
        if self._division is None and self._pattern:
            return b""  # a constant vector over whole samples needs no word
        entries = [self._entry(first + each, pieces) for each, pieces in enumerate(divided)]
        lengths = [len(entry) for entry in entries]
        if min(lengths) == max(lengths):
            sizes = struct.pack(">BI", lengths[0], len(lengths))
        else:
            sizes = struct.pack(">BI", 0, len(lengths)) + bytes(lengths)
        saiz = _full_box(b"saiz", 0, sizes)
        senc_at = found.traf_end - found.moof + len(saiz) + SAIO_BYTES
        saio = _full_box(b"saio", 0, struct.pack(">II", 1, senc_at + 16))
        flags = USES_SUBSAMPLES if self._division is not None else 0
        senc = _full_box(b"senc", flags, struct.pack(">I", len(entries)) + b"".join(entries))
        added = saiz + saio + senc
        if self._padded:
            each = 1 + (0 if self._pattern else 8) + 2 + 6 * PADDED_PIECES
            padding = INFORMATION_BYTES + FREE_BYTES + each * len(entries) - len(added)
            added += struct.pack(">I4s", padding, b"free") + bytes(padding - FREE_BYTES)
        if len(added) > LARGEST_ADDED:
            raise ValueError(f"{len(entries)} samples are too many for a fragment")
        return added

    def _entry(self, number: int, pieces: list[Piece]) -> bytes:
        vector = b"" if self._pattern else self._vector(number)
        if self._division is None:
            return vector
        listed = b"".join(struct.pack(">HI", *piece) for piece in pieces)
        return vector + struct.pack(">H", len(pieces)) + listed

    def _vector(self, number: int) -> bytes:
        start = int.from_bytes(self._iv)
        return (start + number & 0xFFFFFFFFFFFFFFFF).to_bytes(8)

    def _encrypted(self, sample: memoryview, pieces: list[Piece], number: int) -> bytes:
        if self._pattern:
            if self._division is None:
                return _chained(self._key, self._iv, sample, BLOCK)
            made, at = bytearray(), 0
            for clear, hidden in pieces:
                made += sample[at : at + clear]
                part = sample[at + clear : at + clear + hidden]
                made += _chained(self._key, self._iv, part, PATTERN * BLOCK)
                at += clear + hidden
            return bytes(made)
        counter = self._vector(number) + bytes(8)
        stream = Cipher(AES(self._key), CTR(counter)).encryptor()
        if self._division is None:
            return stream.update(sample)
        made, at = bytearray(), 0
        for clear, hidden in pieces:
            made += sample[at : at + clear]
            made += stream.update(sample[at + clear : at + clear + hidden])
            at += clear + hidden
        return bytes(made)


def encrypt_resource(key: bytes, iv: bytes, head: bytes, body: bytes) -> bytes:
    """Encrypt `head` and `body`, one behind the other, as one resource (RFC 8216 §4.3.2.4).

    AES-128 in chaining mode, padded as PKCS #7 has it, so 1 to 16 bytes longer. Raises `ValueError`
    unless key and vector have 16 bytes.
    """
    if len(key) != BLOCK or len(iv) != BLOCK:
        raise ValueError(f"a key of {len(key)} and a vector of {len(iv)} bytes: AES-128 takes 16")
    padding = BLOCK - (len(head) + len(body)) % BLOCK
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(head + body + bytes([padding]) * padding) + encryptor.finalize()


def encrypt_resource_of_file(
    pool: BodyPool,  # noqa: ARG001 # what the compiled twin writes to
    key: bytes,
    iv: bytes,
    head: bytes,
    descriptor: int,
    *,
    offset: int,
    length: int,
) -> bytes:
    """Give the same of a body that is read from a file, `length` bytes from `offset` on.

    Raises `EOFError` where the file does not have them, and what `encrypt_resource` does.
    """
    return encrypt_resource(key, iv, head, _read_all(descriptor, offset, length))


def _read_all(descriptor: int, offset: int, length: int) -> bytes:
    body = os.pread(descriptor, length, offset)
    if len(body) != length:
        raise EOFError(f"the file ends or fails before byte {offset + length}")
    return body


def _chained(key: bytes, iv: bytes, data: memoryview, stride: int) -> bytes:
    """Encrypt the first whole block of every `stride` bytes."""
    made = bytearray(data)
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    for at in range(0, len(data) - BLOCK + 1, stride):
        made[at : at + BLOCK] = encryptor.update(data[at : at + BLOCK])
    return bytes(made)


def _samples(found: _Fragment, body: bytes) -> Iterator[memoryview]:
    view, at = memoryview(body), 0
    for size in found.sizes:
        yield view[at : at + size]
        at += size


def _find(header: bytes, body_bytes: int) -> _Fragment:
    """Find what has to change in a header, and see that it fits the body."""
    end = len(header) - 8
    if end < 0 or header[end + 4 :] != b"mdat" or _u32(header, end) != body_bytes + 8:
        raise ValueError(f"the header does not end in an mdat of {body_bytes} bytes")
    moofs = [box for box in _boxes(header, 0, end) if box[0] == b"moof"]
    if not moofs or moofs[-1][2] != end:
        raise ValueError("no moof lies right before mdat")
    _, moof, _ = moofs[-1]
    traf = traf_end = 0
    for kind, at, after in _boxes(header, moof + 8, end):
        if kind == b"traf":
            if traf_end:
                raise ValueError("the fragment has more than one track")
            traf, traf_end = at, after
    if not traf_end:
        raise ValueError("the fragment has no track")
    run, sizes = _run(header, traf, traf_end, body_bytes)
    if sum(sizes) != body_bytes:
        raise ValueError(f"samples of {sum(sizes)} bytes in {body_bytes}")
    return _Fragment(moof, traf, traf_end, run, sizes)


def _run(header: bytes, traf: int, traf_end: int, body_bytes: int) -> tuple[int, list[int]]:
    run, default_size = 0, 0
    for kind, at, end in _boxes(header, traf + 8, traf_end):
        if kind == b"tfhd":
            told = _default_size(header, at, end)
            default_size = default_size if told is None else told
        elif kind == b"trun":
            if run:
                raise ValueError("the fragment has more than one run")
            _check_run(header, at, end)
            run = at
        elif kind in {b"senc", b"saiz", b"saio"}:
            raise ValueError("the fragment is encrypted already")
    if not run or not _u32(header, run + 8) & DATA_OFFSET:
        raise ValueError("the fragment has no run that says where its samples lie")
    count = _u32(header, run + 12)
    if not 0 < count <= body_bytes:
        raise ValueError(f"{count} samples in {body_bytes} bytes")
    flags = _u32(header, run + 8)
    if not flags & SAMPLE_SIZE:
        return run, [default_size] * count
    entries, entry_bytes = _entries(header, run)
    size_at = entries + (4 if flags & SAMPLE_DURATION else 0)
    return run, [_u32(header, size_at + each * entry_bytes) for each in range(count)]


def _default_size(header: bytes, at: int, end: int) -> int | None:
    if end - at < 16:
        return None
    flags = _u32(header, at + 8) & 0xFFFFFF
    before = 8 * bool(flags & BASE_DATA_OFFSET)
    before += 4 * sum(bool(flags & bit) for bit in (DESCRIPTION_INDEX, DEFAULT_DURATION))
    place = at + 16 + before
    return _u32(header, place) if flags & DEFAULT_SIZE and place + 4 <= end else None


def _check_run(header: bytes, at: int, end: int) -> None:
    if end - at < 16:
        raise ValueError("the fragment's trun is cut off")
    entries, entry_bytes = _entries(header, at)
    if entries + _u32(header, at + 12) * entry_bytes > end:
        raise ValueError("the fragment's trun is cut off")


def _entries(header: bytes, run: int) -> tuple[int, int]:
    """Give where the entries of trun begin, and the length of one."""
    flags = _u32(header, run + 8)
    before = 4 * sum(bool(flags & bit) for bit in (DATA_OFFSET, FIRST_FLAGS))
    fields = SAMPLE_DURATION | SAMPLE_SIZE | SAMPLE_FLAGS | SAMPLE_COMPOSITION
    return run + 16 + before, 4 * (flags & fields).bit_count()


def _boxes(header: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at < end:
        if end - at < 8:
            raise ValueError(f"the fragment's header ends within a box at byte {at}")
        length = _u32(header, at)
        if not 8 <= length <= end - at:
            raise ValueError(f"a box at byte {at} of the fragment's header claims {length} bytes")
        yield header[at + 4 : at + 8], at, at + length
        at += length


def _u32(data: bytes | bytearray, at: int) -> int:
    value: int = struct.unpack_from(">I", data, at)[0]
    return value


def _full_box(kind: bytes, flags: int, payload: bytes) -> bytes:
    return struct.pack(">I4sI", 12 + len(payload), kind, flags) + payload
