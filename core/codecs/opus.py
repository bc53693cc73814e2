"""Opus as stored in MP4 (Encapsulation of Opus in ISOBMFF 0.8.1): configuration, entry, name."""

import struct
from dataclasses import dataclass

from core.isobmff.box import box
from core.isobmff.sample_entry import InvalidDecoderConfiguration, audio_sample_entry

MAGIC = b"OpusHead"
HEAD_BYTES = 19
RATE = 48_000
"""What a decoder gives, whatever went into the encoder."""
CODEC_STRING = "opus"
MOST_CHANNELS_OF_FAMILY_0 = 2


@dataclass(frozen=True, slots=True)
class OpusConfiguration:
    """An Opus header; `pre_skip` in samples at 48 kHz, `mapping` is empty for mono and stereo."""

    channels: int
    pre_skip: int
    input_rate: int
    gain: int
    family: int
    mapping: bytes


def opus_configuration(head: bytes) -> OpusConfiguration:
    """Read an identification header (RFC 7845 §5.1); raises `InvalidDecoderConfiguration`."""
    if len(head) < HEAD_BYTES or head[:8] != MAGIC or head[8] >> 4:
        raise InvalidDecoderConfiguration(f"no Opus header: {head[:HEAD_BYTES].hex()}")
    channels, pre_skip, rate, gain, family = struct.unpack_from("<BHIhB", head, 9)
    mapping = head[HEAD_BYTES:]
    if family == 0:
        mapping = b""
    if not _fits(channels, family, mapping):
        raise InvalidDecoderConfiguration(f"Opus mapping family {family} of {channels} channels")
    return OpusConfiguration(channels, pre_skip, rate, gain, family, mapping)


def _fits(channels: int, family: int, mapping: bytes) -> bool:
    """Whether the mapping is whole and names streams that there are (RFC 7845 §5.1.1)."""
    if family == 0:
        return 1 <= channels <= MOST_CHANNELS_OF_FAMILY_0
    if channels == 0 or len(mapping) != 2 + channels:
        return False
    streams, coupled = mapping[:2]
    return coupled <= streams > 0 and all(
        each == 255 or each < streams + coupled for each in mapping[2:]
    )


def opus_sample_entry(head: bytes) -> bytes:
    """Give the `Opus` box of a track with this header (§4.3.1). Raises as `opus_configuration`."""
    config = opus_configuration(head)
    record = struct.pack(
        ">BBHIhB", 0, config.channels, config.pre_skip, config.input_rate, config.gain,
        config.family,
    )  # fmt: skip
    return audio_sample_entry(b"Opus", config.channels, RATE, box(b"dOps", record, config.mapping))
