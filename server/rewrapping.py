"""Wraps content keys anew once there is another master key: the second half of its rotation."""

from typing import Final

from core.errors import Fault
from core.protection.master_key import MasterKeys, WrappedKey
from core.protection.stored_key import StoredKey, rewrapped
from runtime.content_keys import new_nonce
from runtime.logs import get_logger
from runtime.postgres import DatabaseUnavailable
from server.repository import Repository
from server.services import Services

BATCH: Final = 100

log = get_logger(__name__)


async def rewrap_all(services: Services) -> None:
    """Bring every content key under the first master key, a few at a time.

    What cannot be read with the keys at hand stays as it is, and is said once; so is a database
    that is away. The next start tries again.
    """
    keys = services.master_keys
    if not keys.keys:
        return
    try:
        count = await _rewrap(services.repository, keys)
    except DatabaseUnavailable as fault:
        log.warning("content_keys.not_rewrapped", reason=fault.message)
    except Fault as fault:
        log.error("content_keys.not_rewrapped", reason=fault.message)  # noqa: TRY400 - it says all
    else:
        if count:
            log.info("content_keys.rewrapped", count=count, master=keys.first.name)


async def _rewrap(repository: Repository, keys: MasterKeys) -> int:
    def again(key: StoredKey) -> WrappedKey:
        return rewrapped(key, keys, new_nonce())

    count = 0
    while done := await repository.rewrap_keys(again, keys.first.name, limit=BATCH):
        count += done
    return count
