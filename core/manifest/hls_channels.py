"""The CHANNELS attribute of EXT-X-MEDIA (RFC 8216bis §4.4.6.1)."""

from core.media.presentation import AudioTraits

JOINT_OBJECTS = "16/JOC"
"""What Apple's players know Dolby Atmos by, however many objects there are."""


def channels_attribute(traits: AudioTraits) -> str:
    """Count the channels, or say that there are sound objects."""
    return JOINT_OBJECTS if traits.objects else str(traits.channels)
