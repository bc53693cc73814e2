"""The clear Python twin of every pure compiled function: the oracle and the readable definition."""

from native.errors import CorruptIndex, MalformedMovie
from native.reference.builder import IndexBuilder
from native.reference.head import scan_head
from native.reference.index import TrackIndex
from native.reference.nal import nal_types
from native.reference.protection import FragmentCipher, encrypt_resource
from native.reference.samples import SampleTable

__all__ = [
    "CorruptIndex",
    "FragmentCipher",
    "IndexBuilder",
    "MalformedMovie",
    "SampleTable",
    "TrackIndex",
    "encrypt_resource",
    "nal_types",
    "scan_head",
]
