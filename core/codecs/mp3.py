"""MP3, MPEG audio layer III, as stored in MP4 (ISO/IEC 14496-14 §5.6): entry, name, frames."""

from dataclasses import dataclass

from core.isobmff.descriptor import esds
from core.isobmff.sample_entry import InvalidDecoderConfiguration, audio_sample_entry

RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
"""By version: MPEG-1 and its extension to lower rates, MPEG-2. MPEG-2.5 is no standard."""
OBJECT_TYPES = {3: 0x6B, 2: 0x69}
"""objectTypeIndication (ISO/IEC 14496-1 table 5)."""
LAYER_3 = 1


@dataclass(frozen=True, slots=True)
class Mp3Format:
    """What a frame's head says; rate in Hz, `frame_length` in samples."""

    version: int
    sample_rate: int
    channels: int
    frame_length: int


def mp3_format(frame: bytes) -> Mp3Format:
    """Read a frame's head (ISO/IEC 11172-3 §2.4.1.3); raises `InvalidDecoderConfiguration`."""
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        raise InvalidDecoderConfiguration(f"no frame of MPEG audio: {frame[:4].hex()}")
    version, layer, rate = frame[1] >> 3 & 3, frame[1] >> 1 & 3, frame[2] >> 2 & 3
    if version not in RATES or layer != LAYER_3 or rate == 3:
        raise InvalidDecoderConfiguration(f"MPEG audio {frame[:4].hex()} is not MP3")
    mono = frame[3] >> 6 == 3
    return Mp3Format(version, RATES[version][rate], 1 if mono else 2, 576 * (version - 1))


def mp3_codec_string(frame: bytes) -> str:
    """Give the name for a track of such frames, `mp4a.6B` or `mp4a.69` (RFC 6381 §3.3)."""
    return f"mp4a.{OBJECT_TYPES[mp3_format(frame).version]:X}"


def mp3_sample_entry(frame: bytes) -> bytes:
    """Give the `mp4a` box of a track of such frames. Raises `InvalidDecoderConfiguration`."""
    found = mp3_format(frame)
    specific = esds(OBJECT_TYPES[found.version], b"")
    return audio_sample_entry(b"mp4a", found.channels, found.sample_rate, specific)
