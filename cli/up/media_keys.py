"""The media keys of one installation: made once, kept in its data folder, handed to processes."""

from pathlib import Path
from typing import Final

from cli.up.key_file import kept_ring
from core.errors import OperatorFault
from core.http.media_token import parse_keys

KEYS_NAME: Final = "media.keys"


class MediaKeysUnusable(OperatorFault):
    """The file with the media keys cannot be read, written or understood."""

    code = "media_keys.unusable"


def media_keys(data: Path) -> str:
    """The key ring kept in `data`, as SLUICE_MEDIA_KEYS has it; makes one where there is none.

    The file holds one key a line, the signing one first. Raises `MediaKeysUnusable`.
    """
    return kept_ring(data / KEYS_NAME, "k", parse_keys, MediaKeysUnusable)
