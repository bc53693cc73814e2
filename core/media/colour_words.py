"""Names for the numbers of a picture's colour (ISO/IEC 23091-2, the same as ITU-T H.273)."""

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
HIGH_RANGE: Final = (16, 18)
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


def high_dynamic_range(colour: tuple[int, int, int]) -> str:
    """Give `PQ` or `HLG` for the transfer of a picture of high dynamic range, else nothing."""
    return TRANSFERS[colour[1]] if colour[1] in HIGH_RANGE else ""
