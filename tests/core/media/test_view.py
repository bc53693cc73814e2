"""What a session may see, and the one way to spell it in a URL."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.media_token import KeyRing, MediaKey, TokenForged, sign, verify
from core.media.view import (
    CODECS,
    LONGEST_ADDRESS,
    PICTURES,
    WHOLE,
    UnknownView,
    UnusableView,
    View,
    address,
    read_address,
    rising,
)

RING = KeyRing((MediaKey("k", b"s" * 32),))

NAMES = {
    "": WHOLE,
    "-b1500": View(start_ms=1500),
    "-e90000": View(end_ms=90_000),
    "-b1-e2": View(start_ms=1, end_ms=2),
    "-h720": View(max_height=720),
    "-cac_3-cavc1": View(codecs=("ac-3", "avc1")),
    "-ade-apt_br": View(audio=("de", "pt-br")),
    "-d0": View(hdr=False),
    "-d1": View(hdr=True),
    "-p": PICTURES,
    "-b1-e2-h720-cavc1-ade-d0": View(1, 2, 720, ("avc1",), ("de",), hdr=False),
}


@pytest.mark.parametrize(("spelling", "view"), NAMES.items())
def test_a_view_is_spelled_behind_the_playback_id(spelling: str, view: View) -> None:
    assert address("s_0d3k", view) == f"s_0d3k{spelling}"
    assert read_address(f"s_0d3k{spelling}") == ("s_0d3k", view)


@pytest.mark.parametrize(
    "spelling",
    [
        "-", "--h720", "-h720-", "-H720", "-h0720", "-h0", "-h", "-h720-h720", "-b0", "-b01",
        "-b-1", "-h720-b1", "-e2-b1", "-b2-e2", "-b3-e2", "-b99999999999", "-cavc1-cac_3",
        "-cavc1-cavc1", "-cav", "-cxxxx", "-cAVC1", "-ade-ade", "-apt-ade", "-aDE", "-ad",
        "-apt-br", "-a_de", "-d2", "-d", "-p-p", "-p-h720", "-h720-p", "-x1", "-h720%2d", "-h٣",
        "-b1\n", "-h720-d0-ade",
    ],
)  # fmt: skip
def test_there_is_no_second_spelling_and_no_nonsense(spelling: str) -> None:
    with pytest.raises(UnknownView):
        read_address(f"s_0d3k{spelling}")


VIEWS = st.builds(
    View,
    start_ms=st.integers(0, 10**6),
    end_ms=st.none() | st.integers(10**6 + 1, 10**9),
    max_height=st.none() | st.integers(1, 99_999),
    codecs=st.sets(st.sampled_from(sorted(CODECS)), max_size=4).map(rising),
    audio=st.sets(st.sampled_from(["de", "en", "pt-br", "zh-hant-tw"]), max_size=3).map(rising),
    hdr=st.none() | st.booleans(),
)


@given(VIEWS)
def test_what_is_spelled_is_read_back_and_fits_into_a_token(view: View) -> None:
    name = address("s_" + "0" * 20, view)
    assert len(name) <= LONGEST_ADDRESS
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
    assert read_address(name) == ("s_" + "0" * 20, view)
    token = sign(name, session_id="x", expires_s=100, keys=RING)
    assert verify(f"/media/~{token}/{name}/master.m3u8", RING, 1).playback_id == name


@given(st.text(alphabet="-_abcdehp0123456789s", max_size=40))
def test_whatever_is_read_is_spelled_just_so(text: str) -> None:
    try:
        playback_id, view = read_address(text)
    except UnknownView:
        return
    assert address(playback_id, view) == text


@given(VIEWS, VIEWS)
def test_a_token_for_one_view_opens_no_other(mine: View, other: View) -> None:
    token = sign(address("s_1", mine), session_id="x", expires_s=100, keys=RING)
    if mine != other:
        with pytest.raises(TokenForged):
            verify(f"/media/~{token}/{address('s_1', other)}/master.m3u8", RING, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start_ms": 5, "end_ms": 5}, "no length"),
        ({"codecs": ("divx",)}, "divx"),
        ({"audio": ("d",)}, "'d'"),
        ({"audio": ("de" * 100,)}, "language tag"),
        ({"audio": ("en", "de")}, "do not rise"),
        ({"max_height": -1}, "more than a URL can hold"),
        ({"audio": tuple(f"a{chr(97 + n)}-aaaaaaaa" for n in range(9))}, "more than a URL"),
        ({"only_pictures": True, "max_height": 1}, "nothing else to say"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UnusableView, match=said):
        View(**changes)  # type: ignore[arg-type] # the cases have one argument each


def test_height_is_that_of_the_shorter_side() -> None:
    view = View(max_height=720)
    assert view.shows_picture("avc1.64001f", 1280, 720, is_hdr=False)
    assert view.shows_picture("avc1.64001f", 720, 1280, is_hdr=False)
    assert not view.shows_picture("avc1.64001f", 1920, 1080, is_hdr=False)


def test_codecs_choose_among_the_kind_that_they_name() -> None:
    view = View(codecs=("avc1",))
    assert view.shows_picture("avc1.64001f", 1, 1, is_hdr=False)
    assert not view.shows_picture("hvc1.1.6.L93.B0", 1, 1, is_hdr=False)
    assert view.sounds("mp4a.40.2", "de")
    assert View(codecs=("opus",)).sounds("Opus", "de")
    assert not View(codecs=("opus",)).sounds("mp4a.40.2", "de")


@pytest.mark.parametrize(
    ("wanted", "spoken", "heard"),
    [("de", "de", True), ("de", "de-AT", True), ("de", "den", False), ("pt-br", "pt-BR", True),
     ("pt-br", "pt", False), ("de", "und", False)],
)  # fmt: skip
def test_a_language_includes_its_varieties(wanted: str, spoken: str, *, heard: bool) -> None:
    assert View(audio=(wanted,)).sounds("mp4a.40.2", spoken) is heard


@pytest.mark.parametrize(
    ("hdr", "shown"), [(None, {True, False}), (True, {True}), (False, {False})]
)
def test_hdr_can_be_left_out_or_asked_for(hdr: bool | None, shown: set[bool]) -> None:
    view = View(hdr=hdr)
    assert {
        is_hdr for is_hdr in (True, False) if view.shows_picture("hvc1", 1, 1, is_hdr=is_hdr)
    } == (shown)
