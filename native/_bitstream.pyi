from collections.abc import Sequence

from typing_extensions import Buffer

def sample_access(
    data: Buffer,
    sizes: Sequence[int],
    codec: str,
    length_size: int = 4,
    *,
    whole_sizes: Sequence[int] | None = None,
) -> bytes: ...
def frame_lengths(data: Buffer, sizes: Sequence[int], codec: str) -> list[int]: ...
