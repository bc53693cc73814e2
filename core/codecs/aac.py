"""AAC: its AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), sample entry, name, and ADTS."""

from typing import NamedTuple

from core.isobmff.bit_reader import BitReader
from core.isobmff.descriptor import esds
from core.isobmff.sample_entry import (
    LARGEST_CONFIGURATION_BYTES,
    InvalidDecoderConfiguration,
    audio_sample_entry,
)

# Audio object types (table 1.17)
LOW_COMPLEXITY = 2
SPECTRAL_BAND_REPLICATION = 5
PARAMETRIC_STEREO = 29
ESCAPED_OBJECT_TYPE = 31
GENERAL_AUDIO = frozenset((1, 2, 3, 4, 6, 7))

RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
EXPLICIT_FREQUENCY = 15
CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
"""Table 1.19; configuration 0 describes its channels in its own way, others are reserved."""
SYNC_EXTENSION_SBR = 0x2B7
SYNC_EXTENSION_PS = 0x548
AUDIO_ISO_IEC_14496_3 = 0x40
"""objectTypeIndication (ISO/IEC 14496-1 table 5)."""
ADTS_HEAD_BYTES = 7


class AacConfiguration(NamedTuple):
    """An AudioSpecificConfig; `core_rate` in Hz, `frame_length` in samples of that rate.

    `object_type` is that of the core coder, `channels` 0 where it is not told. `extension` is 5
    where band replication is announced, 29 with parametric stereo, else 0; `extension_rate` is the
    rate that comes out then, in Hz.
    """

    object_type: int
    core_rate: int
    channels: int
    frame_length: int
    extension: int
    extension_rate: int


def aac_configuration(asc: bytes) -> AacConfiguration:
    """Read an AudioSpecificConfig; raises `InvalidDecoderConfiguration`."""
    if len(asc) > LARGEST_CONFIGURATION_BYTES:
        raise InvalidDecoderConfiguration(f"an AudioSpecificConfig of {len(asc)} bytes")
    bits = BitReader(asc[:64])
    try:
        return _configuration(bits)
    except EOFError as cause:
        raise InvalidDecoderConfiguration(
            f"the AudioSpecificConfig {asc[:16].hex()} is cut off"
        ) from cause


def _configuration(bits: BitReader) -> AacConfiguration:
    object_type = _object_type(bits)
    rate = _rate(bits)
    layout = bits.read(4)
    extension = extension_rate = 0
    if object_type in (SPECTRAL_BAND_REPLICATION, PARAMETRIC_STEREO):
        extension, extension_rate = object_type, _rate(bits)
        object_type = _object_type(bits)
    if object_type == 0:
        raise InvalidDecoderConfiguration("audio object type 0 names no codec")
    short = False
    if object_type in GENERAL_AUDIO:
        short = bool(bits.read(1))
        if bits.read(1):  # dependsOnCoreCoder
            bits.read(14)
        bits.read(1)  # extensionFlag
        if layout and not extension:
            extension, extension_rate = _announced(bits)
    channels = CHANNELS.get(layout, 0)
    length = 960 if short else 1024
    return AacConfiguration(object_type, rate, channels, length, extension, extension_rate)


def _announced(bits: BitReader) -> tuple[int, int]:
    """Read an extension told at the end, for decoders that know of it (§1.6.5.2)."""
    if bits.left < 16 or bits.read(11) != SYNC_EXTENSION_SBR:
        return 0, 0
    if _object_type(bits) != SPECTRAL_BAND_REPLICATION or not bits.read(1):
        return 0, 0
    rate = _rate(bits)
    if bits.left >= 12 and bits.read(11) == SYNC_EXTENSION_PS and bits.read(1):
        return PARAMETRIC_STEREO, rate
    return SPECTRAL_BAND_REPLICATION, rate


def _object_type(bits: BitReader) -> int:
    value = bits.read(5)
    return 32 + bits.read(6) if value == ESCAPED_OBJECT_TYPE else value


def _rate(bits: BitReader) -> int:
    number = bits.read(4)
    if number == EXPLICIT_FREQUENCY:
        return bits.read(24)
    if number >= len(RATES):
        raise InvalidDecoderConfiguration(f"sampling frequency index {number} is not known")
    return RATES[number]


def mp4a_codec_string(asc: bytes) -> str:
    """Give the object type as RFC 6381 §3.3 writes it: `mp4a.40.2`, `.5` (SBR) or `.29` (PS).

    Extensions that a configuration announces at its end, for decoders that know them, count too.
    """
    configuration = aac_configuration(asc)
    return f"mp4a.40.{configuration.extension or configuration.object_type}"


def mp4a_sample_entry(asc: bytes, channels: int, sample_rate: int) -> bytes:
    """Give the `mp4a` box of an AAC track (ISO/IEC 14496-14 §5.6)."""
    aac_configuration(asc)
    specific = esds(AUDIO_ISO_IEC_14496_3, asc)
    return audio_sample_entry(b"mp4a", channels, sample_rate, specific)


def adts_configuration(frame: bytes) -> bytes:
    """Give the AudioSpecificConfig that an ADTS frame's head stands for (§1.A.2.2).

    Raises `InvalidDecoderConfiguration` for a frame that is none, or that has several blocks.
    """
    _check_adts(frame)
    object_type = (frame[2] >> 6) + 1
    frequency = frame[2] >> 2 & 15
    layout = (frame[2] & 1) << 2 | frame[3] >> 6
    if frequency >= len(RATES):
        raise InvalidDecoderConfiguration(f"sampling frequency index {frequency} is not known")
    return (object_type << 11 | frequency << 7 | layout << 3).to_bytes(2)


def is_adts(frame: bytes) -> bool:
    """Whether bytes begin as an ADTS frame does."""
    return len(frame) > ADTS_HEAD_BYTES and frame[0] == 0xFF and frame[1] & 0xF6 == 0xF0


def without_adts(frame: bytes) -> bytes:
    """Give the raw block of an ADTS frame, without its head and checksum."""
    _check_adts(frame)
    return frame[7 if frame[1] & 1 else 9 :]


def _check_adts(frame: bytes) -> None:
    if not is_adts(frame):
        raise InvalidDecoderConfiguration(f"no ADTS frame: {frame[:7].hex()}")
    length = (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5
    if length != len(frame) or frame[6] & 3:
        raise InvalidDecoderConfiguration(
            f"an ADTS frame of {length} bytes and {(frame[6] & 3) + 1} blocks in {len(frame)} bytes"
        )
