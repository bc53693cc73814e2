"""The compiled data plane. Import from here; never from the modules beneath.

`NATIVE_IMPL=reference` asks for the clear Python twins instead. There is no silent fall-back: a
process without its extensions fails to start rather than run slowly. The data plane has no twin
here: what it does is defined by the edge in plain Python, `edge/reference.py`.
"""

import os
from typing import TYPE_CHECKING

from native.errors import CorruptIndex, MalformedMovie
from native.values import PICTURE_HEADER_BYTES, SEGMENT_TYPE_BYTES, RequestHead, SampleRun

IMPL = os.environ.get("NATIVE_IMPL", "compiled")

if TYPE_CHECKING or IMPL == "compiled":
    from native._dataplane import Crossing, DataPlane
    from native._http import scan_head
    from native._index import IndexBuilder, TrackIndex
    from native._memory import Memory, StoredBody
    from native._nal import nal_types
    from native._samples import SampleTable
elif IMPL == "reference":
    from native.reference import (
        IndexBuilder,
        SampleTable,
        TrackIndex,
        nal_types,
        scan_head,
    )
else:
    raise ImportError(f"NATIVE_IMPL must be 'compiled' or 'reference', not {IMPL!r}")

__all__ = [
    "IMPL",
    "PICTURE_HEADER_BYTES",
    "SEGMENT_TYPE_BYTES",
    "CorruptIndex",
    "Crossing",
    "DataPlane",
    "IndexBuilder",
    "MalformedMovie",
    "Memory",
    "RequestHead",
    "SampleRun",
    "SampleTable",
    "StoredBody",
    "TrackIndex",
    "nal_types",
    "scan_head",
]
