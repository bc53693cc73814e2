"""Signs the bench's own path, as `/play` signs a viewer's."""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from typing import Final

from benchmarks.load.works import SIGNED_FOLDER

KEY: Final = bytes(range(32))
KEY_ID: Final = "bench"
SESSION: Final = "bench-session"
FLAGS: Final = "0"
# The year 2100: a run never meets the end.
EXPIRES: Final = 4_102_444_800


def media_keys() -> str:
    """The key ring as SLUICE_MEDIA_KEYS holds it."""
    return f"{KEY_ID}:{b64encode(KEY).decode()}"


def signed_folder() -> str:
    """The signed objects' folder with a token in it that opens it."""
    prefix, playback_id, rest = SIGNED_FOLDER.removeprefix("/").split("/", 2)
    text = f"v1\n{KEY_ID}\n{EXPIRES}\n{SESSION}\n{FLAGS}\n/{playback_id}/"
    mac = urlsafe_b64encode(hmac.digest(KEY, text.encode(), hashlib.sha256)).decode().rstrip("=")
    return f"/{prefix}/~{mac}.{KEY_ID}.{EXPIRES}.{SESSION}.{FLAGS}/{playback_id}/{rest}"
