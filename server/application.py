"""The server's aiohttp application: routes and what surrounds them."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from runtime.health import Check, Health
from runtime.metrics import Metrics
from runtime.postgres import Pool, check
from runtime.problems import install_problems
from runtime.redis import RedisDoor
from runtime.storage import LocalStore, ensure_folder
from server import cache, captions, chapters, history, playback, videos
from server.cross_origin import SAFE_METHODS, is_forged, origin_of
from server.endpoint import JSON, Endpoint
from server.faults import CrossOriginRefused
from server.openapi import openapi_document
from server.services import SERVICES, Services
from server.web_routes import SITE, web_routes
from server.web_site import WebSite, etag

JSON_LIMIT_BYTES: Final = 2**20

ENDPOINTS: Final[Sequence[Endpoint]] = (
    videos.list_videos,
    videos.create_video,
    videos.create_clip,
    videos.get_video,
    videos.change_video,
    videos.delete_video,
    captions.list_captions,
    captions.add_caption,
    captions.delete_caption,
    chapters.set_chapters,
    playback.play_video,
    history.report_history,
    history.list_history,
    history.forget_history,
    cache.purge_cache,
)


def build_application(services: Services, pool: Pool, site: WebSite) -> web.Application:
    """The application, ready to be served."""
    app = web.Application(client_max_size=JSON_LIMIT_BYTES)
    app[SERVICES] = services
    app[SITE] = site
    app.middlewares.append(_measured(services.metrics))
    install_problems(app)
    app.middlewares.append(_refuse_forged)
    for each in ENDPOINTS:
        app.router.add_route(each.method, each.path, each.respond, expect_handler=each.expect)
        if each.method == "GET":
            app.router.add_route("HEAD", each.path, each.respond)
    app.router.add_get("/openapi.json", _described(ENDPOINTS))
    app.router.add_get("/metrics", services.metrics.handle)
    app.router.add_routes(health_of(pool, services.store, services.redis).routes())
    app.router.add_routes(web_routes())
    return app


def health_of(pool: Pool, store: LocalStore, redis: RedisDoor | None) -> Health:
    """What the server needs: its database, a store that can be written, and Redis where set."""

    async def writable() -> None:
        await asyncio.to_thread(ensure_folder, store.root)

    checks: dict[str, Check] = {"postgres": lambda: check(pool), "store": writable}
    if redis is not None:
        checks["redis"] = redis.ping
    return Health("server", checks)


def _described(endpoints: Sequence[Endpoint]) -> Handler:
    body = msgspec.json.encode(openapi_document(endpoints))
    # Anyone may know what the API looks like: it is the same on every machine.
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "no-cache",
        "Content-Type": JSON,
        "ETag": etag(body),
    }

    async def show_openapi(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    return show_openapi


def _measured(metrics: Metrics) -> Middleware:
    requests = metrics.counter_family(
        "sluice_api_requests_total", "Requests answered.", ("route", "method", "status")
    )
    seconds = metrics.histogram_family(
        "sluice_api_request_seconds", "From the head of a request to its answer.", ("route",)
    )

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        started_s = time.perf_counter()
        response = await handler(request)
        taken_s = time.perf_counter() - started_s
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "none"
        method = request.method if request.method in _KNOWN_METHODS else "other"
        requests(route, method, str(response.status)).inc()
        seconds(route).observe(taken_s)
        if not response.prepared:
            response.headers["Server-Timing"] = f"app;dur={taken_s * 1000:.1f}"
        return response

    return measure


_KNOWN_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


@web.middleware
async def _refuse_forged(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method in SAFE_METHODS:  # also those of a probe, which may name no host
        return await handler(request)
    services = request.app[SERVICES]
    urls = (services.visitor(request).origin, services.settings.public_url)
    forged = is_forged(
        request.method,
        fetch_site=request.headers.get("Sec-Fetch-Site"),
        origin=request.headers.get("Origin"),
        ours={origin_of(each) for each in urls if each is not None},
    )
    if forged:
        origin = request.headers.get("Origin", "another site")
        raise CrossOriginRefused(f"a page of {origin} may not change anything here")
    return await handler(request)
