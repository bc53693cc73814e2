"""What an MPD says of encrypted segments (ISO/IEC 23009-1 §5.8.4.1, ISO/IEC 23001-7 §11.2)."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from core.media.presentation import Rendition

MP4_PROTECTION = "urn:mpeg:dash:mp4protection:2011"
CLEAR_KEY = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
CENC_NAMESPACE = "urn:mpeg:cenc:2013"


def content_protection(renditions: Iterable[Rendition]) -> Iterator[Element]:
    """Give the ContentProtection elements of an AdaptationSet of these renditions.

    The licence's address is not among them: it has the viewer's token in it and the MPD is
    everybody's, and players read a relative `dashif:Laurl` against their page, even where they were
    told another address. The API tells it with the playback.
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
        yield Element("ContentProtection", {"schemeIdUri": CLEAR_KEY, "value": "ClearKey1.0"})


def _uuid(kid: bytes) -> str:
    """Write a key id as a UUID (RFC 9562 §4)."""
    digits = kid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
