"""Rings of named secrets, as settings write them: `name:base64`, separated by commas.

One key can follow another: the first of a ring makes what is new, all of them open what there is.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from core.errors import OperatorFault

MOST_KEYS: Final = 16
KEY_NAME: Final = r"[A-Za-z0-9_-]{1,32}"
_KEY: Final = re.compile(rf"(?P<name>{KEY_NAME}):(?P<secret>[A-Za-z0-9+/_-]{{1,128}}={{0,2}})")

Malformed = Callable[[str], OperatorFault]


def read_ring(text: str, kind: str, sizes: range, malformed: Malformed) -> list[tuple[str, bytes]]:
    """Read the names and secrets of 1 to 16 keys (either alphabet of RFC 4648, padded or not).

    A secret has as many bytes as is in `sizes`. Raises what `malformed` makes of a message, which
    calls a key by its `kind` and never holds a secret.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not 0 < len(parts) <= MOST_KEYS:
        raise malformed(f"a ring has 1 to {MOST_KEYS} {kind}s, not {len(parts)}")
    keys = [_read(part, f"{kind} {place}", sizes, malformed) for place, part in enumerate(parts, 1)]
    if len({name for name, _ in keys}) < len(keys):
        raise malformed(f"two {kind}s of the ring have the same name")
    return keys


def _read(text: str, which: str, sizes: range, malformed: Malformed) -> tuple[str, bytes]:
    found = _KEY.fullmatch(text)
    if found is None:
        raise malformed(f"{which} of the ring is not written as name:base64")
    bare = found["secret"].rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        secret = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error as error:
        raise malformed(f"{which} of the ring, {found['name']!r}, is no base64") from error
    if len(secret) not in sizes:
        allowed = " to ".join(str(size) for size in sorted({sizes.start, sizes.stop - 1}))
        raise malformed(
            f"{which} of the ring, {found['name']!r}, has {len(secret)} bytes; it takes {allowed}"
        )
    return found["name"], secret
