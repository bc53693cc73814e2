"""AAC's AudioSpecificConfig: what kind of AAC it is, and how many samples a frame holds."""

from typing import NamedTuple

LOW_COMPLEXITY = 2
SPECTRAL_BAND_REPLICATION = 5
PARAMETRIC_STEREO = 29
RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
EXPLICIT_RATE = 15
ESCAPED_TYPE = 31
CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)


class AudioConfiguration(NamedTuple):
    """An AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), rates in Hz.

    `object_type` is that of the core coder; `extended` says that band replication is announced.
    """

    object_type: int
    core_rate: int
    channels: int
    frame_length: int
    extended: bool


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the AudioSpecificConfig is cut short")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)


def parse_configuration(record: bytes) -> AudioConfiguration:
    """Read an AudioSpecificConfig. Raises `ValueError` when it is cut short or makes no sense."""
    bits = _Bits(record[:64])
    object_type = _object_type(bits)
    rate = _rate(bits)
    layout = bits.take(4)
    if layout >= len(CHANNELS):
        raise ValueError(f"channel configuration {layout} is not known")
    extended = object_type in (SPECTRAL_BAND_REPLICATION, PARAMETRIC_STEREO)
    if extended:
        _rate(bits)
        object_type = _object_type(bits)
    short = object_type in (1, 2, 3, 4) and bits.take(1) == 1
    return AudioConfiguration(object_type, rate, CHANNELS[layout], 960 if short else 1024, extended)


def _object_type(bits: _Bits) -> int:
    value = bits.take(5)
    return 32 + bits.take(6) if value == ESCAPED_TYPE else value


def _rate(bits: _Bits) -> int:
    number = bits.take(4)
    if number == EXPLICIT_RATE:
        return bits.take(24)
    if number >= len(RATES):
        raise ValueError(f"sampling frequency index {number} is not known")
    return RATES[number]
