"""What the data plane decides about HTTP, against `core.http`, which defines it."""

import hashlib
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.http.byterange import Outcome, resolve
from core.http.conditional import Preconditions, Validators, evaluate, if_range_holds
from core.http.dates import format_http_date, parse_http_date
from core.http.media_token import (
    KeyRing,
    MediaKey,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenRefused,
    TokenUnknownKey,
    sign,
    split,
    verify,
)
from core.http.target import RefusedTarget, read_target
from native import _http

numbers = st.integers(0, 30).map(str) | st.sampled_from(["", "00", "9" * 19, "9" * 20, "007"])
specs = st.builds("{}-{}".format, numbers, numbers) | st.sampled_from(["", "-", "a", "1", "1-2-3"])
fields = st.builds(
    "{}{}{}".format,
    st.sampled_from(["bytes=", "Bytes =", "bytes\t= ", "bytes", "bits=", "bytes=,"]),
    st.lists(specs, max_size=19).map(",".join),
    st.sampled_from(["", " ", ",", ", ,", "\t"]),
) | st.text("bytes=-,0123456789 ", max_size=30)


@settings(max_examples=600)
@given(fields, st.integers(0, 40) | st.integers(2**62, 2**63))
@example("bytes=99999999999999999999-99999999999999999998", 10)
@example("bytes=18446744073709551615-", 2**63)
def test_ranges_select_what_the_core_says(field: str, length: int) -> None:
    expected = resolve(field, length)
    found = _http.select_range(field.encode("ascii"), length)
    match expected:
        case Outcome.WHOLE:
            assert found is None
        case Outcome.UNSATISFIABLE:
            assert found == ()
        case _:
            assert found == tuple((span.start, span.stop) for span in expected)


segments = st.lists(
    st.sampled_from(["media", "p_1", "a", ".", "..", "", "x.m4s", "%41", "%2f", "\\", "CMCD"]),
    max_size=5,
).map("/".join)
arguments = st.lists(
    st.sampled_from(
        ["a=1", "b=2", "a=0", "CMCD=x", "CMCD", "c", "", "%41=1", "aa=%20", "a", "cmcd=1", "=x"]
    ),
    max_size=20,
).map("&".join)


@settings(max_examples=600)
@given(st.builds("/{}{}{}".format, segments, st.sampled_from(["", "?"]), arguments))
def test_a_plain_target_has_the_key_that_the_core_gives_it(target: str) -> None:
    key = _http.plain_key(target.encode("ascii"))
    if key is not None:
        assert key.decode("ascii") == str(read_target(target))


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("/media/p_1/v/720/x/0.m4s", "/media/p_1/v/720/x/0.m4s"),
        ("/media/x?b=2&CMCD=bl%3D1&a=1", "/media/x?a=1&b=2"),
        ("/media/x?CMCD=1", "/media/x"),
        ("/page?b=2&a=1&CMCD=3", "/page?b=2&a=1&CMCD=3"),
        ("/page?", "/page?"),
        ("/media/x?", "/media/x"),
    ],
)
def test_the_spellings_of_the_hot_path_are_read_natively(target: str, key: str) -> None:
    assert _http.plain_key(target.encode()) == key.encode() == str(read_target(target)).encode()


@given(st.text("/.%2fF5cC\\media?#", max_size=20))
def test_a_target_that_the_core_refuses_has_no_plain_key(target: str) -> None:
    try:
        read_target(target)
    except RefusedTarget:
        assert _http.plain_key(target.encode("ascii")) is None


tags = st.sampled_from(['"a"', '"b"', 'W/"a"', 'W/"b"', '""', '"a,b"'])
tag_lists = st.lists(tags | st.sampled_from(["", "*", "a", '"', "W/"]), max_size=4).map(
    ", ".join
) | st.text('"W/ab, \t*', max_size=12).map(lambda text: text.strip(" \t"))
DATES = [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:36 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "yesterday",
]
dates = st.sampled_from(DATES)


@settings(max_examples=800)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "If-Match": tag_lists,
            "If-None-Match": tag_lists,
            "If-Modified-Since": dates,
            "If-Unmodified-Since": dates,
            "If-Range": tag_lists | dates,
        },
    ),
    st.none() | tags,
    st.none() | st.just(784111777),
)
def test_preconditions_come_to_what_the_core_says(
    request: dict[str, str], etag: str | None, changed_s: int | None
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.items())
    data = f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()
    current = Validators(etag, changed_s)
    outcome, if_range = _http.judge_preconditions(data, etag.encode() if etag else None, changed_s)
    names = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
    expected = evaluate("GET", Preconditions(*(request.get(name) for name in names)), current)
    doubtful = any(request.get(name) in DATES[2:] for name in names)
    assert outcome == expected.value or (outcome is None and doubtful)
    if "If-Range" in request:
        holds = if_range_holds(request["If-Range"], current)
        assert if_range in {"proceed" if holds else "failed", None}
    else:
        assert if_range == "proceed"


@given(st.integers(0, 253402300799))
def test_dates_are_written_and_read_as_the_core_does(seconds: int) -> None:
    text = format_http_date(seconds)
    assert _http.write_date(seconds) == text.encode()
    assert _http.read_date(text.encode()) == seconds


@given(st.from_regex(r"(Sun|Mon|Xxx), \d\d (Feb|Nov|Foo) \d{4} [0-2]\d:[0-6]\d:[0-6]\d GMT\Z"))
def test_whatever_is_read_as_a_date_is_the_cores_date(text: str) -> None:
    if re.search(r"[^\x00-\x7f]", text):
        return
    assert _http.read_date(text.encode()) == parse_http_date(text)


@given(st.binary(max_size=300))
@example(bytes(55))
@example(bytes(56))
@example(bytes(64))
@example(bytes(119))
@example(bytes(120))
def test_hashes_are_those_of_the_library(data: bytes) -> None:
    assert _http.sha256(data) == hashlib.sha256(data).digest()


words = st.text("ab_-09", min_size=1, max_size=9)
NOW_S = 1_000_000
REFUSED: dict[str | None, type[TokenRefused]] = {
    "forged": TokenForged,
    "unknown key": TokenUnknownKey,
    "expired": TokenExpired,
    None: TokenMalformed,
}


def judged_by_core(path: str, keys: KeyRing) -> str | None:
    try:
        verify(path, keys, NOW_S)
    except tuple(REFUSED.values()) as fault:
        return next(name for name, kind in REFUSED.items() if isinstance(fault, kind))
    return "admitted"


@settings(max_examples=400)
@given(
    words,
    words,
    words,
    st.binary(min_size=32, max_size=64),
    st.integers(NOW_S - 2, NOW_S + 2) | st.integers(0, 10**12 - 1),
    st.none() | st.tuples(st.integers(0, 130), st.text("aA0._-~/%", max_size=2)),
)
def test_tokens_come_to_what_the_core_says(
    playback_id: str,
    session_id: str,
    kid: str,
    secret: bytes,
    expires_s: int,
    spoil: tuple[int, str] | None,
) -> None:
    keys = KeyRing((MediaKey(kid, secret),))
    token = sign(playback_id, session_id=session_id, expires_s=expires_s, keys=keys)
    path = f"/media/~{token}/{playback_id}/v/0.m4s"
    if spoil is not None:
        at = 8 + spoil[0] % (len(path) - 8)
        path = path[:at] + spoil[1] + path[at + 1 :]
    found = _http.judge_token(path.encode(), kid.encode(), secret, NOW_S)
    expected = judged_by_core(path, keys)
    assert (None if found is None else found[0]) == expected
    if expected == "admitted" and found is not None:
        assert "/media/" + path[7 + found[1] :] == split(path).path


@given(st.text("aA0._-~/", max_size=200))
def test_whatever_stands_where_a_token_would_is_judged_as_the_core_does(rest: str) -> None:
    keys = KeyRing((MediaKey("a", bytes(32)),))
    found = _http.judge_token(f"/media/~{rest}".encode(), b"a", bytes(32), NOW_S)
    assert (None if found is None else found[0]) == judged_by_core(f"/media/~{rest}", keys)
