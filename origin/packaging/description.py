"""What a copied track says of itself: its sample entry, and what manifests tell of it."""

from core.isobmff.sample_entry import (
    avc_codec_string,
    avc_sample_entry,
    mp4a_codec_string,
    mp4a_sample_entry,
)
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from origin.packaging.report import AudioTrackInfo, VideoTrackInfo

UNSPECIFIED = frozenset({0, 2})


def video_description(track: VideoTrackInfo) -> TrackDescription:
    """Describe H.264."""
    width, height = track.display_size
    colr = None if set(track.colour) <= UNSPECIFIED else (*track.colour, track.full_range)
    pasp = None if track.pixel_aspect == (1, 1) else track.pixel_aspect
    return TrackDescription(
        kind=TrackKind.VIDEO,
        codec=avc_codec_string(track.record),
        sample_entry=avc_sample_entry(
            track.record, track.width, track.height, pasp=pasp, colr=colr
        ),
        width=track.width,
        height=track.height,
        display_width=width,
        display_height=height,
        matrix=track.matrix,
        frame_rate=track.frame_rate,
        language=track.language,
        label=track.label,
    )


def audio_description(track: AudioTrackInfo) -> TrackDescription:
    """Describe AAC."""
    return TrackDescription(
        kind=TrackKind.AUDIO,
        codec=mp4a_codec_string(track.record),
        sample_entry=mp4a_sample_entry(track.record, track.channels, track.sample_rate),
        channels=track.channels,
        sample_rate=track.sample_rate,
        language=track.language,
        label=track.label,
        roles=track.roles,
    )
