import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest

from benchmarks.load.cores import Cores, choose
from benchmarks.load.signing import KEY, signed_folder
from benchmarks.load.works import WORKS, Work, object_body, request_head


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_work_lies_within_its_object(work: Work) -> None:
    assert len(work.body()) == work.body_bytes
    assert work.body() in object_body(work.object_bytes)


def test_the_range_begins_and_ends_off_every_page() -> None:
    work = next(each for each in WORKS if each.is_range)
    assert work.fields() == {"Range": "bytes=1500001-1565536"}
    assert work.first % 4096
    assert work.status == 206


def test_a_request_is_one_head_with_its_empty_line() -> None:
    head = request_head(WORKS[0], "/media/p_bench", "127.0.0.1:80")
    assert head.startswith("GET /media/p_bench/1024.m4s HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert head.endswith("\r\n\r\n")
    assert head.count("\r\n\r\n") == 1


def test_a_signed_path_carries_the_token_of_its_playback_id() -> None:
    _, media, token, *rest = signed_folder().split("/")
    assert (media, rest[0]) == ("media", "s_bench")
    mac, kid, exp, sid, flags = token.removeprefix("~").split(".")
    text = f"v1\n{kid}\n{exp}\n{sid}\n{flags}\n/s_bench/".encode()
    expected = urlsafe_b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).rstrip(b"=")
    assert mac.encode() == expected


def test_server_and_load_have_a_core_each() -> None:
    assert choose({3, 5}) == Cores(server=3, generator=5, second=5)
    assert choose({0, 1, 2}) == Cores(server=0, generator=1, second=2)
    assert choose({0, 1, 2, 3, 4}) == Cores(0, 1, second=2, second_generator=3)
    with pytest.raises(SystemExit, match="two cores"):
        choose({0})


def test_two_cores_that_answer_are_asked_from_two_where_there_are_so_many() -> None:
    few, many = choose({0, 1, 2}), choose({0, 1, 2, 3})
    assert [few.generators(1), few.generators(2)] == [(1,), (1,)]
    assert [many.generators(1), many.generators(2)] == [(1,), (1, 3)]
