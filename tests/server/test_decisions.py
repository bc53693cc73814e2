"""The server's pure decisions: which answer, whose request, which URL."""

import msgspec
import pytest

from core.media.playback_id import PlaybackPolicy
from server.accept import preferred
from server.cross_origin import is_forged, origin_of
from server.endpoint import explain
from server.faults import MalformedHost
from server.identifiers import new_id, new_playback_id
from server.repository import contains
from server.views import resume_position_ms
from server.visitor import parse_networks, visitor

JSON, HLS, DASH = "application/json", "application/vnd.apple.mpegurl", "application/dash+xml"


@pytest.mark.parametrize(
    ("field", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (HLS, HLS),
        (HLS.upper(), HLS),
        (f"{HLS}, */*", JSON),
        (f"{HLS}, */*;q=0.9", HLS),
        (f"{HLS};q=0.4, {DASH};q=0.5", DASH),
        (f"{JSON};q=0, {DASH}", DASH),
        (f"{HLS};q=0", JSON),
        (f"{HLS};q=nonsense", HLS),
        (f"{HLS};q=9999999", HLS),
        ("image/png", JSON),
        (",;,;;=,", JSON),
        ("x" * 5000, JSON),
    ],
)
def test_the_type_that_the_client_likes_best_is_chosen(field: str | None, chosen: str) -> None:
    assert preferred(field, (JSON, HLS, DASH)) == chosen


@pytest.mark.parametrize(
    ("method", "fetch_site", "origin", "forged"),
    [
        ("GET", "cross-site", "https://evil.example", False),
        ("POST", None, None, False),
        ("POST", "same-origin", None, False),
        ("POST", "same-origin", "https://behind.a.proxy", False),
        ("POST", "cross-site", "https://ours.example", False),
        ("DELETE", "cross-site", "https://evil.example", True),
        ("POST", "cross-site", None, True),
        ("POST", None, "https://evil.example", True),
        ("POST", None, "null", True),
        ("POST", "nonsense", None, True),
    ],
)
def test_a_request_is_forged_when_a_browser_says_that_another_site_made_it(
    method: str, fetch_site: str | None, origin: str | None, forged: bool
) -> None:
    ours = {"https://ours.example"}
    assert is_forged(method, fetch_site=fetch_site, origin=origin, ours=ours) is forged


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://films.example", "https://films.example"),
        ("https://films.example/a/b", "https://films.example"),
        ("HTTPS://Films.Example:443/", "https://films.example"),
        ("http://films.example:80", "http://films.example"),
        ("http://films.example:443", "http://films.example:443"),
        ("http://[FE80::1]:8080/x", "http://[fe80::1]:8080"),
    ],
)
def test_an_origin_is_scheme_host_and_a_port_that_is_not_the_usual(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("position_ms", "duration_ms", "begins"),
    [
        (None, None, 0),
        (None, 60_000, 0),
        (5_000, None, 5_000),
        (0, 60_000, 0),
        (30_000, 60_000, 30_000),
        (49_999, 60_000, 49_999),
        (50_000, 60_000, 0),
        (60_000, 60_000, 0),
        (90_000, 60_000, 0),
        (6_839_999, 7_200_000, 6_839_999),
        (6_840_000, 7_200_000, 0),
        (3_000, 5_000, 0),
    ],
)
def test_a_playback_begins_where_it_stopped_unless_that_was_the_end(
    position_ms: int | None, duration_ms: int | None, begins: int
) -> None:
    assert resume_position_ms(position_ms, duration_ms) == begins


TRUSTED = parse_networks(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("10.1.2.3", "films.example"),
        ("::1", "films.example"),
        ("::ffff:10.1.2.3", "films.example"),
        ("11.1.2.3", "inside:8080"),
        ("", "inside:8080"),
        (None, "inside:8080"),
        ("no address", "inside:8080"),
        ("fe80::1%eth0", "inside:8080"),
    ],
)
def test_forwarded_fields_count_from_trusted_peers_alone(peer: str | None, host: str) -> None:
    fields = {"Host": "inside:8080", "X-Forwarded-Host": "films.example"}
    found = visitor(peer=peer, scheme="http", headers=fields, trusted=TRUSTED)
    assert found.authority == host


def test_of_several_forwarded_values_the_nearest_proxys_own_counts() -> None:
    fields = {
        "Host": "inside",
        "X-Forwarded-Host": "evil.example, films.example",
        "X-Forwarded-Proto": "ftp, HTTPS",
    }
    found = visitor(peer="10.0.0.1", scheme="http", headers=fields, trusted=TRUSTED)
    assert found.origin == "https://films.example"


def test_a_forwarded_scheme_that_is_none_is_ignored() -> None:
    fields = {"Host": "inside", "X-Forwarded-Proto": "javascript"}
    found = visitor(peer="10.0.0.1", scheme="http", headers=fields, trusted=TRUSTED)
    assert found.origin == "http://inside"


@pytest.mark.parametrize(
    ("authority", "hostname"),
    [("Films.Example:80", "films.example"), ("[::1]:8080", "[::1]"), ("192.0.2.1", "192.0.2.1")],
)
def test_a_host_is_told_from_its_port(authority: str, hostname: str) -> None:
    found = visitor(peer=None, scheme="http", headers={"Host": authority}, trusted=())
    assert found.hostname == hostname


@pytest.mark.parametrize("authority", ["", "a b", "a/b", "a@b", "a:b", "[::1", "a\nb", "a:123456"])
def test_what_names_no_host_is_refused(authority: str) -> None:
    with pytest.raises(MalformedHost):
        visitor(peer=None, scheme="http", headers={"Host": authority}, trusted=())


@pytest.mark.parametrize(
    ("message", "explained"),
    [
        ("Expected `int` >= 0 - at `$[3].position_ms`", ("/3/position_ms", "Expected `int` >= 0")),
        ("Expected `str` - at `$.title`", ("/title", "Expected `str`")),
        ("Expected `str` - at `$.keys[...]`", ("/keys", "Expected `str`")),
        (
            "Expected `str` matching regex '^[^\\x00]*$' - at `$.title`",
            ("/title", "it has characters that are not allowed here"),
        ),
        ("Expected `object`, got `array`", ("", "Expected `object`, got `array`")),
    ],
)
def test_an_objection_is_explained_by_a_pointer(message: str, explained: tuple[str, str]) -> None:
    assert explain(msgspec.ValidationError(message)) == explained


@pytest.mark.parametrize(
    ("q", "pattern"), [(None, None), ("a", "%a%"), ("50%_\\", "%50\\%\\_\\\\%")]
)
def test_a_search_takes_every_character_for_itself(q: str | None, pattern: str | None) -> None:
    assert contains(q) == pattern


def test_ids_are_fit_for_urls_and_do_not_repeat() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 20 and each.isalnum() and each == each.lower() for each in ids)
    assert new_playback_id(PlaybackPolicy.PUBLIC).startswith("p_")
    assert new_playback_id(PlaybackPolicy.SIGNED).startswith("s_")
