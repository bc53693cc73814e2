"""The compiled data plane. Import from here; never from the modules beneath.

`NATIVE_IMPL=reference` asks for the clear Python twins instead. There is no silent fall-back: a
process without its extensions fails to start rather than run slowly.
"""

from native.errors import CorruptIndex
from native.reference import IndexBuilder, TrackIndex

IMPL = "reference"

__all__ = ["IMPL", "CorruptIndex", "IndexBuilder", "TrackIndex"]
