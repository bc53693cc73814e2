"""The description of a track: what its init segment and manifests need, stored inside its index."""

import msgspec

from core.errors import InternalFault
from core.media.presentation import TrackKind
from core.media.roles import TrackRole
from core.media.video_range import SDR, UNSPECIFIED_COLOUR

IDENTITY_MATRIX = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""`tkhd.matrix` of an unrotated picture (ISO/IEC 14496-12 §6.2.2)."""


class CorruptDescription(InternalFault):
    """The description inside a track's index cannot be read."""

    code = "media.description"


class TrackDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A published track as its encoder made it.

    `codec` is the RFC 6381 string; `sample_entry` a complete `stsd` entry box (ISO/IEC 14496-12
    §8.5.2); `width` and `height` the coded size in pixels; `display_width` and `display_height`
    after pixel aspect, before rotation; `matrix` that of `tkhd`; `sample_rate` in Hz;
    `frame_rate` a fraction in frames per second. Numbers that do not apply to the kind are zero.
    `video_range` and `supplemental_codec` are those of HLS; `objects` tells of sound objects;
    `colour` is primaries, transfer and matrix as ISO/IEC 23091-2 numbers them.
    """

    kind: TrackKind
    codec: str
    sample_entry: bytes
    width: int = 0
    height: int = 0
    display_width: int = 0
    display_height: int = 0
    matrix: tuple[int, int, int, int, int, int, int, int, int] = IDENTITY_MATRIX
    channels: int = 0
    sample_rate: int = 0
    language: str = "und"
    frame_rate: tuple[int, int] | None = None
    label: str = ""
    roles: tuple[TrackRole, ...] = ()
    video_range: str = SDR
    supplemental_codec: str = ""
    objects: bool = False
    colour: tuple[int, int, int] = UNSPECIFIED_COLOUR


def encode_description(description: TrackDescription) -> bytes:
    """Give the bytes an index stores: JSON, the same for equal descriptions."""
    return msgspec.json.encode(description, order="deterministic")


def decode_description(data: bytes) -> TrackDescription:
    """Read what `encode_description` wrote; raises `CorruptDescription`."""
    try:
        return msgspec.json.decode(data, type=TrackDescription)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise CorruptDescription(f"the track description cannot be read: {cause}") from cause


def shown_size(description: TrackDescription) -> tuple[int, int]:
    """Width and height as a viewer sees them: pixel aspect and rotation applied."""
    width, height = description.display_width, description.display_height
    across, down = description.matrix[0], description.matrix[1]
    return (height, width) if abs(down) > abs(across) else (width, height)
