"""The keys of an HLS playlist (RFC 8216bis §4.4.4.4, §4.4.6.5).

Addresses are relative, so that one playlist serves every viewer and each asks for the key under the
token of their own. A key belongs to what follows its tag, until the next one; the init segment is
never encrypted, so EXT-X-MAP stands before the first, and behind the end of one that was there
before.
"""

from collections.abc import Iterator

from core.manifest.urls import key_address, rendition_folder
from core.media.presentation import Presentation, Rendition
from core.protection.content_key import KeyUse, resource_vector
from core.protection.scheme import Scheme

NO_KEY = "#EXT-X-KEY:METHOD=NONE"
METHODS = {
    Scheme.AES_128: "AES-128",
    Scheme.CENC: "SAMPLE-AES-CTR",
    Scheme.CBCS: "SAMPLE-AES",
}


def segment_key(
    rendition: Rendition, place: int, name: str, up: str | None = None
) -> Iterator[str]:
    """Give the tag that goes before a segment, in the file `name`, where it needs one.

    `place` counts the segments of the playlist, or of a part of it. `up` is the way from the
    playlist to the manifests, where it does not lie in the rendition's folder. What is encrypted as
    a whole has a vector, and so a tag, of its own for each (§5.2).
    """
    use = rendition.protection
    if use is not None and (place == 0 or use.scheme is Scheme.AES_128):
        yield _key_tag(use, name, _way_up(rendition) if up is None else up)


def session_keys(presentation: Presentation) -> Iterator[str]:
    """Give EXT-X-SESSION-KEY for each key that is used as a whole, so that it is fetched early.

    Keys of samples are left to the media playlists: without an init segment a player cannot know
    the id that the key has there.
    """
    seen: set[bytes] = set()
    for use in presentation.key_uses:
        if use.scheme is Scheme.AES_128 and use.kid not in seen:
            seen.add(use.kid)
            method, address = METHODS[use.scheme], key_address(use.kid)
            yield f'#EXT-X-SESSION-KEY:METHOD={method},URI="{address}"'


def _key_tag(use: KeyUse, name: str, up: str) -> str:
    attributes = [f"METHOD={METHODS[use.scheme]}", f'URI="{up}{key_address(use.kid)}"']
    if use.scheme is Scheme.AES_128:
        attributes.append(f"IV=0x{resource_vector(use, name).hex()}")
    return f"#EXT-X-KEY:{','.join(attributes)}"


def _way_up(rendition: Rendition) -> str:
    """Give the way from a rendition's folder to the manifests."""
    return "../" * (rendition_folder(rendition).count("/") + 1)
