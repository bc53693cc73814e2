from collections.abc import Sequence

from typing_extensions import Buffer

def nal_types(
    data: Buffer, sizes: Sequence[int], length_size: int, *, hevc: bool = False
) -> list[int]: ...
