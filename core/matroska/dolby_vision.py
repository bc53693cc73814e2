"""Where Matroska keeps the Dolby Vision configuration of a track: its block addition mappings.

RFC 9559 §5.1.4.1.17 and the codec specifications' "Dolby Vision configuration": the type of a
mapping is the name of the box that MP4 has for it, and its extra data are what is in that box.
"""

from collections.abc import Iterator

from core.matroska.element import Element, elements

SEGMENT, TRACKS, TRACK_ENTRY = 0x18538067, 0x1654AE6B, 0xAE
TRACK_TYPE, MAPPING, MAPPING_TYPE, MAPPING_DATA = 0x83, 0x41E4, 0x41E7, 0x41ED
VIDEO = 1
BOXES = frozenset({b"dvcC", b"dvvC", b"dvwC"})
RECORD_BYTES = 24


def dolby_vision_records(head: bytes) -> list[bytes]:
    """Give the configuration record of each video track, empty where it has none.

    `head` is the beginning of a file; what is not in it, or is damaged, is not found.
    """
    return [
        _record(head, entry)
        for segment in _children(head, Element(0, 0, len(head)), SEGMENT)
        for tracks in _children(head, segment, TRACKS)
        for entry in _children(head, tracks, TRACK_ENTRY)
        if _value(head, entry, TRACK_TYPE) == bytes([VIDEO])
    ]


def _record(head: bytes, entry: Element) -> bytes:
    for mapping in _children(head, entry, MAPPING):
        record = _value(head, mapping, MAPPING_DATA)
        if _value(head, mapping, MAPPING_TYPE) in BOXES and len(record) == RECORD_BYTES:
            return record
    return b""


def _children(head: bytes, parent: Element, kind: int) -> Iterator[Element]:
    return (each for each in elements(head, parent.start, parent.stop) if each.kind == kind)


def _value(head: bytes, parent: Element, kind: int) -> bytes:
    found = next(_children(head, parent, kind), None)
    return b"" if found is None else head[found.start : found.stop]
