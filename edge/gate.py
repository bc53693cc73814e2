"""The gate before signed media: who may pass, and under which path the cache knows what they want.

What was verified once is remembered, so that the segments of one viewer cost one HMAC between them.
Nothing else is: forged tokens, however many, neither push out what honest viewers brought nor cost
more than an HMAC each.
"""

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from core.http.media_token import KeyRing, TokenExpired, TokenMissing, split, verify
from core.http.target import Target

MOST_REMEMBERED: Final = 32_768


class Gate:
    """Verifies tokens and takes them off the paths."""

    def __init__(self, keys: KeyRing, most_remembered: int = MOST_REMEMBERED) -> None:
        self._keys = keys
        self._most = most_remembered
        # By what the token covers, as it is written in the path: the Unix time at which it ends.
        self._verified: OrderedDict[str, int] = OrderedDict()

    @property
    def remembered(self) -> int:
        """How many verified tokens are remembered."""
        return len(self._verified)

    def admit(self, target: Target, now_s: float, *, from_edge: bool = False) -> Target:
        """The target without its token.

        An edge below us has verified the token already, and taken it off. Raises one of the
        `TokenRefused`.
        """
        if not target.media:
            return target
        parts = split(target.path)
        if parts.token is None:
            if parts.needs_token and not from_edge:
                raise TokenMissing(f"{parts.playback_id[:80]!r} is played with a token only")
            return target
        expires_s = self._verified.get(parts.prefix)
        if expires_s is None or not target.path.startswith(parts.prefix):
            self._remember(parts.prefix, verify(target.path, self._keys, now_s).expires_s)
        elif now_s < expires_s:
            self._verified.move_to_end(parts.prefix)
        else:
            del self._verified[parts.prefix]
            raise TokenExpired(f"the token ended at the Unix time {expires_s}")
        return replace(target, path=parts.path)

    def _remember(self, prefix: str, expires_s: int) -> None:
        self._verified[prefix] = expires_s
        if len(self._verified) > self._most:
            self._verified.popitem(last=False)
