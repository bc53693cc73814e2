"""Which tracks go through as they are, and why the others do not.

What no device is without (H.264 of 8 bits and 4:2:0, AAC-LC) is published alone. Other codecs that
players have are carried too, beside an encoding of those two, so that there is something to play
everywhere. All else is encoded.
"""

from typing import Final, NamedTuple

from core.codecs import aac
from core.codecs.flac import flac_configuration
from core.codecs.mp3 import RATES as MP3_RATES
from core.codecs.opus import opus_configuration
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from origin.packaging.report import Decision, Reach

EIGHT_BITS: Final = frozenset({"yuv420p", "yuvj420p"})
CARRIED_FORMATS: Final = {
    "h264": EIGHT_BITS | {"yuv420p10le", "yuv422p", "yuvj422p", "yuv422p10le"},
    "hevc": EIGHT_BITS | {"yuv420p10le"},
    "av1": EIGHT_BITS | {"yuv420p10le"},
    "vp9": EIGHT_BITS | {"yuv420p10le"},
}
"""Pixel formats, in FFmpeg's names, of each codec that players decode."""
IN_BROWSERS: Final = frozenset({"av1", "vp9", "opus", "flac", "aac"})
"""Codecs that browsers decode out of MP4 fragments. Chromium takes MP3 from none but MP3 files."""
NAMES: Final = {
    "h264": "H.264", "hevc": "HEVC", "av1": "AV1", "vp9": "VP9", "ac3": "AC-3", "eac3": "E-AC-3",
    "opus": "Opus", "flac": "FLAC", "mp3": "MP3",
}  # fmt: skip
LONGEST_GOP_S: Final = 12
"""How far apart the pictures may be at which playback can start.

x264 and x265 set key pictures 250 apart if they are not told, which is 10.4 s of a film."""
USUAL_RATES: Final = (8000, 48000)
ADTS_PROFILES: Final = {
    "LC": Reach.EVERYWHERE,
    "HE-AAC": Reach.BROWSERS,
    "HE-AACv2": Reach.BROWSERS,
}


class Verdict(NamedTuple):
    """What becomes of a track, and where it plays; the reason completes "because"."""

    decision: Decision
    reason: str
    reach: Reach = Reach.EVERYWHERE


COPIED: Final = Verdict(Decision.COPY, "it plays everywhere as it is")


def judge_video(codec: str, pixel_format: str, flaw: str, *, interlaced: bool) -> Verdict:
    """Decide on a video track from its headers; what only packets can tell shows while copying.

    `flaw` says what is wrong with its decoder configuration; empty where nothing is.
    """
    formats = CARRIED_FORMATS.get(codec)
    if formats is None:
        return _transcode(f"{codec} video does not play everywhere")
    name = NAMES[codec]
    if pixel_format not in formats:
        return _transcode(f"players do not decode {name} in the pixel format {pixel_format}")
    if interlaced:
        return _transcode("the video is interlaced")
    if flaw:
        return _transcode(f"the {name} is not stored as in MP4: {flaw}")
    if codec == "h264" and pixel_format in EIGHT_BITS:
        return COPIED
    if codec == "h264":
        return _carried(f"H.264 in the pixel format {pixel_format}", Reach.SOME)
    return _carried(f"{name} video", Reach.BROWSERS if codec in IN_BROWSERS else Reach.SOME)


def judge_audio(codec: str, extradata: bytes, profile: str, sample_rate: int) -> Verdict:
    """Decide on an audio track from its headers; `profile` is FFmpeg's name of AAC's kind."""
    try:
        match codec:
            case "aac" if not extradata:
                return _judge_adts(profile, sample_rate)
            case "aac":
                return _judge_aac(extradata, sample_rate)
            case "opus":
                opus_configuration(extradata)
            case "flac":
                flac_configuration(extradata)
            case "mp3" if not any(sample_rate in rates for rates in MP3_RATES.values()):
                return _transcode(f"MP3 at {sample_rate} Hz does not play everywhere")
            case "mp3" | "ac3" | "eac3":
                pass
            case _:
                return _transcode(f"{codec} audio does not play everywhere")
    except InvalidDecoderConfiguration as fault:
        return _transcode(fault.message)
    reach = Reach.BROWSERS if codec in IN_BROWSERS else Reach.SOME
    return _carried(f"{NAMES[codec]} audio", reach)


def _judge_adts(profile: str, sample_rate: int) -> Verdict:
    reach = ADTS_PROFILES.get(profile)
    if reach is None:
        return _transcode(f"AAC of the profile {profile or 'unknown'} is not played everywhere")
    return (
        _judge_rate(profile, sample_rate) if reach is Reach.EVERYWHERE else _carried(profile, reach)
    )


def _judge_aac(extradata: bytes, sample_rate: int) -> Verdict:
    configuration = aac.aac_configuration(extradata)
    if configuration.object_type != aac.LOW_COMPLEXITY:
        return _transcode(
            f"AAC of object type {configuration.object_type} is not played everywhere"
        )
    if configuration.channels == 0:
        return _transcode("the AAC describes its channels in its own way")
    if configuration.extension or sample_rate != configuration.core_rate:
        return _carried("HE-AAC", Reach.BROWSERS)
    return _judge_rate("AAC", configuration.core_rate)


def _judge_rate(name: str, rate: int) -> Verdict:
    lowest, highest = USUAL_RATES
    if not lowest <= rate <= highest:
        return _carried(f"{name} at {rate} Hz", Reach.BROWSERS)
    return COPIED


def _carried(what: str, reach: Reach) -> Verdict:
    return Verdict(Decision.COPY, f"{what} is carried as it is; it does not play everywhere", reach)


def _transcode(reason: str) -> Verdict:
    return Verdict(Decision.TRANSCODE, reason)
