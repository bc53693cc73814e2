"""Settings of the API and library server."""

from typing import ClassVar

from runtime.listen import HostPort
from runtime.settings.declaration import setting
from runtime.settings.quantities import Address, Bytes, Networks, Seconds, Urls
from runtime.settings.shared import (
    AdminSettings,
    CommonSettings,
    DatabaseSettings,
    MasterKeySettings,
    MediaKeySettings,
    PolicySettings,
    PublicUrlSettings,
    RedisSettings,
    StorageSettings,
)


class ServerSettings(
    AdminSettings,
    MediaKeySettings,
    MasterKeySettings,
    PolicySettings,
    RedisSettings,
    PublicUrlSettings,
    DatabaseSettings,
    StorageSettings,
    CommonSettings,
):
    """`sluice server`."""

    section: ClassVar[str] = "server"
    title: ClassVar[str] = "sluice server"

    listen: Address = setting(
        HostPort("127.0.0.1", 8080), "The address of the API and the library page."
    )
    upload_limit_bytes: Bytes = setting(
        64 * 2**30, "The largest file that may be uploaded.", ge=2**20, le=16 * 2**40
    )
    upload_stall_s: Seconds = setting(
        60.0, "How long an upload may pause before it is given up.", ge=1, le=3600
    )
    idle_timeout_s: Seconds = setting(
        75.0,
        "How long a client may take to send the head of its next request, the first one included, "
        "before its connection is closed.",
        ge=1,
        le=3600,
    )
    edge_admin_urls: Urls = setting(
        (), "The admin addresses of the edges, which are told to forget what was deleted."
    )
    trusted_proxy: Networks = setting(
        (), "The proxies whose X-Forwarded-For, -Proto and -Host headers are believed."
    )
