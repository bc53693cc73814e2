"""Signed media paths: `/media/~{token}/{playback_id}/…`, where the token opens one playback id.

A token is `{mac}.{kid}.{exp}.{sid}.{flags}`. The mac is the whole HMAC-SHA256 (RFC 2104), in
base64url without padding (RFC 4648 §5), over the lines `v1`, kid, exp, sid, flags and
`/{playback_id}/`, joined by line feeds. It stands in the path, so that relative URLs in manifests
inherit it and the query stays free.

The mac is compared as text: the last of its 43 characters has two spare bits, and bytes decoded
from it would let four spellings of one token through.
"""

import base64
import hmac
import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from core.errors import InputFault, OperatorFault
from core.http.target import MEDIA_PREFIX
from core.key_ring import KEY_NAME, read_ring
from core.media.playback_id import PlaybackPolicy, policy_of

TOKEN_MARK: Final = "~"  # noqa: S105 - it stands in front of one
KNOWN_FLAGS: Final = 0  # none is defined yet
SECRET_BYTES: Final = range(32, 65)  # RFC 2104 §3: no shorter than the hash, no longer than a block

_SID: Final = r"[A-Za-z0-9_-]{1,64}"
_TOKEN: Final = re.compile(
    rf"(?P<mac>[A-Za-z0-9_-]{{43}})\.(?P<kid>{KEY_NAME})\.(?P<exp>0|[1-9][0-9]{{0,11}})"
    rf"\.(?P<sid>{_SID})\.(?P<flags>0|[1-9a-f][0-9a-f]{{0,7}})"
)
LONGEST_TOKEN: Final = 43 + 1 + 32 + 1 + 12 + 1 + 64 + 1 + 8
_PLAYBACK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LATEST_S: Final = 10**12 - 1


class TokenRefused(InputFault):
    """The path does not show that its bearer may play."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "token.refused"


class TokenMissing(TokenRefused):
    """The playback id is a signed one, and the path has no token."""

    code: ClassVar[str] = "token.missing"


class TokenMalformed(TokenRefused):
    """What stands where a token would is none."""

    code: ClassVar[str] = "token.malformed"


class TokenUnknownKey(TokenRefused):
    """The token names a key that is not, or no longer, in the ring."""

    code: ClassVar[str] = "token.unknown_key"


class TokenForged(TokenRefused):
    """The mac is not what the key makes of the rest, or the token is another playback id's."""

    code: ClassVar[str] = "token.forged"


class TokenExpired(TokenRefused):
    """The token was good once."""

    code: ClassVar[str] = "token.expired"


class MalformedKeys(OperatorFault):
    """The key ring cannot be used; the message never holds a secret."""

    code: ClassVar[str] = "media_keys.malformed"


@dataclass(frozen=True, slots=True)
class MediaKey:
    """One key and the name that tokens call it by."""

    kid: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys in force: the first signs, all verify. An empty ring verifies nothing."""

    keys: tuple[MediaKey, ...] = ()

    def find(self, kid: str) -> MediaKey | None:
        """The key of this name."""
        return next((key for key in self.keys if key.kid == kid), None)


NO_KEYS: Final = KeyRing()


@dataclass(frozen=True, slots=True)
class MediaPath:
    """A path under `/media/`, taken apart: `path` is the one without its token.

    `prefix` is what the token covers, as it was written: `/media/~{token}/{playback_id}/`.
    """

    token: str | None
    playback_id: str
    path: str
    prefix: str

    @property
    def needs_token(self) -> bool:
        """Whether its playback id is a signed one."""
        return policy_of(self.playback_id) is PlaybackPolicy.SIGNED


@dataclass(frozen=True, slots=True)
class MediaGrant:
    """What a verified token says; `expires_s` is a Unix time."""

    playback_id: str
    kid: str
    expires_s: int
    session_id: str
    flags: int


def parse_keys(text: str) -> KeyRing:
    """Read a ring of keys of 32 to 64 bytes. Raises `MalformedKeys`."""
    found = read_ring(text, "media key", SECRET_BYTES, MalformedKeys)
    return KeyRing(tuple(MediaKey(kid, secret) for kid, secret in found))


def sign(playback_id: str, *, session_id: str, expires_s: int, keys: KeyRing) -> str:
    """Make the token that opens `playback_id` until the Unix time `expires_s`.

    Raises `ValueError` where an argument has no place in a token or there is no key.
    """
    if not keys.keys:
        raise ValueError("there is no key to sign with")
    if not re.fullmatch(_SID, session_id) or not _PLAYBACK_ID.fullmatch(playback_id):
        raise ValueError(f"{session_id!r} or {playback_id!r} has no place in a token")
    if not 0 <= expires_s <= _LATEST_S:
        raise ValueError(f"{expires_s} is no time that a token can hold")
    key = keys.keys[0]
    rest = f"{key.kid}.{expires_s}.{session_id}.0"
    return f"{_mac(key, rest, playback_id)}.{rest}"


def split(path: str) -> MediaPath:
    """Take a canonical path under `/media/` apart; what it shows is still to be verified."""
    rest = path[len(MEDIA_PREFIX) :]
    first, _, after = rest.partition("/")
    if not first.startswith(TOKEN_MARK):
        return MediaPath(None, first, path, f"{MEDIA_PREFIX}{first}/")
    playback_id = after.partition("/")[0]
    prefix = f"{MEDIA_PREFIX}{first}/{playback_id}/"
    return MediaPath(first[1:], playback_id, f"{MEDIA_PREFIX}{after}", prefix)


def verify(path: str, keys: KeyRing, now_s: float) -> MediaGrant:
    """What the token of a canonical path grants at the Unix time `now_s`.

    Raises one of the `TokenRefused`. An expired token whose mac is wrong is a forged one: nobody
    learns from the answer which tokens there have been.
    """
    parts = split(path)
    if parts.token is None:
        raise TokenMissing(f"{parts.playback_id[:80]!r} is played with a token only")
    found = _TOKEN.fullmatch(parts.token) if len(parts.token) <= LONGEST_TOKEN else None
    if found is None or int(found["flags"], 16) & ~KNOWN_FLAGS:
        raise TokenMalformed("what follows /media/~ is no token")
    if not _PLAYBACK_ID.fullmatch(parts.playback_id) or not path.startswith(parts.prefix):
        raise TokenMalformed("what follows the token is no playback id with a / after it")
    key = keys.find(found["kid"])
    if key is None:
        raise TokenUnknownKey(f"there is no key {found['kid']!r} to verify the token with")
    expected = _mac(key, parts.token[found.end("mac") + 1 :], parts.playback_id)
    if not hmac.compare_digest(expected, found["mac"]):
        raise TokenForged(f"the token was not made for {parts.playback_id!r}, or was changed")
    expires_s = int(found["exp"])
    if now_s >= expires_s:
        raise TokenExpired(f"the token ended at the Unix time {expires_s}")
    flags = int(found["flags"], 16)
    return MediaGrant(parts.playback_id, key.kid, expires_s, found["sid"], flags)


def _mac(key: MediaKey, rest: str, playback_id: str) -> str:
    """The mac over `rest`, the token's other parts; none of them can hold a line feed or a dot."""
    signed = "\n".join(("v1", *rest.split("."), f"/{playback_id}/"))
    digest = hmac.digest(key.secret, signed.encode("ascii"), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
