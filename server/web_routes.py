"""The library page at `/`, the watch page at `/watch/{id}`, and what they load."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from core.http.conditional import Evaluation, Preconditions, Validators, evaluate
from runtime.problems import RouteUnknown
from server.services import SERVICES
from server.web_site import Asset, WebSite, etag

SITE: Final = web.AppKey("web_site", WebSite)

_UNBUILT: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sluice</title>
<h1>Sluice is running</h1>
<p>The web pages have not been built on this machine. Run <code>./sluice build</code> and
reload.</p>
<p>The API works without them; <a href="/openapi.json">/openapi.json</a> describes it.</p>
</html>
"""


def web_routes() -> list[web.RouteDef]:
    """The routes of the site."""
    return [
        web.get("/", show_library),
        web.get("/watch/{video_id}", show_player),
        web.get("/assets/{name:.+}", send_asset),
    ]


async def show_library(request: web.Request) -> web.StreamResponse:
    """The page with all videos."""
    return _page(request, "index.html")


async def show_player(request: web.Request) -> web.StreamResponse:
    """The page that plays one; it asks the API which."""
    return _page(request, "watch.html")


async def send_asset(request: web.Request) -> web.StreamResponse:
    """A script, style sheet or picture."""
    name = f"assets/{request.match_info['name']}"
    asset = request.app[SITE].assets().get(name)
    if asset is None:
        raise RouteUnknown(f"there is nothing at {request.path!r}")
    return _respond(request, asset, {"X-Content-Type-Options": "nosniff"})


def security_headers(edge: str) -> dict[str, str]:
    """What a page may do: run our scripts, and play media from `edge`.

    hls.js hands media to the player through blob: URLs and may run its worker from one. Of the
    edge's URL its origin is named: a path in a policy would have to match exactly (CSP 3 §6.7.2).
    """
    parts = urlsplit(edge)
    media = f"{parts.scheme}://{parts.netloc}"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": f"'self' data: blob: {media}",
        "media-src": f"'self' data: blob: {media}",  # data: for the empty text tracks of hls.js
        "connect-src": f"'self' {media}",
        "worker-src": "'self' blob:",
        "manifest-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _page(request: web.Request, name: str) -> web.StreamResponse:
    links = request.app[SERVICES].links(request)
    unbuilt = Asset(_UNBUILT, "text/html; charset=utf-8", "no-store")
    asset = request.app[SITE].assets().get(name, unbuilt)
    # The policy follows the Host of this request: no shared cache may keep it for others.
    caching = {"Cache-Control": f"private, {asset.cache_control}"}
    return _respond(request, asset, security_headers(links.edge) | caching)


def _respond(request: web.Request, asset: Asset, headers: Mapping[str, str]) -> web.StreamResponse:
    encoding, body = asset.choose(request.headers.get("Accept-Encoding", ""))
    fields = {
        "Cache-Control": asset.cache_control,
        **headers,
        "Content-Type": asset.content_type,
        "ETag": etag(body),
    }
    if asset.encoded:
        fields["Vary"] = "Accept-Encoding"
    conditions = Preconditions(if_none_match=request.headers.get("If-None-Match"))
    if evaluate("GET", conditions, Validators(fields["ETag"])) is Evaluation.NOT_MODIFIED:
        del fields["Content-Type"]
        return web.Response(status=304, headers=fields)
    if encoding is not None:
        fields["Content-Encoding"] = encoding
    return web.Response(body=body, headers=fields)
