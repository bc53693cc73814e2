"""The list of all settings classes, for the checks of unknown keys and the reference page."""

from functools import cache
from typing import Final

from runtime.settings.declaration import Declaration, SluiceSettings, declarations
from runtime.settings.edge import EdgeSettings
from runtime.settings.migrate import MigrateSettings
from runtime.settings.origin import OriginSettings
from runtime.settings.server import ServerSettings
from runtime.settings.shared import (
    AdminSettings,
    CommonSettings,
    DatabaseSettings,
    FillSettings,
    MasterKeySettings,
    MediaKeySettings,
    PolicySettings,
    PublicUrlSettings,
    RedisSettings,
    StorageSettings,
)
from runtime.settings.top import TopSettings
from runtime.settings.up import UpSettings
from runtime.settings.worker import WorkerSettings

# The reference page follows this order: what is shared, then one process after the other.
CLASSES: Final[tuple[type[SluiceSettings], ...]] = (
    CommonSettings,
    StorageSettings,
    DatabaseSettings,
    PublicUrlSettings,
    FillSettings,
    AdminSettings,
    MediaKeySettings,
    MasterKeySettings,
    PolicySettings,
    RedisSettings,
    UpSettings,
    ServerSettings,
    OriginSettings,
    WorkerSettings,
    EdgeSettings,
    TopSettings,
    MigrateSettings,
)


@cache
def own_declarations(cls: type[SluiceSettings]) -> list[Declaration]:
    """List the settings that `cls` declares itself."""
    inherited = {
        name
        for base in cls.__mro__[1:]
        if issubclass(base, SluiceSettings)
        for name in base.model_fields
    }
    return [each for each in declarations(cls) if each.name not in inherited]


@cache
def every_declaration() -> list[Declaration]:
    """List every setting once."""
    return [each for cls in CLASSES for each in own_declarations(cls)]
