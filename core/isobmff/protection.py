"""The init segment of an encrypted track (ISO/IEC 23001-7 §8, §4.1; ISO/IEC 14496-12 §8.12).

The sample entry becomes `encv` or `enca` and says in `sinf` what it was and how samples are
encrypted; a `pssh` of the Common system names the key, so that any player with ClearKey finds it.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Final

from core.isobmff.box import box, full_box
from core.isobmff.box_reader import child_boxes
from core.media.presentation import TrackKind
from core.protection.content_key import KeyUse
from core.protection.scheme import Scheme

COMMON_SYSTEM: Final = bytes.fromhex("1077efecc0b24d02ace33c1e52e2fb4b")
"""W3C Common PSSH Box Format: key ids, and nothing that only one system understands."""

SAMPLE_ENTRIES: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
COMMON_VERSION: Final = 0x10000
ENCRYPTED_BLOCKS, CLEAR_BLOCKS = 1, 9


def common_pssh(kids: Iterable[bytes]) -> bytes:
    """Give the `pssh` box that names these keys (§8.1)."""
    listed = list(kids)
    counted = struct.pack(">I", len(listed)) + b"".join(listed)
    return full_box(b"pssh", 1, 0, COMMON_SYSTEM, counted, struct.pack(">I", 0))


def protected_init(init: bytes, use: KeyUse, kind: TrackKind, *, by_units: bool) -> bytes:
    """Give the init segment of a track under a key of Common Encryption.

    `by_units` says whether samples are divided: only then has `cbcs` its pattern. Raises
    `MalformedMovie` where the clear init segment cannot be read.
    """
    changed = _changed(
        init, SAMPLE_ENTRIES, lambda entries: _protected(entries, use, kind, by_units)
    )
    return _changed(changed, SAMPLE_ENTRIES[:1], lambda movie: movie + common_pssh([use.kid]))


def _changed(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """Give `data` with the content of the box at `path` changed, and every length put right."""
    if not path:
        return change(data)
    made = []
    for span in child_boxes(memoryview(data), "init", 0, len(data)):
        if span.kind == path[0]:
            content = _changed(data[span.content : span.end], path[1:], change)
            made.append(box(span.kind, content))
        else:
            made.append(data[span.start : span.end])
    return b"".join(made)


def _protected(entries: bytes, use: KeyUse, kind: TrackKind, by_units: bool) -> bytes:
    """Change every sample entry of an `stsd` (§8.5.2), which begins with eight bytes of its own."""
    letters = b"encv" if kind is TrackKind.VIDEO else b"enca"
    made = [entries[:8]]
    for span in child_boxes(memoryview(entries), "init/moov/trak/mdia/minf/stbl/stsd", 8,
                            len(entries)):  # fmt: skip
        sinf = box(
            b"sinf",
            box(b"frma", span.kind),
            full_box(b"schm", 0, 0, use.scheme.encode(), struct.pack(">I", COMMON_VERSION)),
            box(b"schi", _tenc(use, by_units)),
        )
        made.append(box(letters, entries[span.content : span.end], sinf))
    return b"".join(made)


def _tenc(use: KeyUse, by_units: bool) -> bytes:
    """Give the defaults of the track's samples (§8.2)."""
    if use.scheme is Scheme.CENC:
        return full_box(b"tenc", 0, 0, struct.pack(">BBBB", 0, 0, 1, 8), use.kid)
    vector = struct.pack(">B", len(use.vector)) + use.vector
    if by_units:
        pattern = ENCRYPTED_BLOCKS << 4 | CLEAR_BLOCKS
        return full_box(b"tenc", 1, 0, struct.pack(">BBBB", 0, pattern, 1, 0), use.kid, vector)
    return full_box(b"tenc", 0, 0, struct.pack(">BBBB", 0, 0, 1, 0), use.kid, vector)
