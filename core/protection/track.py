"""A track under a key: what of its samples is hidden, and the cipher that does it."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final

from core.codecs.av1_division import av1_division
from core.codecs.avc_slices import avc_division
from core.codecs.hevc import named_profile
from core.codecs.hevc_slices import WITH_FURTHER_FIELDS, hevc_division
from core.errors import InternalFault
from core.isobmff.box_reader import child_boxes
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from core.protection.content_key import ContentKey, KeyUse
from core.protection.track_file import PADDED_PARTS
from native import Av1Division, Division, FragmentCipher, TrackIndex, Vp9Division

H264: Final = frozenset({"avc1", "avc3"})
HEVC: Final = frozenset({"hvc1", "hev1"})
VP9: Final = "vp09"
AV1: Final = "av01"
VISUAL_ENTRY_BYTES: Final = 8 + 78
"""Of a visual sample entry, before the boxes inside (ISO/IEC 14496-12 §12.1.3)."""
WIDTH_AT: Final = 8 + 24
SPREAD_OVER: Final = 256
TOLD_BY: Final = 4


class UnprotectableTrack(InternalFault):
    """It is not known which bytes of such a track must stay readable under Common Encryption."""

    code: ClassVar[str] = "protection.codec"


def can_be_divided(codec: str) -> bool:
    """Whether pictures of a codec, as RFC 6381 names it, can be encrypted sample by sample."""
    if named_profile(codec) in WITH_FURTHER_FIELDS:
        return False
    return codec.partition(".")[0] in {*H264, *HEVC, VP9, AV1}


def divisions(description: TrackDescription) -> Division | None:
    """Give what it takes to divide the samples of a track; None where they are taken whole.

    Raises `UnprotectableTrack`, also for parameter sets that cannot be read.
    """
    if description.kind is not TrackKind.VIDEO:
        return None
    entry = description.sample_entry
    codec = description.codec.partition(".")[0]
    if codec in H264:
        return _by_configuration(entry, b"avcC", avc_division)
    if codec in HEVC:
        return _by_configuration(entry, b"hvcC", hevc_division)
    if codec == VP9:
        return Vp9Division(int.from_bytes(entry[WIDTH_AT : WIDTH_AT + 2]))
    if codec == AV1:
        return _by_configuration(entry, b"av1C", av1_division)
    raise UnprotectableTrack(
        f"pictures of {description.codec} cannot be encrypted by samples; H.264, HEVC, VP9 and AV1 "
        "can, and aes-128 takes every codec"
    )


def _by_configuration(
    entry: bytes, kind: bytes, division_of: Callable[[bytes], Division]
) -> Division:
    for span in child_boxes(memoryview(entry), "entry", VISUAL_ENTRY_BYTES, len(entry)):
        if span.kind == kind:
            try:
                return division_of(entry[span.content : span.end])
            except InvalidDecoderConfiguration as fault:
                # It was taken as it is and plays in the clear, so it is nobody's input any more.
                raise UnprotectableTrack(
                    f"{kind.decode()} does not tell how pictures are divided: {fault.message}"
                ) from fault
    raise UnprotectableTrack(f"a track has no {kind.decode()}")


def telling_pictures(index: TrackIndex, division: Division) -> list[int]:
    """Give the numbers of the samples by which `fits_padding` knows a track, few of them.

    The first, and the largest and the smallest of many all over it: where slices have so many bytes
    each, the largest has most of them, and what fills up a bit rate follows the slices of the
    smallest. Of AV1 only those that depend on no others.
    """
    numbers = {0, *_spread([number for number, _ in index.sync_times()])}
    if not isinstance(division, Av1Division):
        numbers.update(_spread(range(index.sample_count)))
    by_size = sorted(numbers, key=lambda number: index.sample(number)[1])
    return sorted({0, *by_size[:TOLD_BY], *by_size[-TOLD_BY:]})


def _spread(numbers: Sequence[int]) -> Sequence[int]:
    return numbers[:: len(numbers) // SPREAD_OVER + 1]


def fits_padding(division: Division, pictures: Iterable[bytes]) -> bool:
    """Whether fragments that are filled up have room for all parts of a track's pictures.

    `pictures` are those that tell. Encoders of AV1 put up to six pictures, of which one is shown,
    into a sample, so each has to be a single tile. Raises `ValueError` for one that cannot be read.
    """
    nobodys = FragmentCipher("cbcs", bytes(16), bytes(16), division)
    divided = map(nobodys.subsamples, pictures)
    if isinstance(division, Av1Division):
        return all(sum(hidden > 0 for _, hidden in parts) == 1 for parts in divided)
    return all(len(parts) <= PADDED_PARTS for parts in divided)


def fragment_cipher(
    use: KeyUse, key: ContentKey, division: Division | None, *, padded: bool = False
) -> FragmentCipher:
    """Give the cipher of a track under a scheme of Common Encryption; `padded` as that has it."""
    return FragmentCipher(use.scheme.value, key.secret, use.first_vector, division, padded=padded)
