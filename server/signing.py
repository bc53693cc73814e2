"""Signing media paths: what a playback is given, and what the pictures of a list are."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from core.http.media_token import TOKEN_MARK, KeyRing, sign
from core.media.playback_id import PlaybackPolicy, policy_of
from core.media.view import PICTURES, address
from server.faults import SigningUnavailable

# A pause for dinner must not end a film; a link that was copied must not live for ever.
REST_S: Final = 2 * 3600
# Pictures are signed for everyone who may list, so they share one token, and for whole hours, so
# that their URLs, and with them the answers that name them, stay the same for a while.
PICTURE_WINDOW_S: Final = 3600
PICTURE_WINDOWS: Final = 3
PICTURE_SESSION: Final = "poster"


@dataclass(frozen=True, slots=True)
class Signature:
    """A token, and the Unix time at which it ends."""

    token: str
    expires_s: int

    @property
    def expires_at(self) -> datetime:
        """The same moment as the API writes it."""
        return datetime.fromtimestamp(self.expires_s, UTC)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs at one moment, `now_s`, with the first key of the ring."""

    keys: KeyRing
    now_s: float

    @property
    def picture_window(self) -> int:
        """The number of the present window: while it stays, so do the URLs of pictures."""
        return int(self.now_s) // PICTURE_WINDOW_S

    def sign_playback(
        self, playback_id: str, session_id: str, duration_ms: int | None
    ) -> Signature | None:
        """The token of a whole playback, of an id or of a view of it; None where it needs none.

        Raises `SigningUnavailable`.
        """
        if policy_of(playback_id) is PlaybackPolicy.PUBLIC:
            return None
        self.require_keys()
        expires_s = int(self.now_s) + -(-(duration_ms or 0) // 1000) + REST_S
        return self._sign(playback_id, session_id, expires_s)

    def sign_picture(self, playback_id: str) -> Signature | None:
        """The token of an id's pictures, and of nothing else of it.

        None where the id needs none, or there is no key.
        """
        if policy_of(playback_id) is PlaybackPolicy.PUBLIC or not self.keys.keys:
            return None
        expires_s = (self.picture_window + PICTURE_WINDOWS) * PICTURE_WINDOW_S
        return self._sign(address(playback_id, PICTURES), PICTURE_SESSION, expires_s)

    def require_keys(self) -> None:
        """Raise `SigningUnavailable` where there is no key."""
        if not self.keys.keys:
            raise SigningUnavailable(
                "this server has no keys to sign media URLs with: set SLUICE_MEDIA_KEYS for it and "
                "for its edges"
            )

    def _sign(self, playback_id: str, session_id: str, expires_s: int) -> Signature:
        token = sign(playback_id, session_id=session_id, expires_s=expires_s, keys=self.keys)
        return Signature(token, expires_s)


def media_folder(playback_id: str, signature: Signature | None) -> str:
    """The path under which an edge has the media of an id or a view, without a slash at its end."""
    if signature is None:
        return f"/media/{playback_id}"
    return f"/media/{TOKEN_MARK}{signature.token}/{playback_id}"
