"""What an MPD says of encrypted segments (ISO/IEC 23009-1 §5.8.4.1, ISO/IEC 23001-7 §11.2)."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, SubElement

from core.manifest.urls import LICENCE
from core.media.presentation import Rendition

MP4_PROTECTION = "urn:mpeg:dash:mp4protection:2011"
CLEAR_KEY = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
CENC_NAMESPACE = "urn:mpeg:cenc:2013"
DASHIF_NAMESPACE = "https://dashif.org/CPS"


def content_protection(renditions: Iterable[Rendition]) -> Iterator[Element]:
    """Give the ContentProtection elements of an AdaptationSet of these renditions.

    The licence's address is relative to the MPD. Players that take it for one relative to their
    page need the one that the API gives.
    """
    uses = {(use.kid, use.scheme) for each in renditions if (use := each.protection) is not None}
    for kid, scheme in sorted(uses):
        yield Element(
            "ContentProtection",
            {
                "xmlns:cenc": CENC_NAMESPACE,
                "schemeIdUri": MP4_PROTECTION,
                "value": scheme.value,
                "cenc:default_KID": _uuid(kid),
            },
        )
    if uses:
        clear_key = Element("ContentProtection", {"schemeIdUri": CLEAR_KEY, "value": "ClearKey1.0"})
        address = SubElement(
            clear_key, "dashif:Laurl", {"xmlns:dashif": DASHIF_NAMESPACE, "Lic_type": "EME-1.0"}
        )
        address.text = LICENCE
        yield clear_key


def _uuid(kid: bytes) -> str:
    """Write a key id as a UUID (RFC 9562 §4)."""
    digits = kid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
