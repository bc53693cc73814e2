"""AC-3 and E-AC-3 as tracks store them.

Both raise `InvalidDecoderConfiguration` for a sample that makes no sense.
"""

from core.codecs import ac3
from core.codecs.sound import AudioFormat, SourceSound
from core.isobmff.sample_entry import InvalidDecoderConfiguration


def ac3_format(first: bytes) -> AudioFormat:
    """Give the format of a track of AC-3 that begins with the sample `first`."""
    entry = ac3.ac3_sample_entry(first)
    frame = next(iter(ac3.sync_frames(first)))
    return AudioFormat(
        ac3.AC3_CODEC_STRING, entry, frame.sample_rate, frame.channels, ac3.FRAME_SAMPLES
    )


def eac3_format(source: SourceSound, first: bytes) -> AudioFormat:
    """Give the format of a track of E-AC-3 that begins with the sample `first`."""
    if ac3.frame_samples(first) != ac3.FRAME_SAMPLES:
        raise InvalidDecoderConfiguration(
            f"a sample of E-AC-3 holds {ac3.frame_samples(first)} samples of sound, not six blocks"
        )
    entry = ac3.eac3_sample_entry(first, source.dec3)
    frame = next(iter(ac3.sync_frames(first)))
    return AudioFormat(
        ac3.EAC3_CODEC_STRING, entry, frame.sample_rate, ac3.eac3_channels(first),
        ac3.FRAME_SAMPLES, objects=ac3.is_joint_object_coding(first),
    )  # fmt: skip
