"""What samples are, from both twins."""

from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from native import EXAMINE, OPEN_ACCESS, SYNC, _bitstream, reference

HIDDEN_KEY, SHOWN_KEY, INTER, SHOWN_AGAIN = 0x00, 0x10, 0x30, 0x80
"""First bytes of AV1 frame headers."""

ACCESS: list[tuple[str, int, bytes, int]] = [
    ("avc", 4, b"", EXAMINE),
    ("avc", 4, b"\0\0\0\1\x65", SYNC),
    ("avc", 4, b"\0\0\0\1\x41", 0),
    ("avc", 4, b"\0\0\0\2\x67\xff\0\0\0\1\x65", SYNC | EXAMINE),
    ("avc", 2, b"\0\1\x65\0", SYNC | EXAMINE),
    ("avc", 4, b"\0\0\0\0\x65", EXAMINE),
    ("avc", 4, b"\xff\xff\xff\xff\x65", EXAMINE),
    ("hevc", 4, b"\0\0\0\2\x26\1", SYNC),  # IDR
    ("hevc", 4, b"\0\0\0\2\x2a\1", SYNC),  # clean random access
    ("hevc", 4, b"\0\0\0\2\x20\1", SYNC),  # broken link
    ("hevc", 4, b"\0\0\0\2\x10\1", 0),  # a leading picture
    ("hevc", 4, b"\0\0\0\2\x02\1", 0),
    ("hevc", 1, b"\2\x40\1\2\x02\1", EXAMINE),  # a parameter set
    ("hevc", 1, b"\2\x4e\1\2\x02\1", 0),  # SEI stays
    ("av1", 4, bytes((0x0A, 1, 0x00, 0x32, 1, SHOWN_KEY)), SYNC | EXAMINE),
    ("av1", 4, bytes((0x12, 0, 0x0A, 1, 0x00, 0x32, 1, SHOWN_KEY)), SYNC | EXAMINE),
    ("av1", 4, bytes((0x12, 0, 0x32, 1, INTER)), EXAMINE),
    ("av1", 4, bytes((0x32, 1, INTER)), 0),
    ("av1", 4, bytes((0x32, 1, SHOWN_KEY)), OPEN_ACCESS),  # without its sequence header
    ("av1", 4, bytes((0x0A, 1, 0x00, 0x32, 1, HIDDEN_KEY)), OPEN_ACCESS | EXAMINE),
    ("av1", 4, bytes((0x1A, 1, SHOWN_AGAIN)), 0),
    ("av1", 4, bytes((0x0A, 1, 0x08, 0x32, 1, SHOWN_AGAIN)), SYNC | EXAMINE),  # a still picture
    ("av1", 4, bytes((0x30, INTER)), 0),  # the last goes without a length
    ("av1", 4, bytes((0x36, 0, 1, INTER)), 0),  # with an extension
    ("av1", 4, bytes((0x32, 2, INTER)), EXAMINE),
    ("av1", 4, bytes((0x32, 0)), EXAMINE),
    ("av1", 4, b"\x32" + b"\x80" * 9, EXAMINE),
    ("av1", 4, b"\xb2\1\0", EXAMINE),
    ("av1", 4, b"", EXAMINE),
    ("vp9", 4, b"\x82\x49", SYNC | EXAMINE),
    ("vp9", 4, b"\x80\x49", OPEN_ACCESS | EXAMINE),
    ("vp9", 4, b"\x86\0", 0),
    ("vp9", 4, b"\x88\0", 0),
    ("vp9", 4, b"\xa2\x49", SYNC | EXAMINE),  # profile 1
    ("vp9", 4, b"\x92\x49", SYNC | EXAMINE),  # profile 2
    ("vp9", 4, b"\xb1\x49", SYNC | EXAMINE),  # profile 3 has one bit more
    ("vp9", 4, b"\xb3\0", 0),
    ("vp9", 4, b"\x42\x49", EXAMINE),
    ("vp9", 4, b"\x82", EXAMINE),
]  # fmt: skip

LENGTHS = [
    ("opus", b"\xfc", 960),
    ("opus", b"\xfd", 1920),
    ("opus", b"\xff\x03", 2880),
    ("opus", b"\xff", 0),
    ("opus", b"\x18", 2880),
    ("opus", b"\x60", 480),
    ("opus", b"\x68", 960),
    ("opus", b"\x80", 120),
    ("opus", b"", 0),
    ("flac", b"\xff\xf8\xc9\x18\0\0", 4096),
    ("flac", b"\xff\xf8\x59\x18\0\0", 4608),
    ("flac", b"\xff\xf8\x19\x18\0\0", 192),
    ("flac", b"\xff\xf8\x69\x18\x05\x0f", 16),
    ("flac", b"\xff\xf9\x79\x18\xc4\x80\x0f\xff", 4096),
    ("flac", b"\xff\xf8\x79\x18\x05\x0f", 0),
    ("flac", b"\xff\xf8\x09\x18\0\0", 0),
    ("flac", b"\xff\xf0\xc9\x18\0\0", 0),
    ("flac", b"\xff\xf8\xc9", 0),
]


@pytest.fixture(params=[_bitstream, reference], ids=["compiled", "reference"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


@pytest.mark.parametrize(("codec", "length_size", "sample", "flags"), ACCESS)
def test_what_a_sample_is(
    implementation: ModuleType, codec: str, length_size: int, sample: bytes, flags: int
) -> None:
    assert implementation.sample_access(sample, [len(sample)], codec, length_size) == bytes(
        (flags,)
    )


@pytest.mark.parametrize(("codec", "frame", "length"), LENGTHS)
def test_how_long_a_frame_is(
    implementation: ModuleType, codec: str, frame: bytes, length: int
) -> None:
    assert implementation.frame_lengths(frame, [len(frame)], codec) == [length]


@pytest.mark.parametrize(
    ("sizes", "codec", "length_size"),
    [([5], "avc", 4), ([2, -1], "av1", 4), ([4], "avc", 0), ([4], "hevc", 5), ([4], "vp8", 4)],
)
def test_what_makes_no_sense_is_refused(
    implementation: ModuleType, sizes: list[int], codec: str, length_size: int
) -> None:
    with pytest.raises(ValueError, match=r"bytes|vp8"):
        implementation.sample_access(b"\0\0\0\1", sizes, codec, length_size)


@pytest.mark.parametrize(("sizes", "codec"), [([5], "opus"), ([-1], "flac"), ([4], "aac")])
def test_frames_that_make_no_sense_are_refused(
    implementation: ModuleType, sizes: list[int], codec: str
) -> None:
    with pytest.raises(ValueError, match=r"bytes|aac"):
        implementation.frame_lengths(b"\0\0\0\1", sizes, codec)


SAMPLES = st.lists(
    st.one_of(st.binary(max_size=24), st.sampled_from([sample for _, _, sample, _ in ACCESS])),
    max_size=6,
)


def test_the_beginning_of_a_larger_sample_may_be_enough(implementation: ModuleType) -> None:
    key = bytes((0x0A, 1, 0x00, 0x32, 0xE8, 0x07, SHOWN_KEY))  # a frame of 1000 bytes
    assert implementation.sample_access(key, [7], "av1") == bytes((EXAMINE,))
    assert implementation.sample_access(key, [7], "av1", whole_sizes=[1006]) == bytes(
        (SYNC | EXAMINE,)
    )
    assert implementation.sample_access(key, [6], "av1", whole_sizes=[1006]) == bytes((EXAMINE,))
    for codec, whole in (("avc", [9]), ("av1", [6]), ("av1", [9, 9])):
        with pytest.raises(ValueError, match=r"known|zip"):
            implementation.sample_access(key, [7], codec, whole_sizes=whole)


@given(SAMPLES, st.sampled_from(["av1", "vp9"]), st.integers(0, 300))
def test_twins_agree_on_the_beginnings_of_larger_samples(
    samples: list[bytes], codec: str, more: int
) -> None:
    sizes = [len(sample) for sample in samples]
    answers = [
        module.sample_access(
            b"".join(samples), sizes, codec, whole_sizes=[size + more for size in sizes]
        )
        for module in (_bitstream, reference)
    ]
    assert answers[0] == answers[1]


@given(SAMPLES, st.sampled_from(["avc", "hevc", "av1", "vp9"]), st.integers(1, 4))
@example([b"\x32\xff\xff\xff\xff\xff\xff\xff\x7f\0"], "av1", 4)
def test_twins_agree_on_access(samples: list[bytes], codec: str, length_size: int) -> None:
    data, sizes = b"".join(samples), [*map(len, samples)]
    found = _bitstream.sample_access(data, sizes, codec, length_size)
    assert found == reference.sample_access(data, sizes, codec, length_size)


@given(
    st.lists(st.binary(max_size=12).map(lambda tail: b"\xff\xf8" + tail) | st.binary(max_size=4)),
    st.sampled_from(["opus", "flac"]),
)
def test_twins_agree_on_lengths(frames: list[bytes], codec: str) -> None:
    data, sizes = b"".join(frames), [*map(len, frames)]
    found = _bitstream.frame_lengths(data, sizes, codec)
    assert found == reference.frame_lengths(data, sizes, codec)
