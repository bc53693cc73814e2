"""Playback ids: the public names of a video, whose prefix says who may play it.

The prefix is the only place where the policy is kept, so an edge that knows nothing but a URL knows
it too, and the two can never disagree.
"""

from enum import StrEnum
from typing import Final


class PlaybackPolicy(StrEnum):
    """Who may play: whoever has the id, or whoever was also given a token for it.

    Of media under `drm` what is stored and sent is encrypted, too. Its ids are signed ones: who has
    a token gets the keys with it.
    """

    PUBLIC = "public"
    SIGNED = "signed"
    DRM = "drm"


PREFIXES: Final = {
    PlaybackPolicy.PUBLIC: "p_",
    PlaybackPolicy.SIGNED: "s_",
    PlaybackPolicy.DRM: "s_",
}


def policy_of(playback_id: str) -> PlaybackPolicy:
    """The policy that an id states: whether it is public or signed.

    >>> policy_of("s_0d3k")
    <PlaybackPolicy.SIGNED: 'signed'>
    """
    signed = playback_id.startswith(PREFIXES[PlaybackPolicy.SIGNED])
    return PlaybackPolicy.SIGNED if signed else PlaybackPolicy.PUBLIC
