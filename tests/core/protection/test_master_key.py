"""Content keys at rest: wrapped, bound to what they are for, and moved to another master key."""

import base64
from dataclasses import replace

import pytest

from core.media.presentation import TrackKind
from core.protection.master_key import (
    DamagedContentKey,
    MalformedMasterKeys,
    MasterKeyMissing,
    MasterKeys,
    WrappedKey,
    parse_master_keys,
    unwrap,
    wrap,
)
from core.protection.scheme import Protection, Scheme
from core.protection.stored_key import rewrapped
from runtime.content_keys import new_content_keys

SECRET = bytes(range(16))
NONCE = bytes(12)


def ring(*names: str) -> MasterKeys:
    keys = (f"{name}:{base64.b64encode(name.encode().ljust(32, b'.')).decode()}" for name in names)
    return parse_master_keys(",".join(keys))


def test_a_wrapped_key_comes_back_under_its_label_alone() -> None:
    wrapped = wrap(ring("new", "old"), SECRET, b"label", NONCE)
    assert wrapped.master == "new"
    assert SECRET not in wrapped.sealed
    assert unwrap(ring("old", "new"), wrapped, b"label") == SECRET
    with pytest.raises(DamagedContentKey):
        unwrap(ring("new"), wrapped, b"another label")


def test_a_changed_wrapping_is_refused() -> None:
    wrapped = wrap(ring("m"), SECRET, b"label", NONCE)
    for at in range(len(wrapped.sealed)):
        changed = bytearray(wrapped.sealed)
        changed[at] ^= 1
        with pytest.raises(DamagedContentKey):
            unwrap(ring("m"), replace(wrapped, sealed=bytes(changed)), b"label")
    with pytest.raises(DamagedContentKey):
        unwrap(ring("m"), WrappedKey("m", NONCE, b""), b"label")


def test_a_missing_master_key_is_named() -> None:
    wrapped = wrap(ring("old"), SECRET, b"label", NONCE)
    with pytest.raises(MasterKeyMissing, match="'old'"):
        unwrap(ring("new"), wrapped, b"label")
    with pytest.raises(MasterKeyMissing, match="SLUICE_MASTER_KEY"):
        wrap(MasterKeys(), SECRET, b"label", NONCE)


@pytest.mark.parametrize(
    "text",
    ["", ",", "m", "m:", ":AAAA", "m:!", "m:QUFB", "m n:" + "Q" * 43, "m:" + "Q" * 44,
     "m:" + "Q" * 42 + "8=,m:" + "Q" * 42 + "8=",
     ",".join(f"m{n}:" + "Q" * 42 + "8=" for n in range(17))],
)  # fmt: skip
def test_rings_that_cannot_be_used_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(MalformedMasterKeys) as refusal:
        parse_master_keys(text)
    assert "QQQQ" not in refusal.value.message


def test_no_key_is_shown_by_what_holds_it() -> None:
    keys = ring("m")
    stored = new_content_keys("v", Protection.CENC, keys)[0]
    assert repr(keys.first.secret)[2:-1] not in repr(keys)
    assert repr(stored.unwrapped(keys).secret)[2:-1] not in repr(stored.unwrapped(keys))


def test_every_scheme_and_kind_has_a_key_of_its_own() -> None:
    made = new_content_keys("v", Protection.AES_128_AND_CENC, ring("m"))
    assert {(key.scheme, key.kind) for key in made} == {
        (scheme, kind)
        for scheme in (Scheme.AES_128, Scheme.CENC)
        for kind in (TrackKind.VIDEO, TrackKind.AUDIO)
    }
    for values in ({key.kid for key in made}, {key.unwrapped(ring("m")).secret for key in made},
                   {key.wrapped.nonce for key in made}):  # fmt: skip
        assert len(values) == 4
    assert new_content_keys("v", Protection.NONE, MasterKeys()) == ()


def test_a_key_moves_to_another_master_key() -> None:
    stored = new_content_keys("v", Protection.CBCS, ring("old"))[0]
    moved = replace(stored, wrapped=rewrapped(stored, ring("new", "old"), bytes(12)))
    assert moved.wrapped.master == "new"
    assert moved.unwrapped(ring("new")) == stored.unwrapped(ring("old"))


def test_a_key_of_one_video_does_not_open_as_that_of_another() -> None:
    stored = new_content_keys("v", Protection.CENC, ring("m"))[0]
    for other in (
        replace(stored, video_id="w"),
        replace(stored, scheme=Scheme.CBCS),
        replace(stored, kind=TrackKind.AUDIO),
        replace(stored, kid=bytes(16)),
    ):
        with pytest.raises(DamagedContentKey):
            other.unwrapped(ring("m"))
