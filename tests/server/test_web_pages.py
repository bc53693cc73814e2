import gzip
import os
from pathlib import Path

import pytest

from server.web_routes import security_headers
from server.web_site import WebSite, acceptable_encodings, read_site
from tests.fixtures.server import Api

pytestmark = pytest.mark.postgres

SCRIPT = b"console.log('sluice')" * 100


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A built site, as build.mjs leaves it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Library</title>")
    (folder / "watch.html").write_text("<!doctype html><title>Watch</title>")
    (folder / "assets/library-AB12CD34.js").write_bytes(SCRIPT)
    (folder / "assets/library-AB12CD34.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets/library-AB12CD34.js.br").write_bytes(b"brotli")
    (folder / "assets/LICENSE.txt").write_text("Apache-2.0")
    (folder / "secret.key").write_text("not of the site")
    return folder


@pytest.fixture
async def site(api: Api, dist: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The running server with that site."""
    monkeypatch.setattr(WebSite, "assets", lambda _self: read_site(dist))
    return api


@pytest.mark.parametrize(
    ("path", "title"), [("/", "Library"), ("/watch/abc", "Watch"), ("/watch/%3Cscript%3E", "Watch")]
)
async def test_the_pages_are_served_and_checked_each_time(site: Api, path: str, title: str) -> None:
    answer = await site.get(path)
    assert answer.status == 200
    assert f"<title>{title}</title>".encode() in answer.body
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    # Its policy names the host that the visitor used, so no cache may keep it for others.
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = await site.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_a_page_may_run_our_scripts_and_play_from_the_edge_and_nothing_else(
    site: Api,
) -> None:
    policy = (await site.get("/")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self' http://127.0.0.1:8081;" in policy
    assert "unsafe" not in policy


async def test_an_asset_named_by_its_hash_is_cached_for_good(site: Api) -> None:
    answer = await site.get("/assets/library-AB12CD34.js", headers={"Accept-Encoding": "identity"})
    assert answer.body == SCRIPT
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    other = await site.get("/assets/LICENSE.txt")
    assert other.headers["Cache-Control"] == "no-cache"


async def test_an_asset_is_sent_in_the_best_encoding_that_the_client_takes(site: Api) -> None:
    path = "/assets/library-AB12CD34.js"
    gzipped = await site.get(path, headers={"Accept-Encoding": "gzip"})
    assert (gzipped.headers["Content-Encoding"], gzipped.body) == ("gzip", SCRIPT)
    assert gzipped.headers["Vary"] == "Accept-Encoding"
    plain = await site.get(path, headers={"Accept-Encoding": "br;q=0, gzip; q=0.0"})
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] != gzipped.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret.key",
        "/assets/%2e%2e/secret.key",
        "/assets/nothing.js",
        "/secret.key",
        "/assets/library-AB12CD34.js.gz",
        "/assets//index.html",
    ],
)
async def test_nothing_but_the_site_is_served(site: Api, path: str) -> None:
    assert (await site.get(path)).status == 404


async def test_without_built_pages_the_page_says_how_to_build_them(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebSite, "assets", lambda _self: {})
    for path in ("/", "/watch/abc"):
        answer = await api.get(path)
        assert answer.status == 200
        assert b"./sluice build" in answer.body
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_site_that_is_built_while_we_run_is_served(tmp_path: Path, dist: Path) -> None:
    late = WebSite(tmp_path / "late")
    assert late.assets() == {}
    dist.rename(tmp_path / "late")
    assert "index.html" in late.assets()
    index = tmp_path / "late/index.html"
    index.write_text("<title>New</title>")
    os.utime(index, ns=(1, 1))
    assert late.assets()["index.html"].body == b"<title>New</title>"


@pytest.mark.parametrize(
    ("field", "accepted"),
    [
        ("gzip, br", {"gzip", "br"}),
        ("GZIP;q=1.0", {"gzip"}),
        ("br;q=0, gzip;q=0.001", {"gzip"}),
        ("", {""}),
    ],
)
def test_an_encoding_is_refused_by_a_weight_of_nothing(field: str, accepted: set[str]) -> None:
    assert acceptable_encodings(field) == accepted


def test_the_policy_names_the_edge_wherever_media_come_from() -> None:
    policy = security_headers("https://edge.example/films")["Content-Security-Policy"]
    for kind in ("img-src", "media-src", "connect-src"):
        (rule,) = (each for each in policy.split("; ") if each.startswith(kind))
        assert rule.split()[-1] == "https://edge.example"
