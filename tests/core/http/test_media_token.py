"""Signed media paths: what is a token, whose it is, and everything that is none."""

import base64
import hmac
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.media_token import (
    NO_KEYS,
    KeyRing,
    MalformedKeys,
    MediaGrant,
    MediaKey,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMissing,
    TokenRefused,
    TokenUnknownKey,
    parse_keys,
    sign,
    split,
    verify,
)
from core.http.target import RefusedTarget, read_target

OLD = MediaKey("old", bytes(range(32)))
NEW = MediaKey("new", bytes(range(64)))
RING = KeyRing((NEW, OLD))
FILM = "s_0d3k"
NOW = 1_800_000_000
END = NOW + 60


def token(
    playback_id: str = FILM,
    *,
    key: MediaKey = NEW,
    expires: object = END,
    session: str = "abc",
    flags: str = "0",
) -> str:
    """A token made by the letter of the format, whatever it says."""
    text = f"v1\n{key.kid}\n{expires}\n{session}\n{flags}\n/{playback_id}/"
    mac = base64.urlsafe_b64encode(hmac.digest(key.secret, text.encode(), "sha256"))
    return f"{mac.decode().rstrip('=')}.{key.kid}.{expires}.{session}.{flags}"


def path(token_text: str, rest: str = f"{FILM}/v/720p/b/0.m4s") -> str:
    return f"/media/~{token_text}/{rest}"


GOOD = token()
MAC, REST = GOOD[:43], GOOD[43:]


def test_a_token_has_one_spelling_for_all_time() -> None:
    """The written one was made with `openssl dgst -sha256 -mac HMAC`."""
    assert sign(FILM, session_id="abc", expires_s=END, keys=RING) == GOOD
    assert sign(FILM, session_id="abc", expires_s=END, keys=KeyRing((OLD,))) == (
        "nSySTigUwtpBX2WqoqKGQF3JbXKUK-Anh6Twm3dh41w.old.1800000060.abc.0"
    )


def test_a_good_token_grants_its_playback_id() -> None:
    granted = verify(path(GOOD), RING, NOW)
    assert granted == MediaGrant(FILM, "new", END, "abc", 0)


def test_a_token_is_good_until_its_second_comes() -> None:
    assert verify(path(GOOD), RING, END - 0.001).expires_s == END
    with pytest.raises(TokenExpired):
        verify(path(GOOD), RING, END)


def test_the_first_key_signs_and_all_verify() -> None:
    before = sign(FILM, session_id="abc", expires_s=END, keys=KeyRing((OLD,)))
    after = sign(FILM, session_id="abc", expires_s=END, keys=RING)
    assert [verify(path(each), RING, NOW).kid for each in (before, after)] == ["old", "new"]
    with pytest.raises(TokenUnknownKey):
        verify(path(before), KeyRing((NEW,)), NOW)


def test_a_public_id_may_have_a_token_too() -> None:
    signed = sign("p_1", session_id="abc", expires_s=END, keys=RING)
    assert verify(path(signed, "p_1/0.m4s"), RING, NOW).playback_id == "p_1"


@pytest.mark.parametrize(
    ("token_text", "fault"),
    [
        ("", TokenMalformed),
        (".", TokenMalformed),
        ("....", TokenMalformed),
        (MAC, TokenMalformed),
        (f"{GOOD}.0", TokenMalformed),
        (f" {GOOD}", TokenMalformed),
        (f"{GOOD}\n", TokenMalformed),
        (MAC[:-1] + REST, TokenMalformed),
        (f"{MAC}A{REST}", TokenMalformed),
        (f"{MAC}={REST}", TokenMalformed),
        (f"{MAC[:-1]}+{REST}", TokenMalformed),
        (token(expires=""), TokenMalformed),
        (token(expires=f"0{END}"), TokenMalformed),
        (token(expires=f"+{END}"), TokenMalformed),
        (token(expires="-1"), TokenMalformed),
        (token(expires="1e9"), TokenMalformed),
        (token(expires=f"{END}_0"), TokenMalformed),
        (token(expires="9" * 13), TokenMalformed),
        (token(expires="9" * 100_000), TokenMalformed),
        (token(expires="\u0661\u0662\u0663"), TokenMalformed),
        (token(session=""), TokenMalformed),
        (token(session="a" * 65), TokenMalformed),
        (token(session="a b"), TokenMalformed),
        (token(session="a~b"), TokenMalformed),
        (token(flags=""), TokenMalformed),
        (token(flags="1"), TokenMalformed),
        (token(flags="A"), TokenMalformed),
        (token(flags="00"), TokenMalformed),
        (token(flags="0x0"), TokenMalformed),
        (token(flags="f" * 9), TokenMalformed),
        (token(key=MediaKey("", NEW.secret)), TokenMalformed),
        (token(key=MediaKey("k" * 33, NEW.secret)), TokenMalformed),
        (token(key=MediaKey("a:b", NEW.secret)), TokenMalformed),
        (token(key=MediaKey("other", NEW.secret)), TokenUnknownKey),
        (token(key=MediaKey("NEW", NEW.secret)), TokenUnknownKey),
        (token(key=MediaKey("new", OLD.secret)), TokenForged),
        (token(key=MediaKey("old", NEW.secret)), TokenForged),
        (token("s_other"), TokenForged),
        (token("p_0d3k"), TokenForged),
        (token(f"{FILM}/v"), TokenForged),
        ("A" * 43 + REST, TokenForged),
        (token(expires=0), TokenExpired),
        (token(expires=NOW), TokenExpired),
        (token(expires=NOW - 1, key=MediaKey("new", OLD.secret)), TokenForged),
    ],
)
def test_everything_else_is_refused_and_says_why(
    token_text: str, fault: type[TokenRefused]
) -> None:
    with pytest.raises(TokenRefused) as refused:
        verify(path(token_text), RING, NOW)
    assert type(refused.value) is fault
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "signed",
    [
        f"/media/~{GOOD}",
        f"/media/~{GOOD}/",
        f"/media/~{GOOD}/{FILM}",
        f"/media/~{GOOD}//x",
        f"/media/~{GOOD}/~{GOOD}/{FILM}/x",
        f"/media/~{GOOD}/{'s' * 129}/x",
        f"/media/~{GOOD}/s_%C3%A4/x",
    ],
)
def test_a_token_covers_a_playback_id_that_ends_at_a_slash(signed: str) -> None:
    with pytest.raises(TokenMalformed):
        verify(signed, RING, NOW)


@pytest.mark.parametrize("place", range(43))
def test_no_other_spelling_of_the_mac_is_taken(place: int) -> None:
    """Also none that decodes to the same bytes: the last character has two spare bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for character in set(alphabet) - {MAC[place]}:
        with pytest.raises(TokenForged):
            verify(path(MAC[:place] + character + MAC[place + 1 :] + REST), RING, NOW)


PREFIX = path(GOOD, f"{FILM}/")


@given(
    place=st.integers(len("/media/~"), len(PREFIX) - 1),
    byte=st.integers(0, 255),
    how=st.sampled_from(["replace", "insert", "remove"]),
)
def test_any_changed_byte_of_token_or_id_is_refused(place: int, byte: int, how: str) -> None:
    middle = "" if how == "remove" else chr(byte)
    changed = PREFIX[:place] + middle + PREFIX[place + (how != "insert") :] + "0.m4s"
    if changed == f"{PREFIX}0.m4s":
        return
    with pytest.raises(TokenRefused):
        verify(changed, RING, NOW)


@given(place=st.integers(len("/media/"), len(PREFIX) - 1), byte=st.integers(0, 255))
def test_an_escape_means_what_it_stands_for_or_is_refused(place: int, byte: int) -> None:
    spelled = f"{PREFIX[:place]}%{byte:02x}{PREFIX[place + 1 :]}0.m4s"
    try:
        canonical = read_target(spelled).path
        verify(canonical, RING, NOW)
    except (TokenRefused, RefusedTarget):
        return
    assert canonical == f"{PREFIX}0.m4s"


def test_a_path_is_split_into_token_and_the_path_that_caches_know() -> None:
    parts = split(path(GOOD))
    assert (parts.token, parts.playback_id) == (GOOD, FILM)
    assert (parts.path, parts.prefix) == (f"/media/{FILM}/v/720p/b/0.m4s", PREFIX)


@pytest.mark.parametrize(
    ("plain", "playback_id", "needs"),
    [
        ("/media/p_1/0.m4s", "p_1", False),
        ("/media/s_1/0.m4s", "s_1", True),
        ("/media/s_1", "s_1", True),
        ("/media/", "", False),
        ("/media/S_1/0.m4s", "S_1", False),
        ("/media/p_1/s_1/0.m4s", "p_1", False),
    ],
)
def test_without_a_token_a_path_stays_as_it_is(plain: str, playback_id: str, needs: bool) -> None:
    parts = split(plain)
    assert (parts.token, parts.path, parts.playback_id) == (None, plain, playback_id)
    assert parts.needs_token is needs
    with pytest.raises(TokenMissing):
        verify(plain, RING, NOW)


def test_no_keys_verify_nothing() -> None:
    with pytest.raises(TokenUnknownKey):
        verify(path(GOOD), NO_KEYS, NOW)


@pytest.mark.parametrize(
    ("playback_id", "session_id", "expires_s", "keys"),
    [
        ("s_a/b", "abc", END, RING),
        ("s_a\nb", "abc", END, RING),
        ("", "abc", END, RING),
        (FILM, "a.b", END, RING),
        (FILM, "abc\n", END, RING),
        (FILM, "abc", -1, RING),
        (FILM, "abc", 10**12, RING),
        (FILM, "abc", END, NO_KEYS),
    ],
)
def test_what_no_token_can_say_is_not_signed(
    playback_id: str, session_id: str, expires_s: int, keys: KeyRing
) -> None:
    with pytest.raises(ValueError, match=r"token|key"):
        sign(playback_id, session_id=session_id, expires_s=expires_s, keys=keys)


def encoded(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


@pytest.mark.parametrize("secret", [bytes(32), bytes(range(200, 232)), b"\xff" * 33, bytes(64)])
def test_keys_are_read_in_either_alphabet_padded_or_not(secret: bytes) -> None:
    plain, safe = encoded(secret), base64.urlsafe_b64encode(secret).decode()
    for text in (plain, safe, plain.rstrip("="), safe.rstrip("=")):
        assert parse_keys(f" a:{text} ,") == KeyRing((MediaKey("a", secret),))


def test_keys_keep_their_order() -> None:
    ring = parse_keys(f"new:{encoded(NEW.secret)},old:{encoded(OLD.secret)}")
    assert ring == RING
    assert ring.find("old") == OLD


SECRET = encoded(b"\x07" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ,",
        "a",
        "a:",
        f":{SECRET}",
        f"a b:{SECRET}",
        f"{'k' * 33}:{SECRET}",
        f"\u00e4:{SECRET}",
        "a:!!!!",
        f"a:{SECRET}===",
        "a:" + "A" * 41,
        f"a:{encoded(bytes(31))}",
        f"a:{encoded(bytes(65))}",
        "a:" + "A" * 5000,
        f"a:{SECRET},a:{SECRET}",
        ",".join(f"k{number}:{SECRET}" for number in range(17)),
    ],
)
def test_an_unusable_key_ring_is_refused_without_showing_a_secret(text: str) -> None:
    with pytest.raises(MalformedKeys) as refused:
        parse_keys(text)
    assert SECRET not in refused.value.message
    assert "kid" in refused.value.message or "key" in refused.value.message


def test_a_secret_is_not_shown_by_accident() -> None:
    assert quote(NEW.secret) not in repr(RING)
    assert "secret" not in repr(RING)
