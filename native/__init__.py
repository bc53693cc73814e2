"""The compiled data plane. Import from here; never from the modules beneath.

`NATIVE_IMPL=reference` asks for the clear Python twins instead. There is no silent fall-back: a
process without its extensions fails to start rather than run slowly. The data plane has no twin
here: what it does is defined by the edge in plain Python, `edge/reference.py`. It is the largest of
the extensions, and loaded for who asks for it.
"""

import importlib
import os
from typing import TYPE_CHECKING

from native.errors import CorruptIndex, MalformedMovie, UnfitTimes
from native.values import (
    EXAMINE,
    OPEN_ACCESS,
    PICTURE_HEADER_BYTES,
    SEGMENT_TYPE_BYTES,
    SYNC,
    Av1Division,
    AvcDivision,
    AvcSlice,
    Division,
    HevcDivision,
    HevcSlice,
    RequestHead,
    SampleRun,
    Vp9Division,
)

IMPL = os.environ.get("NATIVE_IMPL", "compiled")

if TYPE_CHECKING:
    from native._crossing import Crossing
    from native._dataplane import DataPlane
    from native._memory import Memory, StoredBody

if TYPE_CHECKING or IMPL == "compiled":
    from native._bitstream import frame_lengths, sample_access
    from native._http import scan_head
    from native._index import TrackIndex
    from native._index_builder import IndexBuilder
    from native._protection import AES_INSTRUCTIONS

    if TYPE_CHECKING or AES_INSTRUCTIONS:
        from native._pool import BodyPool
        from native._protection import (
            FragmentCipher,
            encrypt_resource,
            encrypt_resource_of_file,
        )
        from native._sealed import SealedFragment
    else:
        from native.reference import (
            BodyPool,
            FragmentCipher,
            SealedFragment,
            encrypt_resource,
            encrypt_resource_of_file,
        )
    from native._sample_file import SampleFile, copy_samples, shared_byte
    from native._sample_times import audio_rows, video_rows
    from native._samples import SampleTable
elif IMPL == "reference":
    AES_INSTRUCTIONS = False
    from native.reference import (
        BodyPool,
        FragmentCipher,
        IndexBuilder,
        SampleFile,
        SampleTable,
        SealedFragment,
        TrackIndex,
        audio_rows,
        copy_samples,
        encrypt_resource,
        encrypt_resource_of_file,
        frame_lengths,
        sample_access,
        scan_head,
        shared_byte,
        video_rows,
    )
else:
    raise ImportError(f"NATIVE_IMPL must be 'compiled' or 'reference', not {IMPL!r}")

DATA_PLANE = {
    "Crossing": "native._crossing",
    "DataPlane": "native._dataplane",
    "Memory": "native._memory",
    "StoredBody": "native._memory",
}


def __getattr__(name: str) -> object:
    """Load the part of the data plane that has this name; the clear twins have none."""
    if IMPL != "compiled" or name not in DATA_PLANE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(DATA_PLANE[name]), name)


__all__ = [
    "AES_INSTRUCTIONS",
    "EXAMINE",
    "IMPL",
    "OPEN_ACCESS",
    "PICTURE_HEADER_BYTES",
    "SEGMENT_TYPE_BYTES",
    "SYNC",
    "Av1Division",
    "AvcDivision",
    "AvcSlice",
    "BodyPool",
    "CorruptIndex",
    "Crossing",
    "DataPlane",
    "Division",
    "FragmentCipher",
    "HevcDivision",
    "HevcSlice",
    "IndexBuilder",
    "MalformedMovie",
    "Memory",
    "RequestHead",
    "SampleFile",
    "SampleRun",
    "SampleTable",
    "SealedFragment",
    "StoredBody",
    "TrackIndex",
    "UnfitTimes",
    "Vp9Division",
    "audio_rows",
    "copy_samples",
    "encrypt_resource",
    "encrypt_resource_of_file",
    "frame_lengths",
    "sample_access",
    "scan_head",
    "shared_byte",
    "video_rows",
]
