"""How the samples of carried sound are stored, codec by codec, behind one small interface.

Some codecs tell what a decoder needs in their frames alone, so a format is made with the first
sample at hand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.codecs import aac, flac, mp3, opus
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from native import frame_lengths

if TYPE_CHECKING:
    from typing_extensions import Buffer

SBR_FACTOR = 2
FLAC_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class SourceSound:
    """What is known of a track before its samples: FFmpeg's name of the codec, its record.

    `channels` and `sample_rate` are what a decoder gives. `adts`: every packet has its own head.
    `dec3` is a configuration of E-AC-3 from the source's sample entry, `parametric` whether the
    stereo of AAC is parametric.
    """

    codec: str
    record: bytes
    channels: int
    sample_rate: int
    dec3: bytes = b""
    parametric: bool = False

    @property
    def is_adts(self) -> bool:
        """Whether AAC carries its configuration in every packet."""
        return self.codec == "aac" and not self.record


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One track's codec and configuration; `rate` in Hz, `length` in samples of that rate.

    `length` is that of every sample, unless `lengths_of` names the codec whose samples tell it.
    `objects` says that sound objects are in it, as Dolby Atmos has them.
    """

    codec_string: str
    sample_entry: bytes
    rate: int
    channels: int
    length: int
    lengths_of: str = ""
    framed: Callable[[bytes], bytes] = bytes
    objects: bool = False

    def lengths(self, data: "Buffer", sizes: Sequence[int]) -> list[int]:
        """Say how long each of many samples is.

        Raises `InvalidDecoderConfiguration` where one makes no sense.
        """
        if not self.lengths_of:
            return [self.length] * len(sizes)
        found = frame_lengths(data, sizes, self.lengths_of)
        if 0 in found:
            raise InvalidDecoderConfiguration(f"a sample is no frame of {self.codec_string}")
        return found


def audio_format(source: SourceSound, first: bytes) -> AudioFormat:
    """Give the format of a track that begins with the sample `first`.

    Raises `InvalidDecoderConfiguration` for a configuration that is wrong or contradicts the
    sample, and for a codec that is not carried.
    """
    match source.codec:
        case "aac":
            return _aac(source, first)
        case "ac3" | "eac3":
            # Imported here: few films have either, and a command that packages one is short.
            from core.codecs.dolby import ac3_format, eac3_format  # noqa: PLC0415 - see above

            return ac3_format(first) if source.codec == "ac3" else eac3_format(source, first)
        case "mp3":
            return _mp3(source, first)
        case "opus":
            config = opus.opus_configuration(source.record)
            entry = opus.opus_sample_entry(source.record)
            return AudioFormat(
                opus.CODEC_STRING, entry, opus.RATE, config.channels, 960, lengths_of="opus"
            )
        case "flac":
            found = flac.flac_configuration(source.record)
            entry = flac.flac_sample_entry(source.record)
            return AudioFormat(
                flac.CODEC_STRING, entry, found.sample_rate, found.channels, FLAC_BLOCK,
                lengths_of="flac",
            )  # fmt: skip
        case _:
            raise InvalidDecoderConfiguration(f"{source.codec} audio is not carried")


def _aac(source: SourceSound, first: bytes) -> AudioFormat:
    asc = aac.adts_configuration(first) if source.is_adts else source.record
    config = aac.aac_configuration(asc)
    if source.sample_rate not in (config.core_rate, SBR_FACTOR * config.core_rate):
        raise InvalidDecoderConfiguration(
            f"{source.sample_rate} Hz does not fit {config.core_rate} Hz"
        )
    factor = source.sample_rate // config.core_rate
    name = aac.mp4a_codec_string(asc)
    if factor == SBR_FACTOR and not config.extension:
        # Told by the frames alone (§1.6.5.3): players should still be told what to expect.
        kind = aac.PARAMETRIC_STEREO if source.parametric else aac.SPECTRAL_BAND_REPLICATION
        name = f"mp4a.40.{kind}"
    return AudioFormat(
        name,
        aac.mp4a_sample_entry(asc, source.channels, source.sample_rate),
        source.sample_rate,
        source.channels,
        config.frame_length * factor,
        framed=aac.without_adts if source.is_adts else bytes,
    )


def _mp3(source: SourceSound, first: bytes) -> AudioFormat:
    found = mp3.mp3_format(first)
    if found.sample_rate != source.sample_rate:
        raise InvalidDecoderConfiguration(
            f"{source.sample_rate} Hz is told, and {found.sample_rate} Hz found"
        )
    return AudioFormat(
        mp3.mp3_codec_string(first), mp3.mp3_sample_entry(first), found.sample_rate,
        found.channels, found.frame_length,
    )  # fmt: skip
