"""Sample entries, which set up a track's decoder, and the codec strings read from the same bytes.

ISO/IEC 14496-12 §8.5.2, 14496-15 (H.264), 14496-14 (AAC); RFC 6381.
"""

import struct

from core.errors import InputFault
from core.isobmff.bit_reader import BitReader
from core.isobmff.box import box, full_box

LARGEST_CONFIGURATION_BYTES = 65_536
"""More than any decoder configuration holds: parameter sets are a few hundred bytes."""

# MPEG-4 audio object types (ISO/IEC 14496-3 table 1.17)
AAC_SBR = 5
AAC_PS = 29
ESCAPED_OBJECT_TYPE = 31
GENERAL_AUDIO_OBJECT_TYPES = frozenset((1, 2, 3, 4, 6, 7))
SYNC_EXTENSION_SBR = 0x2B7
SYNC_EXTENSION_PS = 0x548
EXPLICIT_FREQUENCY = 15


class InvalidDecoderConfiguration(InputFault):
    """A track's decoder configuration is not one that the codec's specification allows."""

    code = "media.decoder_configuration"


def avc_sample_entry(
    avcc: bytes,
    width: int,
    height: int,
    *,
    pasp: tuple[int, int] | None = None,
    colr: tuple[int, int, int, bool] | None = None,
    btrt: tuple[int, int, int] | None = None,
) -> bytes:
    """Give the `avc1` box of an H.264 track with its parameter sets out of band.

    `avcc` is an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1), `width` and `height`
    the coded size in pixels, `pasp` the pixel's aspect (§12.1.4), `colr` primaries, transfer,
    matrix and full range as ISO/IEC 23091-2 numbers them (§12.1.5, `nclx`), `btrt` the decoder's
    buffer in bytes and the largest and mean bit rate (§8.5.2.2).
    """
    check_avcc(avcc)
    if not (1 <= width <= 0xFFFF and 1 <= height <= 0xFFFF):
        raise InvalidDecoderConfiguration(f"a picture of {width}x{height} does not fit avc1")
    visual = struct.pack(
        ">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 0x18, -1
    )  # 72 dpi, one frame a sample, no compressor name, colour without alpha
    extensions = [box(b"avcC", avcc)]
    if colr is not None:
        primaries, transfer, matrix, full_range = colr
        numbers = struct.pack(">HHHB", primaries, transfer, matrix, 0x80 if full_range else 0)
        extensions.append(box(b"colr", b"nclx", numbers))
    if pasp is not None:
        extensions.append(box(b"pasp", struct.pack(">II", *pasp)))
    if btrt is not None:
        extensions.append(box(b"btrt", struct.pack(">III", *btrt)))
    return box(b"avc1", visual, *extensions)


def mp4a_sample_entry(
    asc: bytes,
    channels: int,
    sample_rate: int,
    *,
    max_bitrate: int = 0,
    average_bitrate: int = 0,
) -> bytes:
    """Give the `mp4a` box of an AAC track (ISO/IEC 14496-14 §5.6, 14496-12 §12.2.3).

    `asc` is an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1); bit rates are in bit/s, 0 unknown.
    A sample rate above 65535 Hz does not fit the box and is written as 0; the configuration has it.
    """
    mp4a_codec_string(asc)
    if not 1 <= channels <= 0xFFFF:
        raise InvalidDecoderConfiguration(f"{channels} channels do not fit mp4a")
    rate = sample_rate << 16 if 0 < sample_rate <= 0xFFFF else 0
    audio = struct.pack(">6xH8xHH4xI", 1, channels, 16, rate)
    return box(b"mp4a", audio, _esds(asc, max_bitrate, average_bitrate))


def check_avcc(avcc: bytes) -> None:
    """Walk an AVCDecoderConfigurationRecord; raises `InvalidDecoderConfiguration`."""
    if not 7 <= len(avcc) <= LARGEST_CONFIGURATION_BYTES:
        raise InvalidDecoderConfiguration(f"an avcC of {len(avcc)} bytes")
    if avcc[0] != 1:
        raise InvalidDecoderConfiguration(f"avcC version {avcc[0]}")
    end = _skip_parameter_sets(avcc, 6, avcc[5] & 0x1F)
    if end >= len(avcc):
        raise InvalidDecoderConfiguration("avcC ends before its picture parameter sets")
    _skip_parameter_sets(avcc, end + 1, avcc[end])


def _skip_parameter_sets(avcc: bytes, at: int, count: int) -> int:
    if count == 0:
        raise InvalidDecoderConfiguration("avcC has no sequence or no picture parameter set")
    for _ in range(count):
        length = int.from_bytes(avcc[at : at + 2])
        at += 2 + length
        if length == 0 or at > len(avcc):
            raise InvalidDecoderConfiguration(f"avcC is cut off in a parameter set, byte {at}")
    return at


def avc_codec_string(avcc: bytes) -> str:
    """Give profile, constraints and level as RFC 6381 §3.3 writes them: `avc1.64001f`."""
    check_avcc(avcc)
    return f"avc1.{avcc[1:4].hex()}"


def mp4a_codec_string(asc: bytes) -> str:
    """Give the object type as RFC 6381 §3.3 writes it: `mp4a.40.2`, `.5` (SBR) or `.29` (PS).

    Extensions that a configuration announces at its end, for decoders that know them, count too.
    """
    if len(asc) > LARGEST_CONFIGURATION_BYTES:
        raise InvalidDecoderConfiguration(f"an AudioSpecificConfig of {len(asc)} bytes")
    try:
        return f"mp4a.40.{_object_type(BitReader(asc))}"
    except EOFError as cause:
        raise InvalidDecoderConfiguration(
            f"the AudioSpecificConfig {asc[:16].hex()} is cut off"
        ) from cause


def _object_type(bits: BitReader) -> int:
    """Read as much of an AudioSpecificConfig as tells SBR and PS (ISO/IEC 14496-3 §1.6.2.1)."""
    object_type = _read_object_type(bits)
    if object_type == 0:
        raise InvalidDecoderConfiguration("audio object type 0 names no codec")
    _skip_frequency(bits)
    channel_configuration = bits.read(4)
    if object_type not in GENERAL_AUDIO_OBJECT_TYPES or channel_configuration == 0:
        return object_type
    bits.read(1)  # frameLengthFlag
    if bits.read(1):  # dependsOnCoreCoder
        bits.read(14)
    bits.read(1)  # extensionFlag
    return _announced_extension(bits, object_type)


def _announced_extension(bits: BitReader, object_type: int) -> int:
    if bits.left < 16 or bits.read(11) != SYNC_EXTENSION_SBR:
        return object_type
    if _read_object_type(bits) != AAC_SBR or not bits.read(1):
        return object_type
    _skip_frequency(bits)
    if bits.left >= 12 and bits.read(11) == SYNC_EXTENSION_PS and bits.read(1):
        return AAC_PS
    return AAC_SBR


def _read_object_type(bits: BitReader) -> int:
    value = bits.read(5)
    return 32 + bits.read(6) if value == ESCAPED_OBJECT_TYPE else value


def _skip_frequency(bits: BitReader) -> None:
    if bits.read(4) == EXPLICIT_FREQUENCY:
        bits.read(24)


def _esds(asc: bytes, max_bitrate: int, average_bitrate: int) -> bytes:
    """Give the ES_Descriptor box (ISO/IEC 14496-14 §5.6; descriptors of ISO/IEC 14496-1 §7.2.6)."""
    decoder_config = _descriptor(
        0x04,
        # objectTypeIndication MPEG-4 audio, streamType audio, no buffer size given
        struct.pack(">BB3xII", 0x40, 0x15, max_bitrate, average_bitrate),
        _descriptor(0x05, asc),
    )
    sync_layer = _descriptor(0x06, b"\x02")  # predefined for MP4 files
    stream = _descriptor(0x03, struct.pack(">HB", 0, 0), decoder_config, sync_layer)
    return full_box(b"esds", 0, 0, stream)


def _descriptor(tag: int, *payload: bytes) -> bytes:
    """Give a descriptor; its length takes seven bits a byte (ISO/IEC 14496-1 §8.3.3)."""
    length = sum(map(len, payload))
    digits = [length & 0x7F]
    while length := length >> 7:
        digits.insert(0, length & 0x7F | 0x80)
    return bytes((tag, *digits)) + b"".join(payload)
