"""Settings of `up`, which runs everything on one machine."""

from typing import ClassVar

from runtime.settings.declaration import setting
from runtime.settings.quantities import Count, Folder, Port, Text
from runtime.settings.shared import (
    CommonSettings,
    DatabaseSettings,
    MasterKeySettings,
    MediaKeySettings,
    PolicySettings,
    PublicUrlSettings,
    RedisSettings,
    StorageSettings,
)


class UpSettings(
    MediaKeySettings,
    MasterKeySettings,
    PolicySettings,
    RedisSettings,
    PublicUrlSettings,
    DatabaseSettings,
    StorageSettings,
    CommonSettings,
):
    """`sluice up`."""

    title: ClassVar[str] = "sluice up"

    host: Text = setting(
        "127.0.0.1",
        "The address of the API, the library page and the edge; 0.0.0.0 is every interface.",
    )
    api_port: Port = setting(8080, "The port of the API and the library page.", ge=0, le=65535)
    origin_port: Port = setting(8082, "The port of the origin, on loopback.", ge=0, le=65535)
    edge_admin_port: Port = setting(
        8083, "The port of the edge's metrics and purging, on loopback.", ge=0, le=65535
    )
    workers: Count = setting(1, "How many worker processes package and transcode.", ge=1, le=256)
    postgres_bin: Folder | None = setting(
        None,
        "The folder with the programs `postgres` and `initdb` for the embedded Postgres.",
        default_says="the bundled ones, else the newest of `/usr/lib/postgresql/*/bin`",
    )
