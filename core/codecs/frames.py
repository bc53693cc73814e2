"""AV1 and VP9 as tracks store them: samples that are frames, of which key pictures tell all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.codecs.av1 import (
    SEQUENCE_HEADER,
    TEMPORAL_DELIMITER,
    av1_codec_string,
    av1_configuration,
    av1_sample_entry,
    obus,
)
from core.codecs.video import ChangedConfiguration
from core.codecs.vp9 import check_vpcc, vp9_codec_string, vp9_format, vp9_sample_entry
from core.isobmff.sample_entry import InvalidDecoderConfiguration, VisualTraits
from native import sample_access

if TYPE_CHECKING:
    from typing_extensions import Buffer


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
