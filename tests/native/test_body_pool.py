"""Encrypted bodies from files, and the buffers they lie in."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import _pool, _protection, reference
from native._memory import StoredBody

KEY, KID = bytes(range(16)), bytes(16)
MIB = 2**20


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.fileno()


def pools() -> tuple[_pool.BodyPool, reference.BodyPool]:
    return _pool.BodyPool(MIB), reference.BodyPool(MIB)


@given(body=st.binary(min_size=1, max_size=400), head=st.binary(max_size=50))
def test_a_resource_of_a_file_is_that_of_its_bytes(body: bytes, head: bytes) -> None:
    compiled, clear = pools()
    expected = reference.encrypt_resource(KEY, KID, head, body[1:])
    with file_of(body) as file:
        where = {"offset": 1, "length": len(body) - 1}
        ours = _protection.encrypt_resource_of_file(compiled, KEY, KID, head, file, **where)
        twin = reference.encrypt_resource_of_file(clear, KEY, KID, head, file, **where)
    assert bytes(ours) == twin == expected


def test_a_file_that_is_too_short_is_said() -> None:
    compiled, clear = pools()
    with file_of(b"0123456789") as file:
        where = {"offset": 1, "length": 10}
        with pytest.raises(EOFError, match="before byte 11"):
            _protection.encrypt_resource_of_file(compiled, KEY, KID, b"", file, **where)
        with pytest.raises(EOFError, match="before byte 11"):
            reference.encrypt_resource_of_file(clear, KEY, KID, b"", file, **where)
    assert compiled.lent_bytes == 0


def made(pool: _pool.BodyPool, size: int) -> StoredBody:
    with file_of(os.urandom(size)) as file:
        return _protection.encrypt_resource_of_file(
            pool, KEY, KID, b"", file, offset=0, length=size
        )


def test_memory_is_lent_for_as_long_as_a_body_is_held() -> None:
    pool = _pool.BodyPool(MIB)
    first, second = made(pool, 300_000), made(pool, 10)
    lent_bytes = pool.lent_bytes
    assert lent_bytes >= 300_010
    del first
    assert 10 <= pool.lent_bytes < lent_bytes - 300_000
    del second
    assert pool.lent_bytes == 0


def test_what_is_read_is_never_written_again() -> None:
    pool = _pool.BodyPool(MIB)
    held = made(pool, 300_000)
    before = bytes(held)
    for size in (300_000, 299_000, 5, 300_000):
        made(pool, size)
    assert bytes(held) == before


def test_a_body_outlasts_its_pool() -> None:
    pool = _pool.BodyPool(MIB)
    held = made(pool, 300_000)
    before = bytes(held)
    spare = made(pool, 300_000)
    del pool, spare
    assert bytes(held) == before
