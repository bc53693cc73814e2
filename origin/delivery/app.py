"""The delivery application: everything under `/media/`, and the pages an operator looks at."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from core.errors import InputFault
from core.http.cors import PREFLIGHT
from origin.delivery.presenter import MASTER, MPD, NoSuchMedia, Presenter
from origin.delivery.representation import Representation
from origin.delivery.responder import Responder, media_fields
from runtime.health import Health
from runtime.metrics import Metrics
from runtime.problems import install_problems

MEDIA: Final = "/media/"
FILL_KEY_FIELD: Final = "Sluice-Fill-Key"

Find = Callable[[web.Request], Awaitable[Representation]]


class WrongFillKey(InputFault):
    """Whoever asks has not shown the key that edges share with this origin."""

    status = 403
    code = "origin.fill_key"


class Delivery:
    """The routes and what stands behind them."""

    def __init__(
        self, presenter: Presenter, responder: Responder, metrics: Metrics, fill_key: str | None
    ) -> None:
        self._presenter = presenter
        self._responder = responder
        self._fill_key = fill_key.encode() if fill_key is not None else None
        self._answers = metrics.counter_family(
            "sluice_origin_answers_total", "Answers under /media/, by status.", ("status",)
        )
        self._bytes = metrics.counter(
            "sluice_origin_body_bytes_total", "Bytes of bodies announced under /media/."
        )

    def application(self, health: Health, metrics: Metrics) -> web.Application:
        """Give the application."""
        app = web.Application()
        install_problems(app)
        app.middlewares.append(self._check_fill_key)
        app.middlewares.append(_hide_from_viewers)
        app.on_response_prepare.append(self._finish)
        app.add_routes(health.routes())
        app.router.add_get("/metrics", metrics.handle)
        app.router.add_get(
            MEDIA + "{playback_id}/{name:master\\.m3u8|manifest\\.mpd}", self._manifest
        )
        app.router.add_get(MEDIA + "{playback_id}/poster.jpg", self._poster)
        app.router.add_get(MEDIA + "{playback_id}/poster/{poster}.jpg", self._poster)
        app.router.add_get(
            MEDIA + "{playback_id}/{kind:[va]}/{name}/{build_hash}/{file}", self._track_file
        )
        app.router.add_get(MEDIA + "{path:.*}", _nothing)
        app.router.add_route("OPTIONS", MEDIA + "{path:.*}", _preflight)
        return app

    async def _manifest(self, request: web.Request) -> web.StreamResponse:
        at = request.match_info
        assert at["name"] in {MASTER, MPD}  # by its route
        found = await self._presenter.manifest(at["playback_id"], at["name"])
        return await self._responder.answer(request, found)

    async def _poster(self, request: web.Request) -> web.StreamResponse:
        at = request.match_info
        found = await self._presenter.poster(at["playback_id"], at.get("poster"))
        return await self._responder.answer(request, found)

    async def _track_file(self, request: web.Request) -> web.StreamResponse:
        at = request.match_info
        found = await self._presenter.track_file(
            at["playback_id"], at["kind"], at["name"], at["build_hash"], at["file"]
        )
        return await self._responder.answer(request, found)

    async def _finish(self, request: web.Request, response: web.StreamResponse) -> None:
        if not request.path.startswith(MEDIA):
            return
        media_fields(response)
        self._answers(str(response.status)).inc()
        self._bytes.inc(response.content_length or 0)

    @web.middleware
    async def _check_fill_key(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._fill_key is not None and request.path.startswith(MEDIA):
            shown = request.headers.get(FILL_KEY_FIELD, "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(shown, self._fill_key):
                raise WrongFillKey(f"the header {FILL_KEY_FIELD} is missing or wrong")
        return await handler(request)


@web.middleware
async def _hide_from_viewers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an edge for media alone: it passes on whatever its viewers ask.

    A request that came through one carries `Via` (RFC 9110 §7.6.3).
    """
    if "Via" in request.headers and not request.path.startswith(MEDIA):
        raise NoSuchMedia(f"nothing for viewers is at {request.path!r}")
    return await handler(request)


async def _nothing(request: web.Request) -> web.Response:
    raise NoSuchMedia(f"nothing is ever published at {request.path!r}")


async def _preflight(_request: web.Request) -> web.Response:
    return web.Response(status=204, headers=dict(PREFLIGHT))
