"""Bounds on what a source may ask of us, checked before anything is decoded."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in pixels and bytes, times in seconds, threads per codec."""

    smallest_side: int = 16
    largest_side: int = 8192
    largest_area: int = 8192 * 4352
    most_streams: int = 64
    probe_bytes: int = 10_000_000
    analyze_s: int = 10
    open_timeout_s: float = 30.0
    first_frame_packets: int = 600
    threads: int = 2
