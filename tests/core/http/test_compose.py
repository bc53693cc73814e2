from core.http.compose import own_fields, representation_fields
from core.http.cors import MEDIA_CORS
from core.http.plan_response import RepresentationFacts, RequestFacts, plan_response

SENT = (
    ("Content-Type", "video/mp4"),
    ("Cache-Control", "max-age=60"),
    ("ETag", '"v1"'),
    ("X-Build", "7"),
)
FILM = RepresentationFacts(100, '"v1"', None, "video/mp4")


def test_a_whole_keeps_every_field_each_once() -> None:
    fields = representation_fields(SENT, plan_response(RequestFacts(), FILM))
    assert sorted(fields) == sorted((*SENT, ("Accept-Ranges", "bytes")))


def test_a_304_keeps_what_a_cache_needs() -> None:
    plan = plan_response(RequestFacts(if_none_match="*"), FILM)
    names = {name for name, _ in representation_fields(SENT, plan)}
    assert names == {"Cache-Control", "ETag", "Accept-Ranges"}


def test_an_error_of_ours_keeps_nothing_of_the_representation() -> None:
    plan = plan_response(RequestFacts(range="bytes=100-"), FILM)
    names = {name for name, _ in representation_fields(SENT, plan)}
    assert names == {"Content-Range", "Accept-Ranges"}


def test_our_own_fields_end_every_answer() -> None:
    fields = own_fields(age_s=5.9, cache_status="edge; hit", request_id="r", media=True)
    own = (("X-Request-Id", "r"), ("Age", "5"), ("Cache-Status", "edge; hit"))
    assert fields == (*own, *MEDIA_CORS)
    bare = own_fields(age_s=None, cache_status=None, request_id="r", media=False)
    assert bare == (("X-Request-Id", "r"),)
