"""How the samples of a carried picture are stored, codec by codec, behind one small interface.

What is the same for all samples (parameter sets) is in the decoder's configuration, out of band;
`access` tells of many samples at once where decoding may begin, and which to look at again.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from core.codecs import avc, hevc
from core.codecs.nal import annexb_units, length_prefixed, prefixed_units
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


def video_format(codec: str, record: bytes, *, annexb: bool = False) -> VideoFormat:
    """Give the format of a track by FFmpeg's name of its codec and the record of its `stsd` entry.

    Raises `InvalidDecoderConfiguration` for a record that is wrong or a codec that is not carried.
    """
    match codec:
        case "h264" | "hevc":
            return NalFormat(codec, record, annexb=annexb)
        case "av1" | "vp9":
            # Imported here: few films have either, and a command that packages one is short.
            from core.codecs.frames import Av1Format, Vp9Format  # noqa: PLC0415 - see above

            return Av1Format(record) if codec == "av1" else Vp9Format(record)
        case _:
            raise InvalidDecoderConfiguration(f"{codec} video is not carried")
