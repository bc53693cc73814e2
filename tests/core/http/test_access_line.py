"""Lines of the access log: JSON whatever was sent, no tokens, and bounded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.access_line import SHORTENED, AccessRecord, access_line

MAC = "A" * 43


def line(**texts: Any) -> dict[str, Any]:
    record = AccessRecord(
        **{
            "time_s": 1_700_000_000.25,
            "client": "192.0.2.1",
            "status": 200,
            "sent_bytes": 1,
            "aborted_bytes": 0,
            "duration_us": 12,
            "result": "hit",
            "reused": True,
            **texts,
        }
    )
    found = access_line(record)
    assert found.isascii()
    assert found.endswith(b"}\n")
    assert found.count(b"\n") == 1
    decoded = json.loads(found)
    assert isinstance(decoded, dict)
    return decoded


def test_a_line_says_when_who_what_and_how() -> None:
    assert line(method="GET", path="/x", request_id="abc") == {
        "time": "2023-11-14T22:13:20.250Z",
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/x",
        "status": 200,
        "sent_bytes": 1,
        "aborted_bytes": 0,
        "duration_us": 12,
        "result": "hit",
        "request_id": "abc",
        "reused": True,
    }


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/media/~{MAC}.k1.4000.s.0/s_1/0.m4s", "/media/~***/s_1/0.m4s"),
        (f"/media/%7E{MAC}.k1.4000.s.0/s_1/0.m4s", "/media/~***/s_1/0.m4s"),
        (f"/media/%7e{MAC}/s_1", "/media/~***/s_1"),
        (f"http://edge/media/~{MAC}.k/s_1?a=/~{MAC}x/y", "http://edge/media/~***/s_1?a=/~***/y"),
        (f"/media/~{MAC}", "/media/~***"),
        (f"/media/~{MAC[1:]}/s_1", f"/media/~{MAC[1:]}/s_1"),
        ("/~user/page", "/~user/page"),
        (f"~{MAC}", f"~{MAC}"),
    ],
)
def test_a_token_is_not_written(path: str, shown: str) -> None:
    assert line(path=path)["path"] == shown
    assert line(referer=path)["referer"] == shown


def test_a_long_path_is_cut_and_marked() -> None:
    assert line(path="/" + "x" * 511)["path"] == "/" + "x" * 511
    assert line(path="/" + "x" * 512)["path"] == "/" + "x" * 511 + SHORTENED


def test_a_token_that_was_cut_is_not_written_either() -> None:
    cut = line(path="/" + "x" * 490 + "/~" + MAC)["path"]
    assert cut == "/" + "x" * 490 + "/~***" + SHORTENED


def test_bytes_that_are_no_ascii_are_a_character_each() -> None:
    assert line(user_agent="é\udcff")["user_agent"] == "\u00c3\u00a9\u00ff"


@given(st.binary(max_size=700))
def test_whatever_is_sent_the_line_is_json(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    line(path=text, user_agent=text, referer=text, method=text, range=text)
