"""What a DASH AdaptationSet is for: its roles and its accessibility (ISO/IEC 23009-1 §5.8.5)."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from core.media.roles import TrackRole

ROLE_SCHEME = "urn:mpeg:dash:role:2011"
PURPOSE_SCHEME = "urn:tva:metadata:cs:AudioPurposeCS:2007"
"""DASH-IF IOP part 4 takes it from TV-Anytime: 1 for those who do not see, 2 who do not hear."""

_PURPOSES = {TrackRole.DESCRIPTION: "1", TrackRole.CAPTIONS: "2"}


def role(value: str) -> Element:
    """Give one role."""
    return Element("Role", {"schemeIdUri": ROLE_SCHEME, "value": value})


def audio_roles(roles: frozenset[TrackRole], *, is_main: bool) -> Iterator[Element]:
    """Give the roles of sound."""
    special = [each for each in ("dub", "commentary") if TrackRole(each) in roles]
    if is_main:
        yield role("main")
    elif not special:
        yield role("alternate")
    yield from map(role, special)


def accessibility(roles: frozenset[TrackRole]) -> Iterator[Element]:
    """Say whom a track helps."""
    for each, purpose in _PURPOSES.items():
        if each in roles:
            yield Element("Accessibility", {"schemeIdUri": PURPOSE_SCHEME, "value": purpose})
