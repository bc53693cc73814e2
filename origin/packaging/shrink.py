"""Pictures of a stored track as people see them: turned, in a size of their own, one by one."""

from collections.abc import Callable

from av.video.frame import VideoFrame

from core.media.description import TrackDescription
from origin.packaging.picture import PictureFilter, orientation_steps

TIMESCALE = 1000
STILL_MATRIX = "bt601"
"""What JPEG (JFIF) and WebP are decoded by, whatever the film is."""


def shrinker(
    description: TrackDescription, size: tuple[int, int], pixel_format: str = "yuvj420p"
) -> Callable[[VideoFrame], VideoFrame]:
    """Give what makes a still of `size` as shown of each picture of a track.

    Pictures seconds apart have no neighbours to be deinterlaced with.
    """
    width, height = size
    across, down = description.matrix[0], description.matrix[1]
    before = (height, width) if abs(down) > abs(across) else (width, height)
    scaler = PictureFilter(
        None,
        before,
        TIMESCALE,
        pixel_format=pixel_format,
        matrix=STILL_MATRIX,
        extra=orientation_steps(description.matrix),
    )

    def shrink(picture: VideoFrame) -> VideoFrame:
        picture.pts = 0
        (small,) = scaler.push(picture)
        return small

    return shrink
