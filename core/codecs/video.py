"""How the samples of a carried picture are stored, codec by codec, behind one small interface.

What is the same for all samples (parameter sets) is in the decoder's configuration, out of band;
`access` tells of many samples at once where decoding may begin, and which to look at again.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from core.codecs import avc, hevc
from core.codecs.av1 import (
    SEQUENCE_HEADER,
    TEMPORAL_DELIMITER,
    av1_codec_string,
    av1_configuration,
    av1_sample_entry,
    obus,
)
from core.codecs.nal import annexb_units, length_prefixed, prefixed_units
from core.codecs.vp9 import check_vpcc, vp9_codec_string, vp9_format, vp9_sample_entry
from core.isobmff.sample_entry import InvalidDecoderConfiguration, VisualTraits
from native import sample_access

if TYPE_CHECKING:
    from typing_extensions import Buffer

AVC_DELIMITERS = frozenset((9, 12))
HEVC_DELIMITERS = frozenset((35, 38))
"""Access unit delimiters and filler data, which a file has no need of."""


class ChangedConfiguration(InvalidDecoderConfiguration):
    """A sample's own parameters are not those that the track began with."""

    code = "media.changed_configuration"

    def __init__(self) -> None:
        super().__init__("the coding parameters change on the way")


class VideoFormat(Protocol):
    """One track's codec and configuration; `codec` is FFmpeg's name of the codec."""

    codec: str

    @property
    def codec_string(self) -> str:
        """The RFC 6381 name."""

    def sample_entry(self, width: int, height: int, traits: VisualTraits) -> bytes:
        """Give the entry for `stsd`; sizes in pixels."""

    def access(self, data: "Buffer", sizes: Sequence[int]) -> bytes:
        """Say what each of many samples is, one byte of `native.sample_access` flags each."""

    def stored(self, sample: bytes) -> bytes:
        """Give a sample, one that `access` wants to be examined, as it is stored.

        Raises `InvalidDecoderConfiguration` for bytes that make no sense, and its
        `ChangedConfiguration` where decoders would have to be set up anew.
        """

    def framed(self, packet: bytes) -> bytes:
        """Give a sample of what a container without an index holds, with length fields."""


class NalFormat:
    """H.264 or HEVC: length-prefixed NAL units, or `annexb` ones, which become such."""

    def __init__(self, codec: str, record: bytes, *, annexb: bool = False) -> None:
        self.codec = codec
        self._record = record
        self._annexb = annexb
        self._hevc = codec == "hevc"
        if self._hevc:
            self._record = hevc.completed(record)
            found = hevc.hevc_configuration(self._record)
            self._length_size, self._parameter_sets = found.length_size, found.parameter_sets
        else:
            configuration = avc.avc_configuration(record)
            self._length_size = configuration.length_size
            self._parameter_sets = configuration.parameter_sets
        self._family = "hevc" if self._hevc else "avc"
        self._baggage = frozenset(hevc.PARAMETER_SETS) if self._hevc else avc.PARAMETER_SETS
        self._delimiters = HEVC_DELIMITERS if self._hevc else AVC_DELIMITERS

    @property
    def codec_string(self) -> str:
        """The RFC 6381 name."""
        named = hevc.hevc_codec_string if self._hevc else avc.avc_codec_string
        return named(self._record)

    def sample_entry(self, width: int, height: int, traits: VisualTraits) -> bytes:
        """Give `avc1` or `hvc1`."""
        entry = hevc.hevc_sample_entry if self._hevc else avc.avc_sample_entry
        return entry(self._record, width, height, traits)

    def access(self, data: "Buffer", sizes: Sequence[int]) -> bytes:
        """Say what each sample is."""
        return sample_access(data, sizes, self._family, self._length_size)

    def stored(self, sample: bytes) -> bytes:
        """Leave out parameter sets that repeat the record's (ISO/IEC 14496-15 §5.3.2, §8.3.2)."""
        kept = []
        for unit in prefixed_units(sample, self._length_size):
            if self._kind(unit) not in self._baggage:
                kept.append(len(unit).to_bytes(self._length_size) + unit)
            elif unit not in self._parameter_sets:
                raise ChangedConfiguration
        if not kept:
            raise InvalidDecoderConfiguration("a sample has no picture in it")
        return b"".join(kept)

    def framed(self, packet: bytes) -> bytes:
        """Turn start codes into length fields; delimiters are left out."""
        if not self._annexb:
            return packet
        return length_prefixed(
            unit for unit in annexb_units(packet) if self._kind(unit) not in self._delimiters
        )

    def _kind(self, unit: bytes) -> int:
        return unit[0] >> 1 & 63 if self._hevc else unit[0] & 31


class Av1Format:
    """AV1: temporal units without temporal delimiters (AV1 in ISOBMFF §2.4)."""

    codec = "av1"

    def __init__(self, record: bytes) -> None:
        self._record = record
        self._header = av1_configuration(record).header

    @property
    def codec_string(self) -> str:
        """The RFC 6381 name."""
        return av1_codec_string(self._record)

    def sample_entry(self, width: int, height: int, traits: VisualTraits) -> bytes:
        """Give `av01`."""
        return av1_sample_entry(self._record, width, height, traits)

    def access(self, data: "Buffer", sizes: Sequence[int]) -> bytes:
        """Say what each sample is."""
        return sample_access(data, sizes, "av1")

    def stored(self, sample: bytes) -> bytes:
        """Leave out temporal delimiters; sequence headers stay, and have to be the record's."""
        kept = []
        for obu in obus(sample):
            if obu.kind == SEQUENCE_HEADER and obu.payload != self._header:
                raise ChangedConfiguration
            if obu.kind != TEMPORAL_DELIMITER:
                kept.append(obu.whole)
        if not kept:
            raise InvalidDecoderConfiguration("a sample has no picture in it")
        return b"".join(kept)

    def framed(self, packet: bytes) -> bytes:
        """Give the packet, which is a temporal unit."""
        return packet


class Vp9Format:
    """VP9: frames and superframes as they are."""

    codec = "vp9"

    def __init__(self, record: bytes) -> None:
        check_vpcc(record)
        self._record = record

    @property
    def codec_string(self) -> str:
        """The RFC 6381 name."""
        return vp9_codec_string(self._record)

    def sample_entry(self, width: int, height: int, traits: VisualTraits) -> bytes:
        """Give `vp09`."""
        return vp9_sample_entry(self._record, width, height, traits)

    def access(self, data: "Buffer", sizes: Sequence[int]) -> bytes:
        """Say what each sample is."""
        return sample_access(data, sizes, "vp9")

    def stored(self, sample: bytes) -> bytes:
        """Check that a key picture has the profile, the depth and the chroma of the record."""
        key = vp9_format(sample)
        profile, _, traits = self._record[:3]
        if (key.profile, key.bit_depth, key.chroma) != (profile, traits >> 4, traits >> 1 & 7):
            raise ChangedConfiguration
        return sample

    def framed(self, packet: bytes) -> bytes:
        """Give the packet, which is a frame or a superframe."""
        return packet


def video_format(codec: str, record: bytes, *, annexb: bool = False) -> VideoFormat:
    """Give the format of a track by FFmpeg's name of its codec and the record of its `stsd` entry.

    Raises `InvalidDecoderConfiguration` for a record that is wrong or a codec that is not carried.
    """
    match codec:
        case "h264" | "hevc":
            return NalFormat(codec, record, annexb=annexb)
        case "av1":
            return Av1Format(record)
        case "vp9":
            return Vp9Format(record)
        case _:
            raise InvalidDecoderConfiguration(f"{codec} video is not carried")
