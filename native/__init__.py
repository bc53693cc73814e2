"""The compiled data plane. Import from here; never from the modules beneath.

`NATIVE_IMPL=reference` asks for the clear Python twins instead. There is no silent fall-back: a
process without its extensions fails to start rather than run slowly.
"""

import os
from typing import TYPE_CHECKING

from native.errors import CorruptIndex
from native.values import RequestHead

IMPL = os.environ.get("NATIVE_IMPL", "compiled")

if TYPE_CHECKING or IMPL == "compiled":
    from native._http import scan_head
    from native._index import IndexBuilder, TrackIndex
elif IMPL == "reference":
    from native.reference import IndexBuilder, TrackIndex, scan_head
else:
    raise ImportError(f"NATIVE_IMPL must be 'compiled' or 'reference', not {IMPL!r}")

__all__ = ["IMPL", "CorruptIndex", "IndexBuilder", "RequestHead", "TrackIndex", "scan_head"]
