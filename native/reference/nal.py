"""Which NAL units a length-prefixed sample holds (ISO/IEC 14496-15 §5.3.2, §8.3.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


def nal_types(
    data: "Buffer", sizes: Sequence[int], length_size: int, *, hevc: bool = False
) -> list[int]:
    """Give, for samples of these sizes one behind the other, the types of NAL units in each.

    An answer is a set of bits, bit n for type n. Where the length fields do not add up to the
    sample it is -1 - at, with the byte of the sample where they go wrong. Raises `ValueError` when
    the samples are longer than the data or `length_size` is not 1 to 4.
    """
    view = memoryview(data).cast("B")
    if not 1 <= length_size <= 4:
        raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
    if any(size < 0 for size in sizes) or sum(sizes) > len(view):
        raise ValueError(f"samples of {sum(sizes)} bytes in {len(view)}")
    answers = []
    start = 0
    for size in sizes:
        answers.append(_types(view[start : start + size], length_size, hevc))
        start += size
    return answers


def _types(sample: memoryview, length_size: int, hevc: bool) -> int:
    types = at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + length_size])
        if len(sample) - at < length_size or not 0 < length <= len(sample) - at - length_size:
            return -1 - at
        first = sample[at + length_size]
        types |= 1 << (first >> 1 & 63 if hevc else first & 31)
        at += length_size + length
    return types
