"""Settings that several processes share."""

import os
from pathlib import Path
from typing import ClassVar

from core.http.media_token import NO_KEYS, KeyRing, parse_keys
from core.media.playback_id import PlaybackPolicy
from core.protection.master_key import NO_MASTER_KEYS, MasterKeys, parse_master_keys
from runtime.logs import LogFormat, LogLevel
from runtime.settings.declaration import SluiceSettings, setting
from runtime.settings.quantities import (
    Count,
    DatabaseUrl,
    File,
    Folder,
    MasterKeyRing,
    MediaKeys,
    Port,
    RedisUrl,
    Seconds,
    Text,
    Url,
)


def default_data_folder() -> Path:
    """Give the XDG data folder of this user (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "sluice"


class CommonSettings(SluiceSettings):
    """What every process understands."""

    title: ClassVar[str] = "Every process"

    config: File | None = setting(
        None,
        "The TOML file with settings. One file serves all processes: the keys of one process "
        "stand in its own table.",
        default_says="`$XDG_CONFIG_HOME/sluice/sluice.toml`, if it exists",
    )
    log_level: LogLevel = setting(LogLevel.INFO, "The least severe event that is logged.")
    log_format: LogFormat = setting(
        LogFormat.AUTO, "How a log line looks; auto means console on a terminal and JSON elsewhere."
    )
    stop_deadline_s: Seconds = setting(
        15.0,
        "How long a process may take to finish what it is doing after SIGTERM or SIGINT, before "
        "it is ended.",
        ge=0.1,
        le=600,
    )


class DatabaseSettings(SluiceSettings):
    """How a process reaches Postgres."""

    title: ClassVar[str] = "Database"

    database_url: DatabaseUrl | None = setting(
        None,
        "The Postgres database of the catalogue and the jobs. Without it `up` starts a Postgres "
        "of its own; every other process needs it.",
        secret=True,
    )
    database_connections: Count = setting(
        8, "The most connections one process keeps to Postgres.", ge=2, le=200
    )

    def require_database_url(self) -> str:
        """Give the URL. Raises `SettingsFault` when it is not set."""
        if self.database_url is None:
            # Imported here: load reads the catalogue of all classes, this one included.
            from runtime.settings.load import SettingsFault  # noqa: PLC0415

            raise SettingsFault(["SLUICE_DATABASE_URL is required: a Postgres URL"])
        return self.database_url


class StorageSettings(SluiceSettings):
    """Where a process keeps its files."""

    title: ClassVar[str] = "Storage"

    data: Folder = setting(
        None,
        "The folder of the library: uploads, published tracks, posters, and the embedded "
        "Postgres. The server, the origin and the workers must see the same folder.",
        default_factory=default_data_folder,
        default_says="`$XDG_DATA_HOME/sluice`",
    )

    @property
    def store_folder(self) -> Path:
        """The root of the store."""
        return self.data / "store"

    @property
    def scratch_folder(self) -> Path:
        """Files that are being received or made; on the same file system as the store."""
        return self.data / "scratch"

    @property
    def edge_cache_folder(self) -> Path:
        """What the edge of `up` keeps; it may be deleted while nothing runs."""
        return self.data / "edge-cache"


class PublicUrlSettings(SluiceSettings):
    """How viewers reach this installation."""

    title: ClassVar[str] = "Public URLs"

    public_url: Url | None = setting(
        None,
        "The URL of the API and the library page as viewers reach it; set it behind a proxy.",
        default_says="the Host of each request",
    )
    edge_public_url: Url | None = setting(
        None,
        "The URL of the edge as viewers reach it; every playback URL begins with it.",
        default_says="the host name of each request, with `edge_port`",
    )
    edge_port: Port = setting(
        8081,
        "The port of the edge: `up` starts it there, and playback URLs name it when "
        "`edge_public_url` is not set.",
        ge=0,
        le=65535,
    )


class FillSettings(SluiceSettings):
    """The secret between origin and edges."""

    title: ClassVar[str] = "Fill"

    fill_key: Text | None = setting(
        None,
        "The secret that edges send to an origin which listens beyond loopback, in the header "
        "`Sluice-Fill-Key`; the same on both sides.",
        secret=True,
    )


class AdminSettings(SluiceSettings):
    """The secret between the server and the admin ports of the edges."""

    title: ClassVar[str] = "Admin"

    admin_token: Text | None = setting(
        None,
        "The bearer token that purging an edge takes, and that the server sends with its purges; "
        "the same on both sides.",
        secret=True,
    )


class MediaKeySettings(SluiceSettings):
    """The keys of signed media paths."""

    title: ClassVar[str] = "Media keys"

    media_keys: MediaKeys | None = setting(
        None,
        "The keys of the tokens in signed media paths: the server signs with the first, edges take "
        "tokens of all; the same on both sides. `up` makes one and keeps it in its data folder.",
        secret=True,
    )

    def key_ring(self) -> KeyRing:
        """Give the keys; without the setting there are none."""
        return NO_KEYS if self.media_keys is None else parse_keys(self.media_keys)


class MasterKeySettings(SluiceSettings):
    """The keys that content keys are kept under."""

    title: ClassVar[str] = "Master key"

    master_key: MasterKeyRing | None = setting(
        None,
        "The keys that the content keys of protected videos are kept under in the database: the "
        "first wraps, all unwrap; the same on the server and the origins. `up` makes one and keeps "
        "it in its data folder. Who loses it loses the content keys.",
        secret=True,
    )

    def master_keys(self) -> MasterKeys:
        """Give the keys; without the setting there are none."""
        return NO_MASTER_KEYS if self.master_key is None else parse_master_keys(self.master_key)


class PolicySettings(SluiceSettings):
    """Who may play what is added."""

    title: ClassVar[str] = "Policy"

    default_policy: PlaybackPolicy = setting(
        PlaybackPolicy.PUBLIC,
        "Who may play a video for which nothing else was said: whoever has its media URL, only "
        "whoever was given a signed one that ends, or (`drm`) of an encrypted one, too.",
    )


class RedisSettings(SluiceSettings):
    """The Redis between the server and several edges."""

    title: ClassVar[str] = "Redis"

    redis_url: RedisUrl | None = setting(
        None,
        "The Redis through which purges reach every edge, those that were away included; a "
        "database of it for this installation alone. The same on the server and on the edges. "
        "Without it the server tells only the edges in `edge_admin_urls`.",
        secret=True,
    )
