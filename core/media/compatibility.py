"""Which codecs no player is without, told by their RFC 6381 names."""

from core.media.presentation import Rendition

AVC_PROFILES = frozenset(("42", "4d", "58", "64"))
"""Baseline, Main, Extended and High: 8 bits, 4:2:0."""
LOW_COMPLEXITY = "mp4a.40.2"


def plays_everywhere(rendition: Rendition) -> bool:
    """Whether a rendition is H.264 of 8 bits and 4:2:0, or AAC-LC."""
    name, _, rest = rendition.codec.partition(".")
    return (name == "avc1" and rest[:2] in AVC_PROFILES) or rendition.codec == LOW_COMPLEXITY
