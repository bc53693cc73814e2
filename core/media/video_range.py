"""The dynamic range of a picture, as HLS names it (RFC 8216bis §4.4.6.2, VIDEO-RANGE)."""

SDR, PQ, HLG = "SDR", "PQ", "HLG"
UNSPECIFIED_COLOUR = (2, 2, 2)
TRANSFERS = {16: PQ, 18: HLG}
"""Transfer characteristics of ISO/IEC 23091-2: SMPTE ST 2084, ARIB STD-B67."""


def video_range(colour: tuple[int, int, int]) -> str:
    """Name the range of a picture by its primaries, transfer and matrix."""
    return TRANSFERS.get(colour[1], SDR)


def is_hdr(name: str | None) -> bool:
    """Whether a range has more than the standard; of what names none, no."""
    return name in {PQ, HLG}
