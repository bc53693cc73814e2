import pytest

from core.http.cache_status import Forward, Handling, append_handling, write_handling

# after the examples of RFC 9211 §3
CASES = [
    (Handling(ttl_s=376), "edge; hit; ttl=376"),
    (Handling(ttl_s=-7), "edge; hit; ttl=-7"),
    (Handling(Forward.URI_MISS, 200), "edge; fwd=uri-miss; fwd-status=200"),
    (
        Handling(Forward.STALE, 304, 60, stored=True, collapsed=True),
        "edge; fwd=stale; fwd-status=304; ttl=60; stored; collapsed",
    ),
    (
        Handling(Forward.URI_MISS, detail="upstream.timeout"),
        "edge; fwd=uri-miss; detail=upstream.timeout",
    ),
    (Handling(detail='say "no"\\'), 'edge; hit; detail="say \\"no\\"\\\\"'),
    (Handling(detail="é\r\n"), 'edge; hit; detail="???"'),
]


@pytest.mark.parametrize(("handling", "member"), CASES)
def test_a_handling_is_a_list_member(handling: Handling, member: str) -> None:
    assert write_handling("edge", handling) == member


def test_a_name_that_is_no_token_is_quoted() -> None:
    assert write_handling("edge fra", Handling()) == '"edge fra"; hit'
    assert write_handling("1st", Handling()) == '"1st"; hit'


def test_the_cache_nearest_the_viewer_stands_last() -> None:
    assert append_handling("shield; hit", "edge", Handling()) == "shield; hit, edge; hit"
    assert append_handling(None, "edge", Handling()) == "edge; hit"
