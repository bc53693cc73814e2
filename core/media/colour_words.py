"""Names for the numbers of a picture's colour (ISO/IEC 23091-2, the same as ITU-T H.273)."""

import struct
from collections.abc import Mapping
from typing import Final

PRIMARIES: Final[Mapping[int, str]] = {
    1: "BT.709", 5: "BT.601 (625)", 6: "BT.601 (525)", 7: "SMPTE 240M", 9: "BT.2020",
    11: "DCI-P3", 12: "Display P3",
}  # fmt: skip
TRANSFERS: Final[Mapping[int, str]] = {
    1: "BT.709", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 7: "SMPTE 240M", 8: "linear",
    13: "sRGB", 14: "BT.2020", 15: "BT.2020", 16: "PQ", 18: "HLG",
}  # fmt: skip
MATRICES: Final[Mapping[int, str]] = {
    0: "RGB", 1: "BT.709", 5: "BT.601", 6: "BT.601", 7: "SMPTE 240M", 9: "BT.2020",
    10: "BT.2020 constant", 14: "ICtCp",
}  # fmt: skip
MASTERING: Final = struct.Struct(">8H2I")
LEVELS: Final = struct.Struct(">HH")
LUMINANCE: Final = 10_000
"""Units of `mdcv` in a candela a square metre."""
UNSPECIFIED: Final = 2


def colour_words(colour: tuple[int, int, int], *, full_range: bool) -> str:
    """Name primaries, transfer and matrix, and say where the range is full; empty if unknown."""
    tables = (PRIMARIES, TRANSFERS, MATRICES)
    if all(number in (0, UNSPECIFIED) for number in colour[:2]):
        return "full range" if full_range else ""
    words = [
        table.get(number, "unspecified" if number == UNSPECIFIED else str(number))
        for table, number in zip(tables, colour, strict=True)
    ]
    return " / ".join(dict.fromkeys(words)) + (", full range" if full_range else "")


def light_words(mdcv: bytes, clli: bytes) -> str:
    """Say how bright the picture gets, by its `mdcv` and `clli` (ISO/IEC 14496-12 §12.1.7).

    Empty where both are; those of another length say nothing.
    """
    words = []
    if len(mdcv) == MASTERING.size:
        *_, brightest, darkest = MASTERING.unpack(mdcv)
        words.append(f"mastered from {darkest / LUMINANCE:g} to {brightest / LUMINANCE:g} cd/m²")
    if len(clli) == LEVELS.size:
        most, mean = LEVELS.unpack(clli)
        words.append(f"pixels up to {most} cd/m², pictures up to {mean} on average")
    return ", ".join(words)
