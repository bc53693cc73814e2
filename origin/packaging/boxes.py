"""The outermost boxes of an MP4 file: enough to tell a complete file from one cut short."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOST_BOXES = 256
FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot"})


@dataclass(frozen=True, slots=True)
class OuterBoxes:
    """What the first boxes say; `missing_bytes` is how far the last one reaches beyond the end."""

    has_index: bool
    fragments: int
    missing_bytes: int

    @property
    def fragmented(self) -> bool:
        """Whether samples are in fragments."""
        return self.fragments > 0


def outer_boxes(path: Path) -> OuterBoxes | None:
    """Walk the top-level boxes (ISO/IEC 14496-12 §4.2); None when it is no file of that family.

    Reads box headers alone, 256 of them at most, whatever lengths they claim.
    """
    size = path.stat().st_size
    kinds: Counter[bytes] = Counter()
    at = 0
    with path.open("rb") as file:
        for _ in range(MOST_BOXES):
            box = _box(file, at, size)
            if box is None:
                break
            kind, at = box
            if not kinds and kind not in FIRST_BOXES:
                return None
            kinds[kind] += 1
    if not kinds:
        return None
    return OuterBoxes(b"moov" in kinds, kinds[b"moof"], max(0, at - size))


def _box(file: BinaryIO, at: int, size: int) -> tuple[bytes, int] | None:
    """Give kind and end of the box that starts there; None where no box does."""
    if at >= size:
        return None
    file.seek(at)
    header = file.read(16)
    if len(header) < 8:
        return None
    length, kind = int.from_bytes(header[:4]), header[4:8]
    if length == 1:
        length = int.from_bytes(header[8:16])
    elif length == 0:
        length = size - at
    return (kind, at + length) if length >= 8 else None
