"""Settings of the origin's delivery process."""

from typing import ClassVar

from runtime.listen import HostPort
from runtime.settings.declaration import setting
from runtime.settings.edge import processors
from runtime.settings.quantities import Address, Bytes, Count, Output, Seconds, Text
from runtime.settings.shared import (
    CommonSettings,
    DatabaseSettings,
    FillSettings,
    MasterKeySettings,
    StorageSettings,
)


class OriginSettings(
    FillSettings, MasterKeySettings, DatabaseSettings, StorageSettings, CommonSettings
):
    """`sluice origin`."""

    section: ClassVar[str] = "origin"
    title: ClassVar[str] = "sluice origin"

    listen: Address = setting(
        HostPort("127.0.0.1", 8082), "The address at which edges fetch segments and manifests."
    )
    name: Text = setting("origin", "The name of this tier in Cache-Status and in Via.")
    memory_bytes: Bytes = setting(
        64 * 2**20,
        "How much memory is filled with init and media segments that edges ask for again.",
        ge=2**20,
        le=16 * 2**40,
    )
    threads: Count = setting(
        None,
        "How many threads serve edges.",
        default_factory=processors,
        default_says="one for each processor",
        ge=1,
        le=1024,
    )
    reader_threads: Count = setting(
        8, "How many threads wait for the disk, so that nobody else does.", ge=1, le=1024
    )
    drain_timeout_s: Seconds = setting(
        10.0, "How long answers may take to end when the origin stops.", ge=0, le=3600
    )
    access_log: Output | None = setting(
        None,
        "Where a line of JSON is written for each answer to an edge, opened anew on SIGHUP; - is "
        "standard output. Without it there is no access log.",
    )
    open_tracks: Count = setting(
        256, "How many tracks keep their index mapped and their files open.", ge=1, le=100_000
    )
    thumbnails: Count = setting(
        2,
        "How many thumbnails are decoded at a time, each in a process of its own; others wait.",
        ge=1,
        le=64,
    )
