"""Settings of the worker that packages and transcodes."""

from typing import ClassVar

from runtime.settings.declaration import setting
from runtime.settings.quantities import Count, Seconds
from runtime.settings.shared import CommonSettings, DatabaseSettings, StorageSettings


class WorkerSettings(DatabaseSettings, StorageSettings, CommonSettings):
    """`sluice worker`."""

    section: ClassVar[str] = "worker"
    title: ClassVar[str] = "sluice worker"

    concurrency: Count = setting(
        1,
        "How many encodings one worker runs at once; copying and posters go on beside them.",
        ge=1,
        le=64,
    )
    segment_s: Seconds = setting(
        4.0, "The length a segment should have; it is cut at the next key frame.", ge=1, le=30
    )
    heartbeat_s: Seconds = setting(
        5.0,
        "How often a worker says that a job is alive; after two silences another takes the job.",
        ge=0.5,
        le=300,
    )
    clean_up_s: Seconds = setting(
        3600.0, "How often files that nothing refers to are removed.", ge=1, le=7 * 86400
    )
