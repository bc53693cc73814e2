"""What goes wrong with the disk tier, and whose it is."""

from typing import ClassVar

from core.errors import OperatorFault, UpstreamFault


class CacheInUse(OperatorFault):
    """Another edge works in the folder."""

    code: ClassVar[str] = "disk.in_use"


class PurgeNotDurable(UpstreamFault):
    """What was purged is gone from the running cache, but a restart might bring it back."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "disk.purge_not_durable"
    retry_after_s = 1
