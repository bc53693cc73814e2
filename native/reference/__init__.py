"""The clear Python twin of every pure compiled function: the oracle and the readable definition."""

from native.errors import CorruptIndex, MalformedMovie, UnfitTimes
from native.reference.bitstream import frame_lengths, sample_access
from native.reference.builder import IndexBuilder
from native.reference.head import scan_head
from native.reference.index import TrackIndex
from native.reference.pool import BodyPool
from native.reference.protection import (
    FragmentCipher,
    encrypt_resource,
    encrypt_resource_of_file,
)
from native.reference.sample_file import SampleFile, copy_samples, shared_byte
from native.reference.sample_times import audio_rows, video_rows
from native.reference.samples import SampleTable
from native.reference.sealed import SealedFragment

__all__ = [
    "BodyPool",
    "CorruptIndex",
    "FragmentCipher",
    "IndexBuilder",
    "MalformedMovie",
    "SampleFile",
    "SampleTable",
    "SealedFragment",
    "TrackIndex",
    "UnfitTimes",
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
