"""The encoders' door: one call per rung, one per audio track."""

from origin.packaging.encode_audio import transcode_audio
from origin.packaging.encode_video import transcode_video

__all__ = ["transcode_audio", "transcode_video"]
