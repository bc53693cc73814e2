"""Every way in which the API refuses, beyond what is wrong with a request as HTTP."""

from core.errors import InputFault, StateFault, UpstreamFault
from runtime.problems import RequestFault


class MalformedBody(RequestFault):
    """The body is not what its Content-Type says: broken JSON, broken multipart."""

    code = "request.malformed_body"


class InvalidBody(RequestFault):
    """The body is well formed but a value in it is not acceptable."""

    status = 422
    code = "request.invalid"


class InvalidParameter(RequestFault):
    """A query parameter is unknown, given twice, or has an unacceptable value."""

    code = "request.invalid_parameter"


class InvalidCursor(RequestFault):
    """The cursor was not made for this endpoint with these filters."""

    code = "invalid_cursor"


class UnsupportedMediaType(RequestFault):
    """The body's Content-Type is not one that this route reads."""

    status = 415
    code = "request.media_type"


class MalformedHost(RequestFault):
    """The Host field names no host."""

    code = "request.malformed_host"


class CrossOriginRefused(RequestFault):
    """Another web site tries to change something through this visitor's browser."""

    status = 403
    code = "request.cross_origin"


class SigningUnavailable(StateFault):
    """The video is, or would be, a signed one, and the server has no keys to sign with."""

    code = "video.signing_unavailable"


class ProtectionUnavailable(StateFault):
    """The video would be encrypted, and the server has no master key to keep its keys under."""

    code = "video.protection_unavailable"


class Unprotectable(StateFault):
    """The video has pictures of a codec that cannot be encrypted in the way that was asked for."""

    code = "video.unprotectable"


class NotOffered(StateFault):
    """The video plays, but not by the protocol that was asked for."""

    code = "video.not_offered"


class VideoUnknown(InputFault):
    """There is no such video, or no longer."""

    status = 404
    code = "video.unknown"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"there is no video {video_id!r}")


class HistoryUnknown(InputFault):
    """This user has no history of this video."""

    status = 404
    code = "history.unknown"


class PreconditionRequired(StateFault):
    """The change must name the version it is based on (RFC 6585 §3)."""

    status = 428
    code = "precondition.required"


class NotPlayableYet(StateFault):
    """The video is still being prepared."""

    code = "video.not_playable"
    retry_after_s = 2


class NeverPlayable(StateFault):
    """The video could not be prepared."""

    code = "video.errored"


class VideoInUse(StateFault):
    """Other videos were made from this one, and would lose their media."""

    code = "video.in_use"


class NothingLeft(RequestFault):
    """The filters of a playback leave nothing of the picture, or of the sound."""

    status = 422
    code = "view.empty"


class UnusableFilter(RequestFault):
    """A filter of a playback contradicts itself or names what there is not."""

    status = 422
    code = "view.unusable"


class OutsideVideo(RequestFault):
    """A stretch does not lie within its video."""

    status = 422
    code = "excerpt.outside"


class PartUnknown(InputFault):
    """An edit names a video that there is not."""

    status = 422
    code = "edit.part_unknown"


class ProtectedEdit(InputFault):
    """What is made of others is protected as they are, neither more nor less nor otherwise."""

    status = 422
    code = "edit.protected"


class CaptionsOfEdit(InputFault):
    """What is made of other videos has their subtitles, and none of its own."""

    status = 422
    code = "edit.captions"


class TooManyParts(InputFault):
    """An edit of edits would consist of too many stretches."""

    status = 422
    code = "edit.too_many_parts"


class UploadStalled(InputFault):
    """Nothing arrived for too long."""

    status = 408
    code = "upload.stalled"
    retryable = True


class UploadBroken(InputFault):
    """The client went away in the middle; nobody reads this answer."""

    code = "upload.interrupted"
    retryable = True


class StorageFull(UpstreamFault):
    """There is no room for the upload on our disk."""

    status = 507
    code = "storage.full"


class ImportUnavailable(StateFault):
    """Import by URL is described but not there yet."""

    status = 501
    code = "import.unavailable"


class CaptionUnknown(InputFault):
    """The video has no such text track."""

    status = 404
    code = "captions.unknown"


class MalformedCaptions(RequestFault):
    """The subtitles cannot be read; the detail names the line."""

    status = 422
    code = "captions.malformed"


class CaptionsTooLarge(RequestFault):
    """The file is larger than subtitles are."""

    status = 413
    code = "captions.too_large"


class TooManyCaptions(StateFault):
    """The video has as many text tracks as it may have."""

    code = "captions.too_many"
