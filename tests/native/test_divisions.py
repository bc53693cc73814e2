"""Which bytes of HEVC and VP9 stay readable: FFmpeg's reading of every header is what is right."""

from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codecs.hevc_slices import hevc_division
from core.codecs.nal import prefixed_units, without_emulation
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from native import TrackIndex, _protection, reference
from native.reference.hevc_slice import hevc_slice_header_bytes, is_hevc_slice
from native.reference.vp9_frame import vp9_frames, vp9_header_bytes
from native.values import Division, HevcDivision, HevcSlice, Vp9Division
from tests.fixtures.decryption import Defaults, decrypt_fragment
from tests.fixtures.header_traces import header_lengths
from tests.fixtures.indexes import index_bytes
from tests.fixtures.media import Picture, make_clip

KEY, KID = bytes(range(16)), bytes(16)
IV = {"cenc": bytes.fromhex("00000007ffffffff"), "cbcs": bytes(range(100, 116))}
COUNT = 24
HEVC_WAYS = [
    "slices=3",
    "slices=2:bframes=3:b-pyramid=1:weightp=1:weightb=1:ref=4",
    "wpp=1:no-sao=1:no-deblock=1:open-gop=1:keyint=8",
    "no-temporal-mvp=1:deblock=2,2:cbqpoffs=3:repeat-headers=0:max-slices=1:ctu=16",
    "multi-pass-opt-rps=1:bframes=2:ref=3:slices=2",
]
VP9_WAYS: list[dict[str, str]] = [
    {"lag-in-frames": "8"},
    {"error-resilient": "1", "tile-columns": "1", "aq-mode": "3"},
]


def hevc(*, b_frames: int = 0, gop: int = 25, options: tuple[tuple[str, str], ...] = ()) -> Picture:
    """A clip with an even number of coding tree blocks across, and three down."""
    return Picture(
        codec="libx265", count=COUNT, width=320, height=192, b_frames=b_frames, gop=gop,
        options=options,
    )  # fmt: skip


def configuration(path: Path) -> bytes:
    """The content of a clip's hvcC box."""
    data = path.read_bytes()
    at = data.index(b"hvcC")
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at])]


@pytest.mark.parametrize("way", HEVC_WAYS)
def test_slice_headers_of_hevc_are_as_long_as_ffmpeg_says(tmp_path: Path, way: str) -> None:
    options = (("x265-params", f"log-level=none:pools=1:frame-threads=1:{way}"),)
    picture = hevc(b_frames=3, gop=12, options=options)
    clip = make_clip(tmp_path / "clip.mp4", picture)
    division = hevc_division(configuration(clip))
    seen = 0
    for sample, lengths in header_lengths(clip):
        units = [memoryview(unit) for unit in prefixed_units(sample, division.length_size)]
        slices = [unit for unit in units if is_hevc_slice(unit)]
        heads = [hevc_slice_header_bytes(unit, division.slices) for unit in slices]
        assert [len(without_emulation(bytes(unit[:head])))
                for unit, head in zip(slices, heads, strict=True)] == lengths  # fmt: skip
        check_both(division, sample)
        seen += len(lengths)
    assert seen >= COUNT


@pytest.mark.parametrize("way", VP9_WAYS)
def test_headers_of_vp9_are_as_long_as_ffmpeg_says(tmp_path: Path, way: dict[str, str]) -> None:
    # Wide enough for two columns of tiles.
    picture = Picture(
        codec="libvpx-vp9", b_frames=0, options=tuple(way.items()), count=COUNT, width=576,
        height=192,
    )  # fmt: skip
    clip = make_clip(tmp_path / "clip.mp4", picture)
    seen: list[bytes] = []
    for sample, lengths in header_lengths(clip):
        frames = vp9_frames(memoryview(sample))
        assert frames is not None
        assert [vp9_header_bytes(frame, 576) for frame in frames] == lengths
        check_both(Vp9Division(576), sample)
        seen.append(sample)
    assert len(seen) == COUNT
    for first, second in pairwise(seen):
        check_both(Vp9Division(576), superframe(first, second))


def superframe(*frames: bytes) -> bytes:
    """Frames in one sample, with the index that says how long they are (VP9 annex B)."""
    marker = bytes((0xC0 | 3 << 3 | len(frames) - 1,))
    lengths = (len(frame).to_bytes(4, "little") for frame in frames)
    return b"".join((*frames, marker, *lengths, marker))


def test_every_frame_of_a_superframe_is_hidden_behind_its_header(tmp_path: Path) -> None:
    picture = Picture(codec="libvpx-vp9", b_frames=0, count=2, width=64, height=64)
    (one, (head_of_one,)), (two, (head_of_two,)) = header_lengths(
        make_clip(tmp_path / "clip.mp4", picture)
    )
    cipher = _protection.FragmentCipher("cbcs", KEY, IV["cbcs"], Vp9Division(64))
    assert cipher.subsamples(superframe(one, two)) == [
        (head_of_one, len(one) - head_of_one), (head_of_two, len(two) - head_of_two), (10, 0),
    ]  # fmt: skip


def check_both(division: Division, sample: bytes) -> None:
    """Both twins encrypt a sample alike, and what the boxes say brings it back."""
    header = TrackIndex(index_bytes([(len(sample), 10, 0, 1)])).fragment_header(0, 1, 1)
    for scheme, iv in IV.items():
        made = [
            module.FragmentCipher(scheme, KEY, iv, division).fragment(header, sample, 0)
            for module in (_protection, reference)
        ]
        assert made[0] == made[1]
        constant = iv if scheme == "cbcs" else b""
        pattern = (1, 9) if scheme == "cbcs" else (0, 0)
        defaults = Defaults(scheme, KID, 0 if constant else 8, constant, pattern)
        assert decrypt_fragment(made[0], defaults, KEY) == [sample]
        pieces = _protection.FragmentCipher(scheme, KEY, iv, division).subsamples(sample)
        assert sum(clear + hidden for clear, hidden in pieces) == len(sample)


FLAG, BITS = st.booleans(), st.integers(0, 12)
SETS = st.lists(st.tuples(st.integers(0, 16), st.integers(0, 16)), max_size=5)


@st.composite
def hevc_slices(draw: st.DrawFn) -> HevcSlice:
    """What parameter sets may say, and some that no encoder writes."""
    values: dict[str, Any] = {name: draw(FLAG) for name in HevcSlice._fields}
    sets = draw(SETS)
    values |= {name: draw(BITS) for name in ("extra_bits", "address_bits", "order_bits")}
    values |= {name: draw(st.integers(1, 16)) for name in ("references_0", "references_1")}
    values["set_deltas"] = tuple(deltas for deltas, _ in sets)
    values["set_used"] = tuple(used for _, used in sets)
    values["long_term_used"] = tuple(draw(st.lists(FLAG, max_size=4)))
    return HevcSlice(**values)


@pytest.mark.parametrize("module", [_protection, reference], ids=["compiled", "reference"])
@pytest.mark.parametrize(
    ("kind", "layer", "hidden"),
    [
        (1, 1, True),  # of further views, as in spatial video
        (19, 40, True),
        (10, 0, True),  # reserved for pictures
        (31, 0, True),
        (63, 0, True),  # the enhancement layer of Dolby Vision
        (62, 0, False),  # what it says of pictures
        (32, 1, False),
        (39, 0, False),
    ],
)
def test_coded_pictures_that_are_no_slices_of_the_base_layer_are_hidden_too(
    module: ModuleType, kind: int, layer: int, *, hidden: bool
) -> None:
    unit = bytes((kind << 1 | layer >> 5, (layer & 31) << 3 | 1)) + bytes(range(1, 99))
    cipher = module.FragmentCipher("cbcs", KEY, IV["cbcs"], HevcDivision({}, 4))
    clear = 6 if hidden else 4 + len(unit)
    sample = len(unit).to_bytes(4) + unit
    assert cipher.subsamples(sample) == [(clear, len(sample) - clear)]


@given(st.binary(min_size=3, max_size=60), hevc_slices(), st.integers(0, 40))
def test_twins_agree_on_any_slice_header(body: bytes, known: HevcSlice, kind: int) -> None:
    unit = bytes((kind << 1, body[0] & 7)) + body[1:] + bytes(40)
    agree(HevcDivision(dict.fromkeys(range(4), known), 4), len(unit).to_bytes(4) + unit)


@given(st.binary(min_size=1, max_size=80), st.integers(1, 5000), FLAG)
def test_twins_agree_on_any_frame(body: bytes, width: int, is_frame: bool) -> None:
    agree(Vp9Division(width), bytes((body[0] & 0x3F | 0x80 if is_frame else body[0],)) + body[1:])


def agree(division: Division, sample: bytes) -> None:
    outcomes: list[Any] = []
    for module in (_protection, reference):
        cipher = module.FragmentCipher("cbcs", KEY, IV["cbcs"], division)
        try:
            outcomes.append(cipher.subsamples(sample))
        except ValueError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_what_has_slice_headers_of_its_own_is_refused(tmp_path: Path) -> None:
    record = configuration(make_clip(tmp_path / "clip.mp4", hevc()))
    profiles = [at for at in range(23, len(record)) if record[at : at + 2] == b"\x42\x01"]
    (at,) = profiles
    screen_content = record[: at + 3] + bytes((9,)) + record[at + 4 :]
    with pytest.raises(InvalidDecoderConfiguration, match="profile 9"):
        hevc_division(screen_content)
    for end in range(at + 4, at + 40, 5):
        with pytest.raises(InvalidDecoderConfiguration):
            hevc_division(record[:end])
