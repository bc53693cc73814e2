"""Which spellings of a path are refused, and which mean the same."""

import pytest

from tests.fixtures.edge import RunningEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}

REFUSED = [
    "/media/p_1/../p_2/0.m4s",
    "/media/./p_1/0.m4s",
    "/media/p_1/..",
    "/media//p_1/0.m4s",
    "/media/p_1%2F0.m4s",
    "/media/p_1%2f0.m4s",
    "/media/p_1/%2e%2e/0.m4s",
    "/media/p_1/0%2Em4s",
    "/media/p_1%5C0.m4s",
    "/media/p_1\\0.m4s",
    "/media/p_1%00",
    "/media/p_1%zz",
    "/media/p_1%",
    "/%6dedia/../media/p_1",
    "//media/p_1/0.m4s",
    "/x/../media/p_1/0.m4s",
    "/x/%2e%2e/media/p_1/0.m4s",
    "/media%2Fp_1/0.m4s",
]


@pytest.mark.parametrize("target", REFUSED)
async def test_ambiguous_spellings_are_refused_before_anything_else(
    edge: RunningEdge, upstream: ScriptedUpstream, target: str
) -> None:
    for method in ("GET", "POST"):
        answer = await edge.get(target, method=method)
        assert answer.status == 400
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert upstream.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "/media/p_1/0.m4s?b=2&a=1",
        "/media/p_1/0.m4s?a=1&b=2",
        "/media/p_1/0.m4s?a=1&CMCD=bl%3D2100%2Csid%3D%22x%22&b=2",
        "/media/p_1/0.m4s?CMCD=br%3D100&b=2&a=1&CMCD=x",
        "/media/p%5F1/0.m4s?a=1&b=2",
        "/%6Dedia/p_1/0.m4s?a=1&b=2",
        "http://edge.test/media/p_1/0.m4s?a=1&b=2",
    ],
)
async def test_equal_resources_share_one_object(
    edge: RunningEdge, upstream: ScriptedUpstream, target: str
) -> None:
    upstream.on(f"{FILM}?a=1&b=2", Reply(200, FRESH, b"film"))
    await edge.get(f"{FILM}?a=1&b=2")
    answer = await edge.get(target)
    assert (answer.body, upstream.count(f"{FILM}?a=1&b=2")) == (b"film", 1)
    assert "hit" in answer["Cache-Status"]


async def test_arguments_of_one_name_keep_their_order(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    await edge.get(f"{FILM}?b=2&a=2&a=1")
    assert upstream.requests[-1].target == f"{FILM}?a=2&a=1&b=2"


@pytest.mark.parametrize("target", ["/elsewhere/%2e?b=2&a=1&CMCD=x", "/a//b/%70", "/", "/media"])
async def test_elsewhere_a_target_goes_on_as_it_came(
    edge: RunningEdge, upstream: ScriptedUpstream, target: str
) -> None:
    upstream.on(target, Reply(200, FRESH, b"page"))
    assert (await edge.get(target)).body == b"page"
    assert upstream.requests[-1].target == target


async def test_other_methods_on_media_are_refused_with_the_list_of_those_allowed(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "PURGE"):
        answer = await edge.get(FILM, method=method)
        assert (answer.status, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert upstream.requests == []


async def test_a_preflight_is_answered_by_the_edge(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    answer = await edge.get(FILM, method="OPTIONS")
    assert answer.status == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "GET" in answer["Access-Control-Allow-Methods"]
    assert "CMCD-Session" in answer["Access-Control-Allow-Headers"]
    assert "Range" in answer["Access-Control-Allow-Headers"]
    assert answer["Access-Control-Max-Age"] == "86400"
    assert upstream.requests == []
