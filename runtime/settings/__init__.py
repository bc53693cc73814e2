"""Every setting of every process, declared once and read by `load`."""

from runtime.settings.edge import EdgeSettings
from runtime.settings.load import SettingsFault, load
from runtime.settings.migrate import MigrateSettings
from runtime.settings.origin import OriginSettings
from runtime.settings.server import ServerSettings
from runtime.settings.shared import (
    CommonSettings,
    DatabaseSettings,
    FillSettings,
    MasterKeySettings,
    MediaKeySettings,
    PolicySettings,
    PublicUrlSettings,
    StorageSettings,
)
from runtime.settings.up import UpSettings
from runtime.settings.worker import WorkerSettings

__all__ = [
    "CommonSettings",
    "DatabaseSettings",
    "EdgeSettings",
    "FillSettings",
    "MasterKeySettings",
    "MediaKeySettings",
    "MigrateSettings",
    "OriginSettings",
    "PolicySettings",
    "PublicUrlSettings",
    "ServerSettings",
    "SettingsFault",
    "StorageSettings",
    "UpSettings",
    "WorkerSettings",
    "load",
]
