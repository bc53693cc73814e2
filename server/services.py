"""What the endpoints share: built once at start-up, held by the application."""

import time
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from core.http.media_token import KeyRing
from core.protection.master_key import MasterKeys
from runtime.metrics import Metrics
from runtime.redis import RedisDoor
from runtime.scratch import Scratch
from runtime.settings.server import ServerSettings
from runtime.storage import LocalStore
from server.caption_repository import CaptionRepository
from server.cursor import CursorKey
from server.deletions import Deletions
from server.links import Links
from server.protecting import Protector
from server.purges import Purges
from server.repository import Repository
from server.signing import Signer
from server.visitor import Network, Visitor, visitor


@dataclass(frozen=True, slots=True)
class Services:
    """The server's parts."""

    settings: ServerSettings
    repository: Repository
    store: LocalStore
    scratch: Scratch
    cursors: CursorKey
    deletions: Deletions
    purges: Purges
    metrics: Metrics
    trusted: tuple[Network, ...]
    redis: RedisDoor | None
    media_keys: KeyRing
    captions: CaptionRepository
    master_keys: MasterKeys

    def visitor(self, request: web.Request) -> Visitor:
        """How the client of `request` reached us. Raises `MalformedHost`."""
        return visitor(
            peer=request.remote,
            scheme=request.scheme,
            headers=request.headers,
            trusted=self.trusted,
        )

    def signer(self) -> Signer:
        """What signs media paths now."""
        return Signer(self.media_keys, time.time())

    def protector(self) -> Protector:
        """What chooses who may play a video."""
        return Protector(self.signer(), self.master_keys, self.settings.default_policy)

    def links(self, request: web.Request) -> Links:
        """The URLs to hand to the client of `request`."""
        return Links.of(self.settings, self.visitor(request), self.signer())


SERVICES: Final = web.AppKey("services", Services)
