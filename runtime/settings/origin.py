"""Settings of the origin's delivery process."""

from typing import ClassVar

from runtime.listen import HostPort
from runtime.settings.declaration import setting
from runtime.settings.quantities import Address, Count
from runtime.settings.shared import (
    CommonSettings,
    DatabaseSettings,
    FillSettings,
    StorageSettings,
)


class OriginSettings(FillSettings, DatabaseSettings, StorageSettings, CommonSettings):
    """`sluice origin`."""

    section: ClassVar[str] = "origin"
    title: ClassVar[str] = "sluice origin"

    listen: Address = setting(
        HostPort("127.0.0.1", 8082), "The address at which edges fetch segments and manifests."
    )
    open_tracks: Count = setting(
        256, "How many tracks keep their index mapped and their file open.", ge=1, le=100_000
    )
