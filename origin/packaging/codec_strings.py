"""RFC 6381 names of codecs before they are copied, from what their container tells."""

from core.codecs.aac import mp4a_codec_string
from core.codecs.ac3 import AC3_CODEC_STRING, EAC3_CODEC_STRING
from core.codecs.flac import CODEC_STRING as FLAC
from core.codecs.opus import CODEC_STRING as OPUS
from core.codecs.video import video_format
from core.isobmff.sample_entry import InvalidDecoderConfiguration

PLAIN = {
    "ac3": AC3_CODEC_STRING,
    "eac3": EAC3_CODEC_STRING,
    "opus": OPUS,
    "flac": FLAC,
    "mp3": "mp4a.6B",
}


def codec_string(codec: str, record: bytes) -> str:
    """Name a codec by FFmpeg's name and its decoder configuration; empty where we cannot."""
    try:
        if codec == "aac":
            return mp4a_codec_string(record)
        if codec not in PLAIN:
            return video_format(codec, record).codec_string
    except InvalidDecoderConfiguration:
        return ""
    return PLAIN[codec]
