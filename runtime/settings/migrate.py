"""Settings of the schema migration."""

from typing import ClassVar

from runtime.settings.shared import CommonSettings, DatabaseSettings


class MigrateSettings(DatabaseSettings, CommonSettings):
    """`sluice migrate`."""

    title: ClassVar[str] = "sluice migrate"
