"""The master key of one installation, under which the content keys of its videos are kept."""

from pathlib import Path
from typing import Final

from cli.up.key_file import kept_ring
from core.errors import OperatorFault
from core.protection.master_key import parse_master_keys

KEYS_NAME: Final = "master.key"


class MasterKeyUnusable(OperatorFault):
    """The file with the master key cannot be read, written or understood."""

    code = "master_key.unusable"


def master_keys(data: Path) -> str:
    """The ring kept in `data`, as SLUICE_MASTER_KEY has it; makes one where there is none.

    The file holds one key a line, the one that wraps first. Raises `MasterKeyUnusable`.
    """
    return kept_ring(data / KEYS_NAME, "m", parse_master_keys, MasterKeyUnusable)
