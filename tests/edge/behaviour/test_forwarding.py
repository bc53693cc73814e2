"""What passes through an edge in either direction, and what does not."""

import asyncio

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import CHUNKED, Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}


async def test_the_upstream_sees_its_own_host_and_who_asked(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    await edge.get(FILM, {"User-Agent": "player/1", "X-Forwarded-For": "6.6.6.6"})
    seen = upstream.last(FILM).headers
    assert seen["host"] == f"127.0.0.1:{upstream.port}"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["via"] == "1.1 edge-a"
    assert seen["user-agent"] == "player/1"
    assert seen["x-request-id"]


async def test_what_one_viewer_says_of_himself_is_not_in_a_fill_for_all(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    private = {
        "Cookie": "who=me",
        "Origin": "https://films.example",
        "CMCD-Session": 'sid="x"',
        "Cache-Control": "no-cache",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
        "If-None-Match": '"x"',
    }
    await edge.get(FILM, private | {"Range": "bytes=0-1"})
    assert upstream.requests[0].headers["range"] == "bytes=0-1048575"
    assert not {name.lower() for name in private} & set(upstream.requests[0].headers)


async def test_hop_by_hop_fields_stop_here(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    hops = {"Connection": "x-secret, keep-alive", "X-Secret": "1", "TE": "trailers"}
    upstream.on(FILM, Reply(200, {**FRESH, "Connection": "X-Inner", "X-Inner": "1"}, b"film"))
    answer = await edge.get(FILM, hops)
    assert not {"x-secret", "te"} & set(upstream.last(FILM).headers)
    assert answer.get("X-Inner") is None


async def test_a_trusted_proxy_is_believed(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    from ipaddress import ip_network  # noqa: PLC0415 - one use

    told = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Request-Id": "abcdef012345",
    }
    async with start_edge(upstream.url, trusted_proxies=(ip_network("127.0.0.0/8"),)) as edge:
        answer = await edge.get(FILM, told)
    seen = upstream.last(FILM).headers
    assert seen["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-request-id"] == answer["X-Request-Id"] == "abcdef012345"


async def test_a_stranger_does_not_choose_the_request_id(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    answer = await edge.get(FILM, {"X-Request-Id": "abcdef012345"})
    assert answer["X-Request-Id"] != "abcdef012345"
    assert upstream.last(FILM).headers["x-request-id"] == answer["X-Request-Id"]


async def test_the_fill_key_goes_to_the_upstream_alone(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with start_edge(upstream.url, fill_key="sesame") as edge:
        answer = await edge.get(FILM, {"Sluice-Fill-Key": "guess"})
    assert upstream.last(FILM).headers["sluice-fill-key"] == "sesame"
    assert answer.get("Sluice-Fill-Key") is None


async def test_every_media_answer_may_be_read_by_any_page(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    mine = {**FRESH, "Access-Control-Allow-Origin": "https://one.example"}
    upstream.on(FILM, Reply(200, mine, b"film"))
    for answer in [await edge.get(FILM) for _ in range(2)]:
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert answer["Timing-Allow-Origin"] == "*"
        assert "Cache-Status" in answer["Access-Control-Expose-Headers"]


async def test_elsewhere_cors_is_the_upstreams_business(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    mine = {**FRESH, "Access-Control-Allow-Origin": "https://one.example"}
    upstream.on("/page", Reply(200, mine, b"page"))
    answer = await edge.get("/page")
    assert answer["Access-Control-Allow-Origin"] == "https://one.example"


async def test_cache_status_tells_the_way_through_both_caches(
    start_edge: StartEdge, edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with start_edge(f"http://127.0.0.1:{edge.port}", name="edge b") as second:
        answer = await second.get(FILM)
    shield, last = answer["Cache-Status"].split(", ")
    assert shield.startswith("edge-a; fwd=uri-miss; fwd-status=200")
    assert last.startswith('"edge b"; fwd=uri-miss; fwd-status=200')


async def test_another_method_streams_through_in_both_directions(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on("/upload", Reply(201, {"Location": "/x"}, [b"got ", hold, b"it"], CHUNKED))
    async with edge.connect() as client:
        await client.send("/upload", method="POST", body=b"film" * 50_000)
        head = await client.head()
        assert await client.chunk() == b"got "
        hold.set()
        assert await client.chunk() == b"it"
    assert (head.status, head["Location"]) == (201, "/x")
    assert upstream.last("/upload").body == b"film" * 50_000
    assert "fwd=method" in head["Cache-Status"]


async def test_an_options_goes_no_further_than_it_says(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/page", Reply(204, {"Allow": "GET, PATCH"}))
    whole = await edge.get("*", method="OPTIONS")
    assert (whole.status, whole["Allow"]) == (204, "GET, HEAD, OPTIONS")
    passed = await edge.get("/page", {"Max-Forwards": "3"}, method="OPTIONS")
    assert passed["Allow"] == "GET, PATCH"
    assert upstream.last("/page").headers["max-forwards"] == "2"
    stopped = await edge.get("/page", {"Max-Forwards": "0"}, method="OPTIONS")
    assert (stopped.status, stopped["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert stopped.get("Access-Control-Allow-Origin") is None
    assert upstream.count("/page") == 1


async def test_an_unsafe_method_makes_what_was_stored_untrue(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/page", Reply(200, FRESH, b"one"), Reply(204), Reply(200, FRESH, b"two"))
    await edge.get("/page")
    await edge.get("/page", method="PUT", body=b"two")
    assert (await edge.get("/page")).body == b"two"


async def test_a_redirect_is_the_clients_to_follow(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/old", Reply(302, {"Location": "/new"}))
    answer = await edge.get("/old")
    assert (answer.status, answer["Location"]) == (302, "/new")


async def test_an_encoded_body_passes_as_it_is(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    packed = b"\x1f\x8b not really gzip"
    headers = {**FRESH, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    upstream.on(FILM, Reply(200, headers, packed))
    for answer in [await edge.get(FILM, {"Accept-Encoding": "gzip"}) for _ in range(2)]:
        assert (answer.body, answer["Content-Encoding"]) == (packed, "gzip")
    assert upstream.last(FILM).headers["accept-encoding"] == "gzip"


async def test_connections_to_the_upstream_are_reused(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    for number in range(10):
        upstream.on(f"/media/{number}", Reply(200, FRESH, b"film"))
        await edge.get(f"/media/{number}")
    assert upstream.connections == 1
