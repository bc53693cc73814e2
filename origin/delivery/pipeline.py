"""The segment pipeline: what answers a miss at the origin.

It knows requests and answers, and nothing of connections: whatever serves the origin's port asks it
as it would ask an upstream.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Final
from urllib.parse import unquote

import msgspec

from core.errors import Fault, InputFault, UpstreamFault
from core.http.fields import list_members
from core.http.target import MEDIA_PREFIX
from core.manifest.joined_images import JOINED_BOARDS
from core.manifest.urls import MEDIA_PLAYLIST
from origin.delivery.answer import Answer, Asked, explain, needs_body, page, present
from origin.delivery.builds import OpenBuilds
from origin.delivery.key_desk import KeyDesk
from origin.delivery.lru import LruCache
from origin.delivery.presenter import BOARDS, LINES, MANIFESTS, NoSuchMedia, Presenter
from origin.delivery.reading import FileReader
from origin.delivery.representation import Representation
from origin.delivery.text import CHAPTERS
from origin.delivery.titles import Titles
from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import CONTENT_TYPE, Metrics

# Larger ones are kept from the second time on that they are asked for within so many others.
SMALL_BYTES: Final = 256 * 1024
MOST_REMEMBERED: Final = 20_000
SAFE: Final = frozenset({"GET", "HEAD"})
JPEG: Final = ".jpg"

log = get_logger(__name__)


class MethodRefused(InputFault):
    """What is published is read, never written."""

    status: ClassVar[int] = 405
    code: ClassVar[str] = "method.not_allowed"


class NotReady(UpstreamFault):
    """Something that delivery needs is away."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "origin.not_ready"


class Pipeline:
    """Answers requests for published media, and for the pages that an operator looks at."""

    def __init__(
        self,
        titles: Titles,
        builds: OpenBuilds,
        presenter: Presenter,
        reader: FileReader,
        health: Health,
        metrics: Metrics,
        *,
        keys: KeyDesk,
    ) -> None:
        self._titles = titles
        self._builds = builds
        self._presenter = presenter
        self._reader = reader
        self._health = health
        self._metrics = metrics
        self._keys = keys
        self._asked_for: LruCache[str, bool] = LruCache(MOST_REMEMBERED)
        self._answers = metrics.counter_family(
            "sluice_origin_answers_total",
            "Answers under /media/ that the pipeline made, by status.",
            ("status",),
        )
        metrics.watch(
            "sluice_origin_listening",
            "1 while changes are announced to us, 0 while Postgres cannot be heard.",
            lambda: titles.listening,
        )
        self._bytes = metrics.counter(
            "sluice_origin_body_bytes_total", "Bytes of bodies that the pipeline announced."
        )

    async def open(self) -> None:
        """Get ready: nothing is opened before it is asked for."""

    async def close(self) -> None:
        """Let go of what is open."""
        await self._presenter.close()
        await self._builds.close()
        await self._titles.close()

    async def check(self) -> None:
        """Raise the fault of what is missing at the moment."""
        for result in await self._health.check():
            if result.problem is not None:
                raise NotReady(f"{result.name}: {result.problem}")

    @asynccontextmanager
    async def send(
        self, asked: Asked, body: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[Answer]:
        """Give the answer; whatever goes wrong before its first byte is one, too."""
        try:
            answer = await self._answer(asked, body)
        except Fault as fault:
            if fault.status >= 500:
                _report(fault, asked)
            answer = explain(asked, fault)
        if asked.target.startswith(MEDIA_PREFIX):
            self._answers(str(answer.status)).inc()
            self._bytes.inc(answer.length or 0)
        yield answer

    async def _answer(self, asked: Asked, body: AsyncIterator[bytes] | None) -> Answer:
        path = asked.target.partition("?")[0]
        match path.split("/"):
            case ["", "media", playback_id, "license"] if asked.method == "POST":
                return await self._keys.licence(asked, playback_id, body)
            case ["", "media", playback_id, "key", name] if asked.method in SAFE:
                return await self._keys.key(asked, playback_id, name)
        if asked.method not in SAFE:
            raise MethodRefused(f"{asked.method} is not possible here; GET and HEAD are")
        if not path.startswith(MEDIA_PREFIX):
            return await self._page(asked, path)
        found = await self._find(path.removeprefix(MEDIA_PREFIX))
        if needs_body(asked, found):
            found = await found.made()
        return present(
            asked,
            found,
            self._reader,
            listening=self._titles.listening,
            keep=asked.method != "GET" or self._is_wanted(asked.target, found),
        )

    def _is_wanted(self, target: str, found: Representation) -> bool:
        """Whether this is small, or was asked for before.

        Behind a single edge most segments are asked for once, and are cheaper to send than to keep.
        """
        if found.length <= SMALL_BYTES or self._asked_for.get(target):
            return True
        self._asked_for.put(target, True, 1)
        return False

    async def _find(self, path: str) -> Representation:
        match [unquote(part) for part in path.split("/")]:
            case [playback_id, str(name)] if name in MANIFESTS:
                return await self._presenter.manifest(playback_id, name)
            case [playback_id, ("poster.jpg" | "poster" | "thumb" | "sb") as kind, *rest]:
                return await self._find_picture(playback_id, kind, rest)
            case [playback_id, "t", name, file]:
                return await self._presenter.text_line(playback_id, name, file)
            case [playback_id, "t", name, build_hash, file]:
                return await self._presenter.text_file(playback_id, name, build_hash, file)
            case [playback_id, str(name)] if name in {*BOARDS, *CHAPTERS}:
                shown = self._presenter
                give = shown.chapters if name in CHAPTERS else shown.storyboard
                return await give(playback_id, name)
            case [playback_id, ("v" | "a") as kind, name, *rest]:
                return await self._find_track(playback_id, kind, name, rest)
            case _:
                raise NoSuchMedia(f"nothing is ever published at {MEDIA_PREFIX + path!r}")

    async def _find_picture(
        self, playback_id: str, kind: str, rest: Sequence[str]
    ) -> Representation:
        match kind, *rest:
            case ["poster.jpg"]:
                return await self._presenter.poster(playback_id, None)
            case ["poster", name] if name.endswith(JPEG):
                return await self._presenter.poster(playback_id, name.removesuffix(JPEG))
            case ["thumb", name]:
                return await self._presenter.thumbnail(playback_id, name)
            case ["sb", name] if name in JOINED_BOARDS:
                return await self._presenter.joined_boards(playback_id, name)
            case ["sb", name, *file]:
                return await self._presenter.storyboard_file(playback_id, name, "/".join(file))
            case _:
                raise NoSuchMedia(f"{playback_id!r} has no {kind}/{'/'.join(rest)}")

    async def _find_track(
        self, playback_id: str, kind: str, name: str, rest: Sequence[str]
    ) -> Representation:
        match rest:
            case [file] if file == MEDIA_PLAYLIST or (kind == "v" and file in LINES):
                return await self._presenter.line(playback_id, kind, name, file)
            case [build_hash, file]:
                return await self._presenter.track_file(playback_id, kind, name, build_hash, file)
            case [build_hash, "iframe", file] if kind == "v":
                return await self._presenter.iframe(playback_id, kind, name, build_hash, file)
            case _:
                raise NoSuchMedia(f"{kind}/{name} of {playback_id!r} has no {'/'.join(rest)!r}")

    async def _page(self, asked: Asked, path: str) -> Answer:
        """One of the pages for operators, unless an edge asks: it passes on what viewers ask.

        A request that came through one carries its name in `Via` before that of the server in
        front of us (RFC 9110 §7.6.3).
        """
        if len(list_members(asked.fields, "via")) > 1:
            raise NoSuchMedia(f"nothing for viewers is at {path!r}")
        match path:
            case "/metrics":
                return page(asked, 200, self._metrics.render(), kind=CONTENT_TYPE)
            case "/healthz":
                status, document = self._health.healthz()
            case "/readyz":
                status, document = await self._health.readyz()
            case _:
                raise NoSuchMedia(f"there is nothing at {path!r}")
        text = msgspec.json.encode(document)
        return page(asked, status, text, kind="application/json; charset=utf-8")


def _report(fault: Fault, asked: Asked) -> None:
    log.warning(
        "request.failed",
        code=fault.code,
        reason=fault.message,
        cause=repr(fault.__cause__) if fault.__cause__ else None,
        method=asked.method,
        target=asked.target,
        request_id=asked.request_id,
    )
