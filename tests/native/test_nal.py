"""The types of NAL units in samples, from both twins."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import _nal, reference

TABLE: list[tuple[bytes, int, bool, int]] = [
    (b"", 4, False, 0),
    (b"\0\0\0\1\x65", 4, False, 1 << 5),
    (b"\0\0\0\2\x67\xff\0\0\0\1\x68", 4, False, 1 << 7 | 1 << 8),
    (b"\0\2\x26\x01", 2, True, 1 << 19),
    (b"\2\x7e\x01\1\x02", 1, True, 1 << 63 | 1 << 1),
    (b"\0\0\0\0\x65", 4, False, -1),
    (b"\0\0\0\3\x65\0", 4, False, -1),
    (b"\1\x65\0", 1, False, -3),
    (b"\1\x65\1", 1, False, -3),
    (b"\0\1\x65\0", 2, False, -4),
    (b"\xff\xff\xff\xff\x65", 4, False, -1),
]


@pytest.mark.parametrize(("sample", "length_size", "hevc", "types"), TABLE)
def test_types(
    implementation: ModuleType, sample: bytes, length_size: int, hevc: bool, types: int
) -> None:
    given_types = implementation.nal_types(sample, [len(sample)], length_size, hevc=hevc)
    assert given_types == [types]


@pytest.fixture(params=[_nal, reference], ids=["compiled", "reference"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


@pytest.mark.parametrize(("sizes", "length_size"), [([5], 4), ([2, -1], 4), ([4], 0), ([4], 5)])
def test_what_makes_no_sense_is_refused(
    implementation: ModuleType, sizes: list[int], length_size: int
) -> None:
    with pytest.raises(ValueError, match=r"bytes"):
        implementation.nal_types(b"\0\0\0\1", sizes, length_size)


@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=5), max_size=4), max_size=4),
    st.integers(1, 4),
    st.binary(max_size=8),
    st.booleans(),
)
def test_twins_agree(samples: list[list[bytes]], length_size: int, tail: bytes, hevc: bool) -> None:
    whole = [
        b"".join(len(unit).to_bytes(length_size) + unit for unit in sample) for sample in samples
    ]
    data = b"".join(whole) + tail
    sizes = [*map(len, whole), len(tail)]
    compiled = _nal.nal_types(data, sizes, length_size, hevc=hevc)
    assert compiled == reference.nal_types(data, sizes, length_size, hevc=hevc)
    assert all(types >= 0 for types in compiled[:-1])
