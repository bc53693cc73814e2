from dataclasses import replace

import pytest

from core.cache.stored import Arrival, confirmed, confirms, stored_head, validation_fields
from core.http.dates import format_http_date
from core.http.fields import first

NOW_S = 784111777.0
ARRIVAL = Arrival(NOW_S - 1, NOW_S)
RECEIVED = (
    ("Cache-Control", "max-age=60, stale-while-revalidate=30"),
    ("Age", "10"),
    ("ETag", '"v1"'),
    ("Last-Modified", "Sun, 06 Nov 1994 08:49:00 GMT"),
    ("Surrogate-Key", "video:1"),
    ("Vary", "Accept-Language, Origin"),
    ("Connection", "close"),
)
HEAD = stored_head(200, RECEIVED, ARRIVAL, media=True)


def test_age_and_ttl_go_on_from_the_age_on_arrival() -> None:
    assert HEAD.age_s(NOW_S) == 11
    assert HEAD.age_s(NOW_S + 9.5) == 20.5
    assert HEAD.ttl_s(NOW_S + 9) == 40
    assert HEAD.ttl_s(NOW_S + 59) == -10


def test_a_clock_that_is_set_back_makes_nothing_younger_than_on_arrival() -> None:
    assert HEAD.age_s(NOW_S - 1000) == 11


def test_a_soft_purge_makes_it_stale_from_that_moment_on() -> None:
    purged = replace(HEAD, purged_s=NOW_S + 2)
    assert purged.judged_age_s(NOW_S + 2) == 60
    assert purged.judged_age_s(NOW_S + 12) == 70
    assert purged.age_s(NOW_S + 2) == 13


def test_a_soft_purge_makes_nothing_younger() -> None:
    assert replace(HEAD, purged_s=NOW_S + 200).judged_age_s(NOW_S + 201) == 212


def test_it_has_a_date_even_when_the_upstream_sent_none() -> None:
    assert first(HEAD.sent, "date") == format_http_date(int(NOW_S))


def test_it_varies_by_nothing_that_the_upstream_cannot_see() -> None:
    assert HEAD.names == ("accept-language",)
    elsewhere = stored_head(200, RECEIVED, ARRIVAL, media=False)
    assert elsewhere.names == ("accept-language", "origin")


def test_it_is_checked_by_tag_and_date() -> None:
    assert dict(validation_fields(HEAD)) == {
        "If-None-Match": '"v1"',
        "If-Modified-Since": "Sun, 06 Nov 1994 08:49:00 GMT",
    }


@pytest.mark.parametrize(
    ("validation", "speaks_of_it"),
    [((), True), ((("ETag", '"v1"'),), True), ((("ETag", 'W/"v1"'),), True),
     ((("ETag", '"v2"'),), False)],
)  # fmt: skip
def test_a_304_with_another_tag_speaks_of_something_else(
    validation: tuple[tuple[str, str], ...], speaks_of_it: bool
) -> None:
    assert confirms(validation, HEAD) is speaks_of_it


def test_a_304_renews_fields_and_age() -> None:
    later = Arrival(NOW_S + 100, NOW_S + 101)
    news = (("Cache-Control", "max-age=5"), ("X-New", "1"))
    head = confirmed(replace(HEAD, purged_s=NOW_S), news, later)
    assert head.allowed.fresh_s == 5
    assert head.age_s(NOW_S + 101) == 1
    assert head.purged_s is None
    assert first(head.sent, "x-new") == "1"
    assert head.tags == {"video:1"}
    assert head.etag() == '"v1"'
