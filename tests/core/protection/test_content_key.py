"""Names and vectors of protected builds: none is ever that of another."""

from dataclasses import replace

import pytest

from core.protection.content_key import KeyUse, protected_build_hash, resource_vector
from core.protection.scheme import Scheme

USE = KeyUse(Scheme.CENC, bytes(16), bytes(range(16)), 7)


def test_whatever_decides_the_bytes_is_in_the_name() -> None:
    names = {
        protected_build_hash(build, use)
        for build in ("0" * 20, "1" * 20)
        for use in (
            USE,
            replace(USE, scheme=Scheme.CBCS),
            replace(USE, kid=b"1" * 16),
            replace(USE, vector=b"2" * 16),
            replace(USE, track=8),
        )
    }
    assert len(names) == 10
    assert all(len(name) == 20 and int(name, 16) >= 0 for name in names)


def test_tracks_of_one_key_count_apart() -> None:
    assert USE.first_vector == bytes.fromhex("0000000700000000")
    assert replace(USE, scheme=Scheme.CBCS).first_vector == USE.vector
    for track in (-1, 2**32):
        with pytest.raises(ValueError, match="32 bits"):
            _ = replace(USE, track=track).first_vector


def test_every_resource_has_a_vector_of_its_own() -> None:
    uses = (USE, replace(USE, track=8), replace(USE, kid=b"1" * 16))
    vectors = {resource_vector(use, name) for use in uses for name in ("0.m4s", "1.m4s", "i0")}
    assert len(vectors) == 9
