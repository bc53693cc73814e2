"""Identifiers: opaque, unguessable, and safe in a URL, a file name and a shell."""

import secrets
from typing import Annotated, Final

from msgspec import Meta

from core.media.playback_id import PREFIXES, PlaybackPolicy

# Crockford's alphabet: no letter that looks like a digit.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 20  # 100 bits: a collision within a billion ids is a matter of 1 in 10^12

# The end of the text in Python's regular expressions (whose `$` also matches before a last newline)
# and in those of JSON Schema (which have no `\Z`) alike.
END: Final = r"$(?!\n)"

VideoId = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9a-z]{{1,64}}{END}",
        description="A video.",
        examples=["5t2v0c8n1k7m3q9x4z6b"],
    ),
]
UserId = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9._~@:+-]{{1,128}}{END}",
        description="A user of yours, as you call them.",
        examples=["ada"],
    ),
]


def new_id() -> str:
    """A fresh video, upload or session id."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def new_playback_id(policy: PlaybackPolicy) -> str:
    """A fresh playback id; its prefix says who may play it."""
    return f"{PREFIXES[policy]}{new_id()}"
