"""What the API reads and writes, as types: validation, JSON and OpenAPI come from them."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.errors import Fault
from core.http.cache_key import resource_of_url
from core.media.playback_id import PlaybackPolicy
from core.media.recipe import MOST_STRETCHES
from core.media.roles import TrackRole
from core.protection.scheme import Protection
from server.caption_documents import CaptionKind, ChapterSpan
from server.identifiers import END, UserId, VideoId

MAX_POSITION_MS = 30 * 24 * 3600 * 1000
MAX_HISTORY_BATCH = 100

# Control characters have no business in a line of text, and Postgres refuses NUL.
_LINE = rf"^[^\x00-\x1f\x7f]*{END}"

Title = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=_LINE, description="What people call it.")
]
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_POSITION_MS)]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many items at most.")]
CursorText = Annotated[
    str, Meta(min_length=1, max_length=4096, description="`next_cursor` of the page before.")
]


Search = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=_LINE,
        description="Only titles that contain this, in whatever case.",
    ),
]


class VideoStatus(StrEnum):
    """How far a video is."""

    WAITING = "waiting"
    PREPARING = "preparing"
    PLAYABLE = "playable"
    READY = "ready"
    ERRORED = "errored"


class VideoSort(StrEnum):
    """The order of a listing; a minus means descending."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    TITLE = "title"
    TITLE_DESCENDING = "-title"


class Source(Struct, frozen=True):
    """The file as it was uploaded.

    `repaired` says what is wrong with it, where it contradicts itself and could be read all the
    same, or what in it had to be made plain, such as an edit list that jumps.
    """

    filename: str
    size_bytes: int
    repaired: str | None = None


class EditPart(Struct, frozen=True):
    """A stretch of another video that this one is made of."""

    video_id: VideoId
    start_ms: int
    end_ms: int


class VideoError(Struct, frozen=True):
    """Why a video, or a part of it, could not be prepared."""

    code: str
    message: str
    step: Annotated[
        str | None,
        Meta(
            description="What failed: `ingest` or `encode`, without which nothing plays; "
            "`sound:N`, the encoding of the file's stream N; `rung:NAME`, one size of the picture; "
            "`text`, the subtitles of the file.",
            examples=["sound:1"],
        ),
    ] = None


class Track(Struct, frozen=True):
    """What a viewer can choose: the picture, or sound or text in one language.

    Of several renditions of one content the best is told: the largest picture, in the highest
    dynamic range, or the most channels.
    """

    kind: Literal["v", "a", "t"]
    language: str | None
    label: str | None
    channels: int | None
    is_default: bool
    codec: Annotated[str, Meta(description="As RFC 6381 writes it.", examples=["hvc1.2.4.L120.90"])]
    hdr: Annotated[
        Literal["sdr", "hdr10", "hlg", "dolby_vision"] | None,
        Meta(description="The dynamic range of a picture; null of all else. `hdr10` is any PQ."),
    ] = None
    width: Annotated[int | None, Meta(description="Of the picture as it is shown, in pixels.")] = (
        None
    )
    height: int | None = None
    frame_rate: Annotated[float | None, Meta(description="Frames per second.")] = None
    roles: Annotated[list[TrackRole], Meta(description="What it is for, beyond its language.")] = []
    closed_captions: Annotated[
        list[str], Meta(description="Caption channels inside of the picture.", examples=[["CC1"]])
    ] = []


class IgnoredTrack(Struct, frozen=True):
    """A track of the uploaded file that is not published, and why."""

    kind: str
    codec: str
    language: str
    reason: str


class Rendition(Struct, frozen=True):
    """One published encoding of a track."""

    kind: Literal["v", "a", "t"]
    name: str
    codec: Annotated[str, Meta(description="As RFC 6381 writes it.", examples=["avc1.64001f"])]
    width: int | None
    height: int | None
    frame_rate: Annotated[float | None, Meta(description="Frames per second.")]
    channels: int | None
    sample_rate: Annotated[int | None, Meta(description="Hz.")]
    language: str | None
    bandwidth: Annotated[int, Meta(description="Bit/s of the largest segment.")]
    average_bandwidth: Annotated[int, Meta(description="Bit/s over the whole.")]
    video_range: Annotated[
        Literal["SDR", "PQ", "HLG"] | None,
        Meta(description="The dynamic range of a picture: PQ (HDR10, Dolby Vision), HLG, or SDR."),
    ] = None


class PlaybackId(Struct, frozen=True):
    """A public name of the video, used in media URLs."""

    id: str
    policy: PlaybackPolicy
    protection: Annotated[
        Protection, Meta(description="What its media is encrypted by; `none` unless `drm`.")
    ] = Protection.NONE


class VideoLinks(Struct, frozen=True):
    """Where to go from here."""

    watch: Annotated[str, Meta(description="The page that plays it.")]
    play: Annotated[str, Meta(description="The call that starts a playback.")]


class StoryboardLinks(Struct, frozen=True):
    """Small pictures of the film at even intervals, for the seek bar."""

    vtt: Annotated[str, Meta(description="As WebVTT, a cue for each picture.")]
    json: Annotated[str, Meta(description="As JSON.")]


class Video(Struct, frozen=True):
    """One title of the library."""

    id: VideoId
    title: Title
    status: Annotated[
        VideoStatus,
        Meta(
            description="`playable`: it plays, and further renditions are being made; "
            "`ready`: all are made that can be. The storyboard may still join."
        ),
    ]
    progress: Annotated[float, Meta(ge=0, le=1, description="Over all that is to be prepared.")]
    stage: Annotated[str | None, Meta(description="What is being done now.")]
    created_at: datetime
    updated_at: datetime
    duration_ms: int | None
    source: Annotated[Source | None, Meta(description="null for what was made from other videos.")]
    parts: Annotated[list[EditPart], Meta(description="What it was made from; else empty.")]
    errors: list[VideoError]
    tracks: list[Track]
    renditions: list[Rendition]
    playback_ids: list[PlaybackId]
    poster: str | None
    links: VideoLinks
    chapters: list[ChapterSpan] = []
    ignored_tracks: list[IgnoredTrack] = []
    storyboard: StoryboardLinks | None = None


class VideoPage(Struct, frozen=True):
    """A part of the library."""

    data: list[Video]
    next_cursor: str | None
    has_more: bool


class ListVideos(Struct, frozen=True, forbid_unknown_fields=True):
    """Which videos, in which order."""

    limit: Limit = 25
    cursor: CursorText | None = None
    sort: VideoSort = VideoSort.NEWEST
    q: Search | None = None


class UploadForm(Struct, frozen=True):
    """The parts of an upload."""

    file: Annotated[bytes, Meta(description="The video file, with its file name.")]
    title: Title | UnsetType = UNSET
    policy: PlaybackPolicy | UnsetType = UNSET
    protection: Protection | UnsetType = UNSET


class PartInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of a video: to its end without `end_ms`."""

    video_id: VideoId
    start_ms: Milliseconds = 0
    end_ms: Milliseconds | None = None


class ImportInput(Struct, frozen=True, forbid_unknown_fields=True):
    """What to import, or which videos to play one after the other; one of both."""

    url: (
        Annotated[str, Meta(min_length=1, max_length=2048, pattern=rf"^https?://\S+{END}")]
        | UnsetType
    ) = UNSET
    parts: Annotated[list[PartInput], Meta(min_length=1, max_length=MOST_STRETCHES)] | UnsetType = (
        UNSET
    )

    def __post_init__(self) -> None:
        if (self.url is UNSET) == (self.parts is UNSET):
            raise ValueError("an input has either a url or parts")


class ImportRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A video to be fetched by the server, or made from others."""

    input: ImportInput
    title: Title | UnsetType = UNSET
    policy: PlaybackPolicy | UnsetType = UNSET
    protection: Protection | UnsetType = UNSET


class ClipRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which stretch of the video; to its end without `end_ms`."""

    start_ms: Milliseconds
    end_ms: Milliseconds | None = None
    title: Title | UnsetType = UNSET
    policy: PlaybackPolicy | UnsetType = UNSET


class DeleteVideo(Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to the videos that were made from it."""

    cascade: Annotated[
        bool, Meta(description="Delete them, too; else a video they need is not deleted.")
    ] = False


class VideoChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is absent stays (RFC 7396, without null)."""

    title: Title | UnsetType = UNSET
    policy: PlaybackPolicy | UnsetType = UNSET
    protection: Protection | UnsetType = UNSET


Names = Annotated[str, Meta(min_length=2, max_length=100, pattern=rf"^[A-Za-z0-9,-]+{END}")]


class PlayRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """For whom, and how much of it: what is left out is not to be had under the URLs."""

    user: UserId | None = None
    start_ms: Annotated[Milliseconds, Meta(description="From here on.")] = 0
    end_ms: Annotated[Milliseconds | None, Meta(description="Up to here.")] = None
    max_height: Annotated[
        Annotated[int, Meta(ge=16, le=99_999)] | None,
        Meta(description="Of a picture's shorter side, in lines: 720 for at most 720p."),
    ] = None
    codecs: Annotated[
        Names | None,
        Meta(
            description="Names that RFC 6381 strings begin with, separated by commas. They choose "
            "among the kind, picture or sound, of which any is named.",
            examples=["avc1,mp4a"],
        ),
    ] = None
    audio: Annotated[
        Names | None,
        Meta(description="Languages of the sound, separated by commas.", examples=["de,en"]),
    ] = None
    hdr: Annotated[bool | None, Meta(description="0 leaves out pictures in HDR, 1 all others.")] = (
        None
    )


class Subtitles(Struct, frozen=True):
    """A text track as one file of WebVTT; the manifests name it, too."""

    id: str
    kind: CaptionKind
    language: str
    label: str | None
    default: bool
    url: str


class ChapterLinks(Struct, frozen=True):
    """The chapters as files."""

    vtt: str
    json: str


class ClearKey(Struct, frozen=True):
    """Where a player with ClearKey gets its licence: by POST, as Encrypted Media Extensions say."""

    license_url: str


class Drm(Struct, frozen=True):
    """How the media is encrypted. HLS under `aes-128` names its keys itself."""

    protection: Protection
    clearkey: Annotated[
        ClearKey | None, Meta(description="For media under `cenc` and `cbcs`; null without.")
    ]


class Playback(Struct, frozen=True):
    """Everything that a player needs to start.

    Media begin at a key picture, so players are told separately where the exact beginning and end
    are: from `start_ms` to `end_ms` on the player's own timeline. `duration_ms` and `resume_ms`
    count from `start_ms`.
    """

    playback_id: str
    session_id: str
    title: str
    hls: Annotated[str, Meta(description="The HLS multivariant playlist.")]
    dash: Annotated[
        str | None, Meta(description="The DASH MPD; null under `aes-128`, which DASH lacks.")
    ]
    poster: str | None
    duration_ms: int | None
    start_ms: Annotated[int, Meta(ge=0, description="Where in the player to begin.")]
    end_ms: Annotated[int | None, Meta(description="Where in the player to end.")]
    resume_ms: Annotated[int, Meta(ge=0, description="Where to begin; 0 is the beginning.")]
    token: Annotated[
        str | None,
        Meta(description="What the URLs of a signed video hold after `/media/~`; else null."),
    ]
    expires_at: Annotated[datetime | None, Meta(description="When the URLs end; null is never.")]
    subtitles: list[Subtitles] = []
    chapters: Annotated[
        ChapterLinks | None, Meta(description="Null where the film has no chapters.")
    ] = None
    drm: Annotated[Drm | None, Meta(description="Null where the media is not encrypted.")] = None
    storyboard: StoryboardLinks | None = None
    thumbnail: Annotated[
        str | None,
        Meta(
            description="The picture of any moment: put its milliseconds in the place of `{ms}`. "
            "Null where there is no picture, or it is encrypted."
        ),
    ] = None


class HistoryReport(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a user is in a video. Of all reports the one with the last `client_ts` counts."""

    video_id: VideoId
    position_ms: Milliseconds
    client_ts: Annotated[
        datetime,
        Meta(tz=True, description="When, by the client's clock; the future counts as now."),
    ]
    duration_ms: Milliseconds | None = None
    session_id: Annotated[str, Meta(max_length=64, pattern=_LINE)] | None = None
    event: Annotated[str, Meta(max_length=32, pattern=rf"^[a-z_]+{END}")] | None = None

    def __post_init__(self) -> None:
        """Refuse what only its own time zone can count: the year 0 or 10000 of UTC."""
        try:
            self.client_ts.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("`client_ts` lies outside of the years 1 to 9999 of UTC") from error


HistoryReports = Annotated[list[HistoryReport], Meta(min_length=1, max_length=MAX_HISTORY_BATCH)]


class HistoryEntry(Struct, frozen=True):
    """The last known position of one user in one video."""

    video_id: VideoId
    title: str
    poster: str | None
    position_ms: int
    duration_ms: int | None
    resume_ms: Annotated[int, Meta(description="Where a playback would begin.")]
    session_id: str | None
    event: str | None
    client_ts: datetime
    updated_at: datetime


class HistoryPage(Struct, frozen=True):
    """A part of a user's history, last watched first."""

    data: list[HistoryEntry]
    next_cursor: str | None
    has_more: bool


class ListHistory(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the history."""

    limit: Limit = 25
    cursor: CursorText | None = None


class PurgeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the edges shall forget."""

    keys: Annotated[
        list[
            Annotated[
                str,
                Meta(
                    max_length=256,
                    pattern=rf"^[\x21-\x7e]+{END}",
                    examples=["video:5t2v0c8n1k7m3q9x4z6b"],
                ),
            ]
        ],
        Meta(max_length=256, description="Surrogate keys."),
    ] = []
    urls: Annotated[
        list[
            Annotated[
                str,
                Meta(
                    max_length=2048,
                    pattern=rf"^[\x21-\x7e]+{END}",
                    examples=["/media/p_4k7q2m9x1z/master.m3u8"],
                ),
            ]
        ],
        Meta(max_length=256, description="URLs, or paths with their query."),
    ] = []
    soft: Annotated[
        bool,
        Meta(description="Mark as stale only, so that it may be served while it is refetched."),
    ] = False
    all: Annotated[bool, Meta(description="Forget everything; never softly.")] = False

    def __post_init__(self) -> None:
        if self.all and (self.keys or self.urls or self.soft):
            raise ValueError("a purge of all names nothing, and is never soft")
        if not (self.all or self.keys or self.urls):
            raise ValueError("a purge names keys, urls, or all")
        for url in self.urls:
            try:
                resource_of_url(url)
            except Fault as fault:
                raise ValueError(fault.message) from fault


class PurgeAccepted(Struct, frozen=True):
    """The purge is written down and will be delivered."""

    purge_id: str


class FieldError(Struct, frozen=True):
    """One wrong value."""

    where: Annotated[Literal["query", "body"], Meta()] = msgspec.field(name="in")
    pointer: Annotated[str, Meta(description="A JSON pointer (RFC 6901).")]
    detail: str


class Problem(Struct, frozen=True):
    """Why a request failed (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: Annotated[str, Meta(description="What a program may match on.")]
    request_id: str
    errors: list[FieldError] | UnsetType = UNSET
