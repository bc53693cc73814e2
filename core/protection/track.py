"""A track under a key: what of its samples is hidden, and the cipher that does it."""

from typing import ClassVar, Final

from core.codecs.avc_slices import AvcSets, avc_sets
from core.errors import InternalFault
from core.isobmff.box_reader import child_boxes
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from core.protection.content_key import ContentKey, KeyUse
from native import FragmentCipher

H264: Final = frozenset({"avc1", "avc3"})
VISUAL_ENTRY_BYTES: Final = 8 + 78
"""Of a visual sample entry, before the boxes inside (ISO/IEC 14496-12 §12.1.3)."""


class UnprotectableTrack(InternalFault):
    """It is not known which bytes of such a track must stay readable under Common Encryption."""

    code: ClassVar[str] = "protection.codec"


def can_be_divided(codec: str) -> bool:
    """Whether pictures of a codec, as RFC 6381 names it, can be encrypted sample by sample."""
    return codec.partition(".")[0] in H264


def divisions(description: TrackDescription) -> AvcSets | None:
    """Give what it takes to divide the samples of a track; None where they are taken whole.

    Raises `UnprotectableTrack`, and `InvalidDecoderConfiguration` for parameter sets that cannot be
    read.
    """
    if description.kind is not TrackKind.VIDEO:
        return None
    if not can_be_divided(description.codec):
        raise UnprotectableTrack(
            f"pictures of {description.codec} cannot be encrypted by samples; H.264 can, and "
            "aes-128 takes every codec"
        )
    entry = description.sample_entry
    for span in child_boxes(memoryview(entry), "avc1", VISUAL_ENTRY_BYTES, len(entry)):
        if span.kind == b"avcC":
            return avc_sets(entry[span.content : span.end])
    raise UnprotectableTrack("an H.264 track has no decoder configuration")


def fragment_cipher(use: KeyUse, key: ContentKey, sets: AvcSets | None) -> FragmentCipher:
    """Give the cipher of a track under a scheme of Common Encryption."""
    if sets is None:
        return FragmentCipher(use.scheme.value, key.secret, use.first_vector)
    return FragmentCipher(
        use.scheme.value,
        key.secret,
        use.first_vector,
        slices=sets.slices,
        length_size=sets.length_size,
    )
