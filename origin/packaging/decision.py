"""Which tracks go through as they are, and why the others do not."""

from typing import NamedTuple

from origin.packaging import aac, avc
from origin.packaging.report import Decision

COPYABLE_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
LONGEST_GOP_S = 10
COPYABLE_RATES = (8000, 48000)


class Verdict(NamedTuple):
    """What becomes of a track; the reason completes "because"."""

    decision: Decision
    reason: str


COPIED = Verdict(Decision.COPY, "it plays everywhere as it is")


def judge_video(codec: str, pixel_format: str, extradata: bytes, *, interlaced: bool) -> Verdict:
    """Decide on a video track from its headers; what only packets can tell shows while copying."""
    if codec != "h264":
        return _transcode(f"{codec} video does not play everywhere")
    if pixel_format not in COPYABLE_PIXEL_FORMATS:
        return _transcode(f"H.264 in the pixel format {pixel_format} does not play everywhere")
    if interlaced:
        return _transcode("the video is interlaced")
    try:
        avc.parse_configuration(extradata)
    except ValueError as problem:
        return _transcode(f"the H.264 is not stored as in MP4: {problem}")
    return COPIED


def judge_audio(codec: str, extradata: bytes) -> Verdict:
    """Decide on an audio track from its headers."""
    if codec != "aac":
        return _transcode(f"{codec} audio does not play everywhere")
    if not extradata:
        return _transcode("the AAC carries its configuration in every frame (ADTS)")
    try:
        configuration = aac.parse_configuration(extradata)
    except ValueError as problem:
        return _transcode(str(problem))
    if configuration.object_type != aac.LOW_COMPLEXITY:
        return _transcode(
            f"AAC of object type {configuration.object_type} is not played everywhere"
        )
    if configuration.channels == 0:
        return _transcode("the AAC describes its channels in its own way")
    lowest, highest = COPYABLE_RATES
    if not lowest <= configuration.core_rate <= highest:
        return _transcode(f"AAC at {configuration.core_rate} Hz does not play everywhere")
    return COPIED


def _transcode(reason: str) -> Verdict:
    return Verdict(Decision.TRANSCODE, reason)
