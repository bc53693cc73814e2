"""FLAC as stored in MP4 (Encapsulation of FLAC in ISOBMFF 0.0.4): configuration, entry, name."""

from dataclasses import dataclass

from core.isobmff.box import full_box
from core.isobmff.sample_entry import InvalidDecoderConfiguration, audio_sample_entry

MAGIC = b"fLaC"
STREAMINFO_BYTES = 34
LAST_BLOCK = 0x80
CODEC_STRING = "fLaC"
LARGEST_ENTRY_RATE = 0xFFFF


@dataclass(frozen=True, slots=True)
class FlacConfiguration:
    """A STREAMINFO block: its bytes, rate in Hz, channels, bits a sample; samples, 0 if unknown."""

    streaminfo: bytes
    sample_rate: int
    channels: int
    bits: int
    samples: int


def flac_configuration(data: bytes) -> FlacConfiguration:
    """Read a STREAMINFO block (RFC 9639 §8.2), bare or behind the marker and its head.

    Raises `InvalidDecoderConfiguration`.
    """
    info = data[8:] if data.startswith(MAGIC) else data
    info = info[:STREAMINFO_BYTES]
    if len(info) < STREAMINFO_BYTES:
        raise InvalidDecoderConfiguration(f"a FLAC STREAMINFO of {len(info)} bytes")
    packed = int.from_bytes(info[10:18])
    rate, channels = packed >> 44, (packed >> 41 & 7) + 1
    least, most = int.from_bytes(info[0:2]), int.from_bytes(info[2:4])
    if rate == 0 or not 16 <= least <= most:
        raise InvalidDecoderConfiguration(f"FLAC at {rate} Hz in blocks of {least} to {most}")
    return FlacConfiguration(info, rate, channels, (packed >> 36 & 31) + 1, packed & (1 << 36) - 1)


def flac_sample_entry(data: bytes) -> bytes:
    """Give the `fLaC` box (§3.3). Raises as `flac_configuration`.

    A rate beyond 16 bits is halved until it fits; STREAMINFO has it in full.
    """
    config = flac_configuration(data)
    rate = config.sample_rate
    while rate > LARGEST_ENTRY_RATE:
        rate //= 2
    head = bytes((LAST_BLOCK,)) + STREAMINFO_BYTES.to_bytes(3)
    dfla = full_box(b"dfLa", 0, 0, head, config.streaminfo)
    return audio_sample_entry(b"fLaC", config.channels, rate, dfla, sample_bits=config.bits)
