"""The URLs that answers hand out: to our own pages, and to media on the edge."""

from dataclasses import dataclass
from typing import Final, Self

from core.media.playback_id import PlaybackPolicy, policy_of
from core.media.thumbnail import FOLDER, ImageFormat
from core.media.view import PICTURES, address
from runtime.settings.shared import PublicUrlSettings
from server.documents import StoryboardLinks
from server.signing import Signature, Signer, media_folder
from server.visitor import Visitor

THUMBNAIL_WIDTH: Final = 640
MOMENT: Final = "{ms}"
"""What a client puts the milliseconds in the place of."""


@dataclass(frozen=True, slots=True)
class Links:
    """Base URLs without a trailing slash: `site` is ours, `edge` delivers media."""

    site: str
    edge: str
    signer: Signer

    @classmethod
    def of(cls, settings: PublicUrlSettings, visitor: Visitor, signer: Signer) -> Self:
        """As the operator set them, else by the host that the visitor used."""
        site = settings.public_url or visitor.origin
        edge = settings.edge_public_url
        edge = edge or f"{visitor.scheme}://{visitor.hostname}:{settings.edge_port}"
        return cls(site, edge, signer)

    def watch(self, video_id: str) -> str:
        """The page on which a person watches it."""
        return f"{self.site}/watch/{video_id}"

    def play(self, video_id: str) -> str:
        """The call that a player starts with."""
        return f"{self.site}/videos/{video_id}/play"

    def video(self, video_id: str) -> str:
        """The video as a resource."""
        return f"{self.site}/videos/{video_id}"

    def hls(self, seen: str, signature: Signature | None) -> str:
        """The multivariant playlist of a playback id, or of a view of it."""
        return f"{self.edge}{media_folder(seen, signature)}/master.m3u8"

    def dash(self, seen: str, signature: Signature | None) -> str:
        """The MPD of a playback id, or of a view of it."""
        return f"{self.edge}{media_folder(seen, signature)}/manifest.mpd"

    def media(self, playback_id: str, signature: Signature | None, path: str) -> str:
        """Something else that is published of a playback id."""
        return f"{self.edge}{media_folder(playback_id, signature)}/{path}"

    def storyboard(self, playback_id: str, signature: Signature | None) -> StoryboardLinks:
        """The small pictures for the seek bar; what they name is relative, so the token goes on."""
        folder = f"{self.edge}{media_folder(playback_id, signature)}"
        return StoryboardLinks(f"{folder}/storyboard.vtt", f"{folder}/storyboard.json")

    def thumbnail(self, seen: str, signature: Signature | None) -> str:
        """The picture of a moment, whose milliseconds go in the place of `{ms}`."""
        return self.media(
            seen, signature, f"{FOLDER}/{MOMENT}-w{THUMBNAIL_WIDTH}.{ImageFormat.WEBP}"
        )

    def still_storyboard(self, playback_id: str) -> StoryboardLinks | None:
        """The same outside of a playback; None where it would have to be signed and cannot be."""
        signature = self.signer.sign_picture(playback_id)
        if signature is None and policy_of(playback_id) is PlaybackPolicy.SIGNED:
            return None
        seen = playback_id if signature is None else address(playback_id, PICTURES)
        return self.storyboard(seen, signature)

    def licence(self, playback_id: str, signature: Signature | None) -> str:
        """Where ClearKey licences are given."""
        return f"{self.edge}{media_folder(playback_id, signature)}/license"

    def poster(self, playback_id: str, poster_key: str) -> str | None:
        """The still picture; a new picture has a new URL, so each may be cached for good.

        None where it would have to be signed and cannot be.
        """
        name = poster_key.rpartition("/")[2]
        signature = self.signer.sign_picture(playback_id)
        if signature is None and policy_of(playback_id) is PlaybackPolicy.SIGNED:
            return None
        seen = playback_id if signature is None else address(playback_id, PICTURES)
        return f"{self.edge}{media_folder(seen, signature)}/poster/{name}"
