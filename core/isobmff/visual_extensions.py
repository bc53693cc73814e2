"""What the boxes in a source's VisualSampleEntry say, as far as it is passed through."""

from dataclasses import dataclass

from core.isobmff.box_reader import child_boxes
from native import MalformedMovie

ENTRY_BYTES = 86
"""The head of the box and the fields of a VisualSampleEntry (ISO/IEC 14496-12 §12.1.3)."""
LENGTHS = {b"mdcv": 24, b"clli": 4, b"dvcC": 24, b"dvvC": 24, b"dvwC": 24}


@dataclass(frozen=True, slots=True)
class VisualExtensions:
    """The contents of boxes that were there: see `VisualTraits`. Absent is empty."""

    mdcv: bytes = b""
    clli: bytes = b""
    dovi: bytes = b""


def visual_extensions(entry: bytes) -> VisualExtensions:
    """Read the boxes of a sample entry, up to one that makes no sense.

    Those whose length is not the one that their specification gives are of no use either.
    """
    found: dict[bytes, bytes] = {}
    data = memoryview(entry)
    try:
        for child in child_boxes(data, "stsd", min(ENTRY_BYTES, len(entry)), len(entry)):
            content = bytes(data[child.content : child.end])
            if LENGTHS.get(child.kind) == len(content):
                found.setdefault(child.kind, content)
    except MalformedMovie:
        pass  # QuickTime ends entries with four zero bytes
    dovi = next((found[kind] for kind in (b"dvcC", b"dvvC", b"dvwC") if kind in found), b"")
    return VisualExtensions(
        found.get(b"mdcv", b""),
        found.get(b"clli", b""),
        dovi,
    )


def child_content(entry: bytes, kind: bytes, head_bytes: int) -> bytes:
    """Give the content of a box in a sample entry whose fields take `head_bytes`; empty if none."""
    data = memoryview(entry)
    try:
        for child in child_boxes(data, "stsd", min(head_bytes, len(entry)), len(entry)):
            if child.kind == kind:
                return bytes(data[child.content : child.end])
    except MalformedMovie:
        pass
    return b""
