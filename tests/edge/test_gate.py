"""The gate: what it remembers, and what cannot make it forget."""

from dataclasses import replace

import pytest

from core.http.media_token import (
    KeyRing,
    MediaKey,
    TokenExpired,
    TokenForged,
    TokenMissing,
    TokenRefused,
    sign,
    verify,
)
from core.http.target import Target, read_target
from edge.gate import Gate

RING = KeyRing((MediaKey("k", bytes(32)),))
NOW = 1000.0


def signed(
    playback_id: str = "s_1",
    *,
    session: str = "abc",
    expires_s: int = 2000,
    keys: KeyRing = RING,
) -> Target:
    token = sign(playback_id, session_id=session, expires_s=expires_s, keys=keys)
    return read_target(f"/media/~{token}/{playback_id}/0.m4s?a=1")


def forged(number: int) -> Target:
    return signed(session=f"f{number}", keys=KeyRing((MediaKey("k", b"x" * 32),)))


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were verified the long way."""
    paths: list[str] = []

    def counting(path: str, keys: KeyRing, now_s: float) -> object:
        paths.append(path)
        return verify(path, keys, now_s)

    monkeypatch.setattr("edge.gate.verify", counting)
    return paths


def test_the_token_is_taken_off_and_the_rest_stays() -> None:
    assert Gate(RING).admit(signed(), NOW) == read_target("/media/s_1/0.m4s?a=1")


def test_a_viewer_is_verified_once(verified: list[str]) -> None:
    gate = Gate(RING)
    first = signed()
    for number in range(100):
        gate.admit(replace(first, path=first.path.replace("0.m4s", f"{number}.m4s")), NOW)
    assert len(verified) == 1


def test_what_is_remembered_ends_with_the_token() -> None:
    gate = Gate(RING)
    gate.admit(signed(), 1999.9)
    for _ in range(2):
        with pytest.raises(TokenExpired):
            gate.admit(signed(), 2000.0)
    assert gate.remembered == 0


def test_a_remembered_token_opens_no_other_id() -> None:
    gate = Gate(RING)
    gate.admit(signed("s_1"), NOW)
    stolen = signed("s_1").path.replace("/s_1/", "/s_2/")
    with pytest.raises(TokenForged):
        gate.admit(read_target(stolen), NOW)
    with pytest.raises(TokenRefused):
        gate.admit(read_target(signed("s_1").path.replace("/s_1/0.m4s", "/s_1")), NOW)


def test_forged_tokens_are_not_remembered_and_push_nothing_out(verified: list[str]) -> None:
    gate = Gate(RING, most_remembered=2)
    gate.admit(signed(session="one"), NOW)
    gate.admit(signed(session="two"), NOW)
    for number in range(50):
        with pytest.raises(TokenForged):
            gate.admit(forged(number), NOW)
    verified.clear()
    gate.admit(signed(session="one"), NOW)
    gate.admit(signed(session="two"), NOW)
    assert verified == []


def test_of_too_many_the_one_that_was_not_seen_for_longest_is_forgotten(
    verified: list[str],
) -> None:
    gate = Gate(RING, most_remembered=2)
    for session in ("one", "two", "one", "three"):
        gate.admit(signed(session=session), NOW)
    assert gate.remembered == 2
    verified.clear()
    gate.admit(signed(session="one"), NOW)
    assert verified == []
    gate.admit(signed(session="two"), NOW)
    assert len(verified) == 1


@pytest.mark.parametrize("path", ["/media/s_1/0.m4s", "/media/s_1"])
def test_a_signed_id_needs_a_token_unless_an_edge_asks(path: str) -> None:
    target = read_target(path)
    with pytest.raises(TokenMissing):
        Gate(RING).admit(target, NOW)
    assert Gate(RING).admit(target, NOW, from_edge=True) == target


@pytest.mark.parametrize("path", ["/media/p_1/0.m4s", "/elsewhere/~x/s_1/", "/"])
def test_everything_else_passes_as_it_is(path: str) -> None:
    assert Gate(RING).admit(read_target(path), NOW) == read_target(path)
