"""The admin port: health, metrics and purging; not for viewers."""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from core.cache.purge_stream import MOST_NAMES, PurgeOrder
from core.errors import InputFault
from edge.config import EdgeConfig
from edge.faults import Draining
from edge.metrics import EdgeMetrics
from edge.purge_desk import PurgeDesk
from edge.snapshot import take_snapshot
from edge.upstream import Upstream
from runtime.health import Health, Note
from runtime.problems import install_problems

LONGEST_PURGE_BYTES: Final = 4 * 2**20
LONGEST_TOKEN: Final = 128
HOT_KEYS: Final = 100
LOOK_S: Final = 5.0
IDENTITY_FIELD: Final = "Idempotency-Key"
SOFT_FIELD: Final = "Fastly-Soft-Purge"


class MalformedPurge(InputFault):
    """The body is no purge: keys, urls, both, or all; only what is named can be purged softly."""

    code: ClassVar[str] = "purge.malformed"


class Unauthorized(InputFault):
    """The admin token is missing or wrong."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "admin.unauthorized"


class PurgeBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /cache/purge`: surrogate keys and URLs, dropped, or only marked stale when soft.

    With `all` everything is dropped.
    """

    keys: list[str] = []
    urls: list[str] = []
    soft: bool = False
    everything: bool = msgspec.field(name="all", default=False)


def read_purge(raw: bytes, token: str) -> PurgeOrder:
    """Read the body of a purge. Raises `MalformedPurge`."""
    try:
        body = msgspec.json.decode(raw, type=PurgeBody)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MalformedPurge(f"the body is no purge: {error}") from error
    count = len(body.keys) + len(body.urls)
    if body.everything and (count or body.soft):
        raise MalformedPurge("a purge of all names nothing, and is never soft")
    if not body.everything and not 0 < count <= MOST_NAMES:
        raise MalformedPurge(f"a purge names 1 to {MOST_NAMES} keys and urls, not {count}")
    if any(len(key.split()) != 1 for key in body.keys):
        raise MalformedPurge("a surrogate key is one word")
    return PurgeOrder(token, tuple(body.keys), tuple(body.urls), body.soft, body.everything)


class Admin:
    """The routes of the admin port."""

    def __init__(
        self,
        config: EdgeConfig,
        desk: PurgeDesk,
        metrics: EdgeMetrics,
        upstream: Upstream,
        notes: Mapping[str, Note] | None = None,
        new_token: Callable[[], str] = lambda: f"purge_{secrets.token_hex(8)}",
    ) -> None:
        self._admin_token = config.admin_token
        self._desk = desk
        self._metrics = metrics
        checks = {"upstream": upstream.check, "serving": self._check_serving}
        self._health = Health(metrics.process, checks, notes=notes)
        self._new_token = new_token
        self._draining = False
        self._name = config.name
        self._began_s = self._checked_s = time.monotonic()
        self._upstream_problem: str | None = None

    def drain(self) -> None:
        """Say from now on that the edge stops."""
        self._draining = True
        self._metrics.hot_keys.close()
        self._metrics.draining.set(1)

    async def _check_serving(self) -> None:
        if self._draining:
            raise Draining("the edge stops: it ends the answers under way, and accepts no more")

    def application(self) -> web.Application:
        """The application to run on the admin port."""
        app = web.Application(client_max_size=LONGEST_PURGE_BYTES)
        install_problems(app)
        app.middlewares.append(self._purge_method)
        app.add_routes(self._health.routes())
        app.router.add_get("/metrics", self._metrics.page.handle)
        app.router.add_get("/top", self._top)
        app.router.add_post("/cache/purge", self._purge)
        return app

    async def _top(self, request: web.Request) -> web.Response:
        """What `sluice edge top` shows; keys name what viewers see, so it takes the token."""
        self._authorize(request)
        hot = self._metrics.hot_keys.top(HOT_KEYS)
        snapshot = take_snapshot(
            self._name,
            self._metrics.page,
            began_s=self._began_s,
            problem=await self._look_upstream(),
            hot=hot,
        )
        return web.Response(body=msgspec.json.encode(snapshot), content_type="application/json")

    async def _look_upstream(self) -> str | None:
        """What is wrong with the upstream, looked at now and then."""
        now_s = time.monotonic()
        if now_s - self._checked_s > LOOK_S or self._checked_s == self._began_s:
            self._checked_s = now_s
            found = {result.name: result.problem for result in await self._health.check()}
            self._upstream_problem = found["upstream"]
        return self._upstream_problem

    async def _purge(self, request: web.Request) -> web.Response:
        self._authorize(request)
        return await self._carry_out(read_purge(await request.read(), self._token(request)))

    @web.middleware
    async def _purge_method(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """`PURGE`, whose target is the URL to purge and not a route of ours."""
        if request.method != "PURGE":
            return await handler(request)
        self._authorize(request)
        soft = request.headers.get(SOFT_FIELD) == "1"
        return await self._carry_out(
            PurgeOrder(self._token(request), urls=(request.raw_path,), soft=soft)
        )

    async def _carry_out(self, order: PurgeOrder) -> web.Response:
        await self._desk.carry_out(order)
        return web.json_response({"purge_id": order.token}, status=202)

    def _token(self, request: web.Request) -> str:
        given = request.headers.get(IDENTITY_FIELD)
        if given is None:
            return self._new_token()
        if not 0 < len(given) <= LONGEST_TOKEN:
            raise MalformedPurge(f"{IDENTITY_FIELD} has {len(given)} characters, not 1 to 128")
        return given

    def _authorize(self, request: web.Request) -> None:
        if self._admin_token is None:
            return
        given = request.headers.get("Authorization", "")
        scheme, _, token = given.partition(" ")  # RFC 9110 §11.4; the scheme in any case
        shown = token.strip(" ").encode("utf-8", "surrogateescape")
        known = hmac.compare_digest(shown, self._admin_token.encode())
        if scheme.lower() != "bearer" or not known:
            raise Unauthorized("this needs the admin token as a bearer token")
