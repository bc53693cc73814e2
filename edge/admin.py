"""The admin port: health, metrics and purging; not for viewers."""

import hmac
import secrets
from collections.abc import Callable
from typing import ClassVar, Final

import msgspec
from aiohttp import web

from core.cache.purging import Purge
from core.errors import InputFault
from core.http.cache_key import resource_of_url
from edge.config import EdgeConfig
from edge.fill import Filler
from edge.metrics import EdgeMetrics
from edge.upstream import Upstream
from runtime.health import Health
from runtime.problems import install_problems

LONGEST_PURGE_BYTES: Final = 4 * 2**20
MOST_NAMES: Final = 10_000


class MalformedPurge(InputFault):
    """The body is no purge: keys, urls, or both."""

    code: ClassVar[str] = "purge.malformed"


class Unauthorized(InputFault):
    """The admin token is missing or wrong."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "admin.unauthorized"


class PurgeBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /cache/purge`: surrogate keys and URLs, dropped, or only marked stale when soft."""

    keys: list[str] = []
    urls: list[str] = []
    soft: bool = False


def read_purge(raw: bytes) -> Purge:
    """Read the body of a purge. Raises `MalformedPurge` and `RefusedTarget`."""
    try:
        body = msgspec.json.decode(raw, type=PurgeBody)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MalformedPurge(f"the body is no purge: {error}") from error
    count = len(body.keys) + len(body.urls)
    if not 0 < count <= MOST_NAMES:
        raise MalformedPurge(f"a purge names 1 to {MOST_NAMES} keys and urls, not {count}")
    if any(len(key.split()) != 1 for key in body.keys):
        raise MalformedPurge("a surrogate key is one word")
    return Purge(frozenset(body.keys), frozenset(map(resource_of_url, body.urls)), body.soft)


class Admin:
    """The routes of the admin port."""

    def __init__(
        self,
        config: EdgeConfig,
        filler: Filler,
        metrics: EdgeMetrics,
        upstream: Upstream,
        purge_id: Callable[[], str] = lambda: f"purge_{secrets.token_hex(8)}",
    ) -> None:
        self._token = config.admin_token
        self._filler = filler
        self._metrics = metrics
        self._health = Health("edge", {"upstream": upstream.check})
        self._purge_id = purge_id

    def application(self) -> web.Application:
        """The application to run on the admin port."""
        app = web.Application(client_max_size=LONGEST_PURGE_BYTES)
        install_problems(app)
        app.add_routes(self._health.routes())
        app.router.add_get("/metrics", self._metrics.page.handle)
        app.router.add_post("/cache/purge", self._purge)
        return app

    async def _purge(self, request: web.Request) -> web.Response:
        self._authorize(request)
        purge = read_purge(await request.read())
        self._filler.purge(purge)
        self._metrics.purges.inc()
        return web.json_response({"purge_id": self._purge_id()}, status=202)

    def _authorize(self, request: web.Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise Unauthorized("purging needs the admin token as a bearer token")
