"""The one place under `/media/` that is written to: where a player asks for a licence.

A POST there changes nothing. It is handed to the upstream, under the same token as the media, and
no cache keeps anything of it.
"""

import re
from typing import Final

from core.http.target import Target

_LICENCE: Final = re.compile(r"/media/(?:~[^/]+/)?[A-Za-z0-9_-]{1,128}/license")


def is_licence(target: Target) -> bool:
    """Whether licences are given at a target, with its token or without."""
    return target.media and _LICENCE.fullmatch(target.path) is not None
