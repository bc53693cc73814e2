"""How an MPD names a file whose index says where its parts lie (ISO/IEC 23009-1 §5.3.9.2)."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from core.media.file_layout import FileHead


def indexed_file(address: str, head: FileHead, timescale: int) -> Sequence[Element]:
    """Give the address of a Representation's file, and where its init segment and `sidx` lie."""
    url = Element("BaseURL")
    url.text = address
    base = Element(
        "SegmentBase",
        {
            "timescale": str(timescale),
            "indexRange": f"{head.init_bytes}-{head.head_bytes - 1}",
            "indexRangeExact": "true",
        },
    )
    SubElement(base, "Initialization", {"range": f"0-{head.init_bytes - 1}"})
    return url, base
