"""The clear Python twin of every pure compiled function: the oracle and the readable definition."""

from native.errors import CorruptIndex
from native.reference.builder import IndexBuilder
from native.reference.head import scan_head
from native.reference.index import TrackIndex

__all__ = ["CorruptIndex", "IndexBuilder", "TrackIndex", "scan_head"]
