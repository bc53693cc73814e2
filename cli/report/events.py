"""The events of `up` and `ingest`; each is one line of ``--json``, named by its field `event`."""

from typing import TypeAlias

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events."""


class Starting(Event, frozen=True, tag="starting"):
    """Something is being started; `what` names it for a person."""

    what: str


class Migrated(Event, frozen=True, tag="migrated"):
    """The database's schema was behind and has been brought up to date."""

    schema: int


class Ready(Event, frozen=True, tag="ready"):
    """Everything answers."""

    library: str
    api: str
    edge: str
    edge_admin: str
    data: str
    after_s: float


class ChildEnded(Event, frozen=True, tag="child_ended"):
    """A process ended that should run; it is started again after `restart_in_s`."""

    name: str
    reason: str
    restart_in_s: float


class ChildBack(Event, frozen=True, tag="child_back"):
    """A process that had ended is ready again."""

    name: str


class Uploading(Event, frozen=True, tag="uploading"):
    """A part of a file has been sent."""

    file: str
    sent_bytes: int
    total_bytes: int


class Uploaded(Event, frozen=True, tag="uploaded"):
    """The server has the file and will not lose it."""

    file: str
    video_id: str
    total_bytes: int
    took_s: float


class AlreadyThere(Event, frozen=True, tag="already_there"):
    """The library has this very file; nothing was sent."""

    file: str
    video_id: str
    watch: str


class Preparing(Event, frozen=True, tag="preparing"):
    """A video is being packaged; `progress` runs from 0 to 1."""

    file: str
    video_id: str
    status: str
    stage: str
    progress: float


class Playable(Event, frozen=True, tag="playable"):
    """A video can be watched; more renditions may still join."""

    file: str
    video_id: str
    watch: str
    after_s: float


class VideoReady(Event, frozen=True, tag="video_ready"):
    """Every rendition of a video is there."""

    file: str
    video_id: str
    watch: str
    after_s: float


class IngestFailed(Event, frozen=True, tag="ingest_failed"):
    """A file did not become a video."""

    file: str
    code: str
    reason: str


class SubtitlesAdded(Event, frozen=True, tag="subtitles_added"):
    """A file of subtitles beside a film has become a text track of it."""

    file: str
    subtitles: str
    language: str
    kind: str
    cues: int
    encoding: str
    encoding_guessed: bool


class SubtitlesRefused(Event, frozen=True, tag="subtitles_refused"):
    """A file of subtitles beside a film cannot be read; the film plays without it."""

    file: str
    subtitles: str
    code: str
    reason: str


class Stopping(Event, frozen=True, tag="stopping"):
    """A signal asked for the end."""

    signal: str


class Stopped(Event, frozen=True, tag="stopped"):
    """Every process has ended."""


AnyEvent: TypeAlias = (
    Starting
    | Migrated
    | Ready
    | ChildEnded
    | ChildBack
    | Uploading
    | Uploaded
    | AlreadyThere
    | Preparing
    | Playable
    | VideoReady
    | IngestFailed
    | SubtitlesAdded
    | SubtitlesRefused
    | Stopping
    | Stopped
)
