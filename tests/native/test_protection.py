"""Encrypted fragments, from both twins, decrypted again by their boxes."""

import io
import struct
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codecs.avc_slices import avc_division
from core.protection.scheme import Scheme
from core.protection.track_file import PADDED_PARTS, added_bytes
from native import TrackIndex, _protection, reference
from native._pool import BodyPool
from native.reference.avc_slice import UnitReader, _read, slice_header_bytes
from native.values import AvcDivision, AvcSlice
from tests.fixtures.decryption import Defaults, decrypt_fragment, decrypt_resource
from tests.fixtures.indexes import index_bytes

KEY = bytes(range(16))
KID = bytes(16)
IV = {"cenc": bytes.fromhex("00000007ffffffff"), "cbcs": bytes(range(100, 116))}
SCHEMES = ["cenc", "cbcs"]
# A Baseline stream of progressive pictures whose order of output is that of decoding.
PLAIN = AvcSlice(
    separate_colour_planes=False,
    has_chroma=True,
    frames_only=True,
    frame_number_bits=4,
    order_type=2,
    order_bits=0,
    delta_is_zero=False,
    bottom_field_order=False,
    redundant_pictures=False,
    references_0=1,
    references_1=1,
    weighted=False,
    weighted_bipred=0,
    arithmetic=False,
    deblocking=False,
    slice_group_bits=0,
)
# NAL unit header, then first_mb 0, type I, set 0, frame_num 0000, idr_pic_id 0, two marking bits,
# slice_qp_delta 0: one bit over two bytes.
SLICE_START = bytes((0x65, 0b1_011_1_000, 0b0_1_00_1_000))


@pytest.fixture(params=[_protection, reference], ids=["compiled", "reference"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def sample_of(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4) + unit for unit in units)


def slice_of(length: int, fill: int = 0xAB) -> bytes:
    return SLICE_START + bytes([fill]) * (length - len(SLICE_START))


def fragment_of(samples: list[bytes]) -> tuple[bytes, bytes]:
    rows = [(len(sample), 10, 0, 1) for sample in samples]
    index = TrackIndex(index_bytes(rows))
    return index.fragment_header(0, len(samples), 1), b"".join(samples)


def defaults_of(scheme: str, *, whole: bool) -> Defaults:
    pattern = (1, 9) if scheme == "cbcs" and not whole else (0, 0)
    iv = IV[scheme] if scheme == "cbcs" else b""
    return Defaults(scheme, KID, 0 if iv else 8, iv, pattern)


def test_a_resource_is_encrypted_as_the_standard_shows(implementation: ModuleType) -> None:
    # NIST SP 800-38A, F.2.1
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    clear = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    given_bytes = implementation.encrypt_resource(key, bytes(range(16)), clear[:5], clear[5:])
    assert given_bytes[:32].hex() == (
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    )
    assert len(given_bytes) == 48, "a whole block of padding"


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(min_size=16, max_size=16))
def test_a_resource_comes_back(head: bytes, body: bytes, iv: bytes) -> None:
    compiled = _protection.encrypt_resource(KEY, iv, head, body)
    assert compiled == reference.encrypt_resource(KEY, iv, head, body)
    assert decrypt_resource(compiled, KEY, iv) == head + body


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_samples_without_units_are_encrypted_whole(scheme: str, data: st.DataObject) -> None:
    samples = data.draw(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=20))
    first = data.draw(st.integers(0, 2**40))
    header, body = fragment_of(samples)
    made = [
        module.FragmentCipher(scheme, KEY, IV[scheme]).fragment(header, body, first)
        for module in (_protection, reference)
    ]
    assert made[0] == made[1]
    assert decrypt_fragment(made[0], defaults_of(scheme, whole=True), KEY) == samples


UNITS = st.one_of(
    st.binary(min_size=1, max_size=60).map(lambda rest: b"\x06" + rest),  # not a slice
    st.integers(len(SLICE_START), 700).map(slice_of),
)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_how_long_a_padded_fragment_is_depends_on_the_number_of_samples(
    scheme: str, data: st.DataObject
) -> None:
    units = data.draw(st.lists(st.lists(UNITS, min_size=1, max_size=8), min_size=1, max_size=6))
    samples = [sample_of(*each) for each in units]
    header, body = fragment_of(samples)
    for division in (AvcDivision({0: PLAIN}, 4), None):
        made = [
            module.FragmentCipher(scheme, KEY, IV[scheme], division, padded=True).fragment(
                header, body, 5
            )
            for module in (_protection, reference)
        ]
        assert made[0] == made[1]
        more = added_bytes(len(samples), Scheme(scheme), divided=division is not None)
        assert len(made[0]) == len(header) + len(body) + more
        defaults = defaults_of(scheme, whole=division is None)
        assert decrypt_fragment(made[0], defaults, KEY) == samples


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("slices", [1, 8, 9, 41])
def test_a_padded_fragment_hides_what_any_other_does_or_is_refused(
    implementation: ModuleType, scheme: str, slices: int
) -> None:
    """Else what it shows gives away the keystream of the other, and so on through the picture."""
    sample = sample_of(*(slice_of(100) for _ in range(slices)))
    header, body = fragment_of([sample])
    plain, padded = (
        implementation.FragmentCipher(
            scheme, KEY, IV[scheme], AvcDivision({0: PLAIN}, 4), padded=padded
        )
        for padded in (False, True)
    )
    if slices > PADDED_PARTS:
        with pytest.raises(ValueError, match="too much that must stay clear"):
            padded.fragment(header, body, 0)
        return
    made = [cipher.fragment(header, body, 0)[-len(body) :] for cipher in (plain, padded)]
    assert made[0] == made[1]
    assert padded.subsamples(sample) == plain.subsamples(sample)


@pytest.mark.parametrize(
    ("kind", "head"), [(2, 1), (3, 1), (4, 1), (19, 1), (20, 4), (21, 4), (6, 0), (12, 0), (14, 0)]
)
def test_coded_pictures_that_are_no_slices_of_the_base_view_are_hidden_too(
    implementation: ModuleType, kind: int, head: int
) -> None:
    unit = bytes((0x60 | kind,)) + bytes(range(1, 196))
    cipher = implementation.FragmentCipher("cbcs", KEY, IV["cbcs"], AvcDivision({0: PLAIN}, 4))
    clear = 4 + head if head else 4 + len(unit)
    assert cipher.subsamples(sample_of(unit)) == [(clear, 4 + len(unit) - clear)]
    short = unit[: head or 1]
    assert cipher.subsamples(sample_of(short)) == [(4 + len(short), 0)]


def test_a_picture_that_has_to_be_gone_through_again_is_nothing_to_do_at_once(
    tmp_path: Path,
) -> None:
    """A thread of the data plane has other clients meanwhile."""
    cipher = _protection.FragmentCipher("cenc", KEY, IV["cenc"], AvcDivision({0: PLAIN}, 4))
    for slices, fits in ((40, True), (41, False)):
        header, body = fragment_of([sample_of(*(slice_of(100) for _ in range(slices)))])
        path = tmp_path / str(slices)
        path.write_bytes(body)
        with path.open("rb") as file:
            place = (header, file.fileno(), 0, len(body), 0)
            with nullcontext() if fits else pytest.raises(BlockingIOError):
                cipher.sealed(BodyPool(1 << 20), *place, at_once=True)
            cipher.sealed(BodyPool(1 << 20), *place)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_samples_of_units_keep_what_is_no_slice_data(scheme: str, data: st.DataObject) -> None:
    units = data.draw(st.lists(st.lists(UNITS, min_size=1, max_size=6), min_size=1, max_size=6))
    samples = [sample_of(*each) for each in units]
    header, body = fragment_of(samples)
    ciphers = [
        module.FragmentCipher(scheme, KEY, IV[scheme], AvcDivision({0: PLAIN}, 4))
        for module in (_protection, reference)
    ]
    made = [cipher.fragment(header, body, 5) for cipher in ciphers]
    assert made[0] == made[1]
    assert decrypt_fragment(made[0], defaults_of(scheme, whole=False), KEY) == samples
    assert {cipher.fragment_length(header, body) for cipher in ciphers} == {len(made[0])}
    for sample, parts in zip(samples, units, strict=True):
        check_pieces(scheme, sample, parts, ciphers[0].subsamples(sample))


def check_pieces(
    scheme: str, sample: bytes, units: list[bytes], pieces: list[tuple[int, int]]
) -> None:
    """Nothing that is encrypted lies outside of slice data, and all of that is but what is left."""
    hidden: set[int] = set()
    at = 0
    for clear, length in pieces:
        assert scheme == "cbcs" or length % 16 == 0
        hidden |= set(range(at + clear, at + clear + length))
        at += clear + length
    assert at == len(sample)
    at = 0
    for unit in units:
        at += 4
        start = at + (3 if unit[0] & 31 == 5 else len(unit))
        inside = {place for place in hidden if at - 4 <= place < at + len(unit)}
        data = at + len(unit) - start
        expected = data if scheme == "cbcs" and data >= 16 else data // 16 * 16
        assert inside == set(range(at + len(unit) - expected, at + len(unit)))
        at += len(unit)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_picture_of_many_slices_is_still_encrypted(
    implementation: ModuleType, scheme: str
) -> None:
    sample = sample_of(*(slice_of(100) for _ in range(135)))
    header, body = fragment_of([sample])
    cipher = implementation.FragmentCipher(scheme, KEY, IV[scheme], AvcDivision({0: PLAIN}, 4))
    pieces = cipher.subsamples(sample)
    assert 30 <= len(pieces) <= 42
    made = cipher.fragment(header, body, 0)
    assert decrypt_fragment(made, defaults_of(scheme, whole=False), KEY) == [sample]


def test_clear_bytes_beyond_sixteen_bits_take_entries_of_their_own(
    implementation: ModuleType,
) -> None:
    sample = sample_of(b"\x06" + bytes(150_000), slice_of(19))
    cipher = implementation.FragmentCipher("cbcs", KEY, IV["cbcs"], AvcDivision({0: PLAIN}, 4))
    assert cipher.subsamples(sample) == [(65535, 0), (65535, 0), (150_005 - 131_070 + 7, 16)]


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        (b"\0\0\0\x09\x65", "not made of whole NAL units"),
        (b"\0\0\0\0", "not made of whole NAL units"),
        (b"\0\0", "not made of whole NAL units"),
        (sample_of(b"\x65"), "slice header that makes no sense"),
        (sample_of(b"\x65\0\0\0\0\0\0\0"), "slice header that makes no sense"),
        (sample_of(b"\x65\x4c\x80\x80\x80"), "slice header that makes no sense"),  # another set
        (sample_of(b"\x06" + bytes(3_000_000)), "too much that must stay clear"),
        (sample_of(b"\x06") * 530_000, "too much that must stay clear"),
    ],
)
def test_samples_that_make_no_sense_are_refused(
    implementation: ModuleType, sample: bytes, problem: str
) -> None:
    cipher = implementation.FragmentCipher("cenc", KEY, IV["cenc"], AvcDivision({0: PLAIN}, 4))
    good = sample_of(slice_of(40))
    with pytest.raises(ValueError, match=problem):
        cipher.subsamples(sample)
    with pytest.raises(ValueError, match=f"sample 1 of the fragment .*{problem}"):
        cipher.fragment(*fragment_of([good, sample]), 0)


@pytest.mark.parametrize("change", ["body", "mdat", "traf", "run", "count", "twice"])
def test_headers_that_do_not_fit_are_refused(implementation: ModuleType, change: str) -> None:
    cipher = implementation.FragmentCipher("cenc", KEY, IV["cenc"])
    header, body = fragment_of([b"one", b"three"])
    match change:
        case "body":
            body += b"!"
        case "mdat":
            header = header[:-8]
        case "traf":
            header = header.replace(b"traf", b"free")
        case "run":
            header = header.replace(b"trun", b"free")
        case "count":
            at = header.index(b"trun") + 8
            header = header[:at] + (2**31).to_bytes(4) + header[at + 4 :]
        case _:
            encrypted = cipher.fragment(header, body, 0)
            header = encrypted[: -len(body)]
    with pytest.raises(ValueError, match=r"header|mdat|track|run|trun|encrypted"):
        cipher.fragment(header, body, 0)


@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(0, 200), st.binary(max_size=4))
def test_twins_agree_on_any_header(junk: bytes, body: bytes, at: int, patch: bytes) -> None:
    header, clear = fragment_of([b"first sample", b"x", b"third"])
    mutated = header[:at] + patch + header[at + len(patch) :]
    for data, samples in ((junk + struct.pack(">I4s", len(body) + 8, b"mdat"), body),
                          (mutated, clear)):  # fmt: skip
        outcomes = []
        for module in (_protection, reference):
            cipher = module.FragmentCipher("cbcs", KEY, IV["cbcs"])
            try:
                outcomes.append(cipher.fragment(data, samples, 0))
            except ValueError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


@given(st.binary(min_size=1, max_size=40), st.data())
def test_twins_agree_on_any_slice_header(unit: bytes, data: st.DataObject) -> None:
    flag, bits = st.booleans(), st.integers(0, 16)
    known = data.draw(
        st.builds(
            AvcSlice, flag, flag, flag, bits, st.integers(0, 2), bits, flag, flag, flag,
            st.integers(1, 32), st.integers(1, 32), flag, st.integers(0, 2), flag, flag, bits,
        )
    )  # fmt: skip
    unit = bytes((unit[0] & 0x60 | data.draw(st.sampled_from([1, 5])), *unit[1:]))
    sample = sample_of(unit + bytes(16))
    outcomes: list[Any] = []
    for module in (_protection, reference):
        cipher = module.FragmentCipher(
            "cbcs", KEY, IV["cbcs"], AvcDivision(dict.fromkeys(range(4), known), 4)
        )
        try:
            outcomes.append(cipher.subsamples(sample))
        except ValueError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("cens", KEY, IV["cenc"]),
        ("cenc", KEY[:15], IV["cenc"]),
        ("cenc", KEY, IV["cbcs"]),
        ("cbcs", KEY, IV["cenc"]),
    ],
)
def test_keys_and_vectors_have_their_lengths(
    implementation: ModuleType, arguments: tuple[str, bytes, bytes]
) -> None:
    with pytest.raises(ValueError, match=r"scheme|bytes"):
        implementation.FragmentCipher(*arguments)


X264 = {
    "B pictures, weights, several references": "bframes=3:weightp=2:weightb=1:ref=4:b-pyramid=2",
    "four slices": "slices=4:bframes=2",
    "interlaced": "interlaced=1:bframes=2",
    "without arithmetic coding": "cabac=0:bframes=2:ref=3",
    "without deblocking": "no-deblock=1",
    "open groups": "open-gop=1:bframes=2:keyint=8",
}


@cache
def clip_of(parameters: str) -> tuple[AvcDivision, list[bytes]]:
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as output:
        stream = output.add_stream(
            "libx264", rate=25, options={"x264-params": f"threads=1:{parameters}"}
        )
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(24):
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane in frame.planes:
                noise = bytes((each * (number + 3) * 31 >> 3) & 255 for each in range(997))
                plane.update((noise * 100)[: plane.buffer_size])
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with av.open(io.BytesIO(data.getvalue()), "r") as source:
        avcc = source.streams.video[0].codec_context.extradata
        assert avcc is not None
        return avc_division(avcc), [bytes(packet) for packet in source.demux() if packet.size]


@pytest.mark.parametrize("parameters", X264.values(), ids=X264.keys())
def test_slice_headers_end_where_slice_data_begins(parameters: str) -> None:
    """Up to the next byte arithmetic coding has ones (§7.3.4), which no misread header finds."""
    sets, samples = clip_of(parameters)
    (known,) = sets.slices.values()
    seen = 0
    for sample in samples:
        at = 0
        while at < len(sample):
            length = int.from_bytes(sample[at : at + 4])
            unit = memoryview(sample)[at + 4 : at + 4 + length]
            at += 4 + length
            if unit[0] & 31 not in {1, 5}:
                continue
            seen += 1
            reader = UnitReader(unit)
            assert _read(reader, unit[0], sets.slices)
            if known.arithmetic:
                rest = [reader.bit() for _ in range(reader._left)]
                assert all(rest), f"{rest} at {reader.at} of {bytes(unit[:40]).hex()}"
            assert slice_header_bytes(unit, sets.slices) == reader.at
    assert seen >= len(samples)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("parameters", X264.values(), ids=X264.keys())
def test_real_pictures_come_back(scheme: str, parameters: str) -> None:
    sets, samples = clip_of(parameters)
    header, body = fragment_of(samples)
    made = [
        module.FragmentCipher(scheme, KEY, IV[scheme], sets).fragment(header, body, 9)
        for module in (_protection, reference)
    ]
    assert made[0] == made[1]
    assert made[0][-len(body) :] != body
    assert decrypt_fragment(made[0], defaults_of(scheme, whole=False), KEY) == samples
