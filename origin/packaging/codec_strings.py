"""RFC 6381 names of codecs as FFmpeg tells of them."""

from contextlib import suppress

from core.isobmff.sample_entry import avc_codec_string, mp4a_codec_string

PLAIN = {"ac3": "ac-3", "eac3": "ec-3", "opus": "opus", "flac": "fLaC", "mp3": "mp4a.6B"}


def codec_string(codec: str, record: bytes) -> str:
    """Name a codec by FFmpeg's name and its decoder configuration; empty where we cannot."""
    with suppress(ValueError, IndexError):
        match codec:
            case "h264" if record[:1] == b"\x01":
                return avc_codec_string(record)
            case "aac" if record:
                return mp4a_codec_string(record)
            case "hevc" if record[:1] == b"\x01":
                return _hevc(record)
            case "av1" if record[:1] == b"\x81":
                return _av1(record)
    return PLAIN.get(codec, "")


def _hevc(record: bytes) -> str:
    """Name HEVC by its `hvcC` record (ISO/IEC 14496-15 annex E.3)."""
    space = ("", "A", "B", "C")[record[1] >> 6]
    tier = "H" if record[1] & 0x20 else "L"
    flags = int(f"{int.from_bytes(record[2:6]):032b}"[::-1], 2)
    constraints = record[6:12].rstrip(b"\0")
    parts = [f"{space}{record[1] & 31}", f"{flags:X}", f"{tier}{record[12]}"]
    return ".".join(["hvc1", *parts, *(f"{byte:X}" for byte in constraints)])


def _av1(record: bytes) -> str:
    """Name AV1 by its `av1C` record (AV1 in ISOBMFF §2.3 and §5)."""
    profile, level = record[1] >> 5, record[1] & 31
    tier = "H" if record[2] & 0x80 else "M"
    depth = (8, 10)[record[2] >> 6 & 1] if not record[2] & 0x20 else 12
    return f"av01.{profile}.{level:02}{tier}.{depth:02}"
