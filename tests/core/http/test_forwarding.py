from ipaddress import ip_network

import pytest

from core.http.fields import Headers, first
from core.http.forwarding import (
    Hop,
    end_to_end,
    fill_request,
    forwarded_request,
    forwarded_response,
    is_trusted,
    refreshed,
    request_id,
    surrogate_keys,
)

STRANGER = Hop("198.51.100.7", "http", trusted=False)
PROXY = Hop("10.0.0.1", "http", trusted=True)


def names(headers: Headers) -> set[str]:
    return {name.lower() for name, _ in headers}


def test_hop_by_hop_fields_and_those_that_connection_names_end_here() -> None:
    headers = (
        ("Connection", "X-One, keep-alive"),
        ("connection", "x-two"),
        ("Keep-Alive", "5"),
        ("Transfer-Encoding", "chunked"),
        ("X-One", "1"),
        ("X-Two", "2"),
        ("X-Three", "3"),
    )
    assert end_to_end(headers) == (("X-Three", "3"),)


def test_a_stranger_does_not_say_for_whom_he_asks() -> None:
    told = (("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https"), ("Forwarded", "for=x"))
    sent = forwarded_request(told, STRANGER, "edge", media=False)
    assert first(sent, "x-forwarded-for") == "198.51.100.7"
    assert first(sent, "x-forwarded-proto") == "http"
    assert "forwarded" not in names(sent)


def test_a_trusted_proxy_does() -> None:
    told = (("X-Forwarded-For", "1.2.3.4, 5.6.7.8"), ("X-Forwarded-Proto", "https"))
    sent = forwarded_request(told, PROXY, "edge", media=False)
    assert first(sent, "x-forwarded-for") == "1.2.3.4, 5.6.7.8, 10.0.0.1"
    assert first(sent, "x-forwarded-proto") == "https"


def test_the_list_of_hops_does_not_grow_for_ever() -> None:
    told = (("X-Forwarded-For", ", ".join(["1.2.3.4"] * 1000)),)
    sent = first(forwarded_request(told, PROXY, "edge", media=False), "x-forwarded-for")
    assert sent is not None
    assert len(sent.split(",")) == 21


def test_via_is_appended() -> None:
    sent = forwarded_request((("Via", "1.0 a"),), STRANGER, "edge", media=False)
    assert first(sent, "via") == "1.0 a, 1.1 edge"


def test_a_fill_is_asked_whole_without_conditions_and_directives_go_with_it_outside_media() -> None:
    asked = tuple(
        (name, "x")
        for name in (
            "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since",
            "If-Unmodified-Since", "Cache-Control", "Pragma", "Host", "X-Forwarded-Host", "Expect",
            "Sluice-Fill-Key", "Accept", "User-Agent",
        )
    )  # fmt: skip
    sent = fill_request(asked, STRANGER, "edge", media=True)
    own = {"x-forwarded-for", "x-forwarded-proto", "via"}
    assert names(sent) == {"accept", "user-agent", *own}
    sent = fill_request(asked, STRANGER, "edge", media=False)
    assert names(sent) == {"accept", "user-agent", "cache-control", "pragma", *own}


def test_media_is_asked_for_without_what_tells_viewers_apart() -> None:
    asked = (("Cookie", "a"), ("Origin", "b"), ("Referer", "c"), ("CMCD-Session", "d"))
    assert names(asked).isdisjoint(names(fill_request(asked, STRANGER, "edge", media=True)))
    assert names(asked) <= names(fill_request(asked, STRANGER, "edge", media=False))


def test_a_response_loses_what_is_ours_to_write() -> None:
    received = (
        ("Age", "5"),
        ("Surrogate-Key", "a"),
        ("CDN-Cache-Control", "max-age=1"),
        ("Cache-Status", "x; hit"),
        ("Content-Length", "5"),
        ("X-Request-Id", "x"),
        ("Access-Control-Allow-Origin", "https://a"),
        ("Timing-Allow-Origin", "https://a"),
        ("ETag", '"a"'),
    )
    assert forwarded_response(received, media=True) == (("ETag", '"a"'),)
    assert names(forwarded_response(received, media=False)) == {
        "access-control-allow-origin",
        "timing-allow-origin",
        "etag",
    }


def test_edges_below_are_told_what_is_for_edges_and_not_what_is_for_us_alone() -> None:
    received = (
        ("Surrogate-Key", "a"),
        ("CDN-Cache-Control", "max-age=1"),
        ("Sluice-Origin-Cache-Control", "max-age=1"),
    )
    assert forwarded_response(received, media=True, tagged=True) == received[:2]
    assert forwarded_response(received, media=True) == ()


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [("10.1.2.3", True), ("192.0.2.1", False), ("::1", True), ("unknown", False), ("", False)],
)
def test_proxies_are_trusted_by_network(peer: str, trusted: bool) -> None:
    assert is_trusted(peer, (ip_network("10.0.0.0/8"), ip_network("::1/128"))) is trusted


def test_a_request_id_is_taken_over_from_a_trusted_proxy_alone() -> None:
    given = (("X-Request-Id", "abcdef0123"),)
    assert request_id(given, PROXY, "fresh") == "abcdef0123"
    assert request_id(given, STRANGER, "fresh") == "fresh"
    assert request_id((("X-Request-Id", "short"),), PROXY, "fresh") == "fresh"
    assert request_id((), PROXY, "fresh") == "fresh"


def test_tags_are_the_words_of_all_lines() -> None:
    headers = (("Surrogate-Key", "video:1  channel:2"), ("surrogate-key", "rend:3"))
    assert surrogate_keys(headers) == {"video:1", "channel:2", "rend:3"}
    assert surrogate_keys(()) == frozenset()


def test_a_304_replaces_fields_but_not_those_of_the_bytes() -> None:
    stored = (("ETag", '"a"'), ("X-A", "1"), ("X-A", "2"), ("Content-Type", "video/mp4"))
    news = (("x-a", "3"), ("Content-Type", "text/plain"), ("Content-Length", "0"), ("TE", "x"))
    assert refreshed(stored, news) == (("ETag", '"a"'), ("Content-Type", "video/mp4"), ("x-a", "3"))
