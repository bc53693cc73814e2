"""What sequence headers of AV1 say that frame headers depend on, and what none says."""

import random

import pytest

from core.codecs.av1_division import av1_division
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from tests.fixtures.av1_streams import any_division, obu, sequence_header

HEAD = b"\x81\0\0\0"
USUAL = bytes.fromhex("0000000337fbe257c802")


def test_a_usual_sequence_header_is_read() -> None:
    division = av1_division(HEAD + obu(1, USUAL))
    assert (division.width, division.height, division.order_bits) == (128, 96, 7)
    assert (division.reduced, division.decoder_model, division.film_grain) == (False, False, False)


@pytest.mark.parametrize("seed", range(50))
def test_whatever_is_written_is_read(seed: int) -> None:
    division = any_division(random.Random(seed))
    assert av1_division(HEAD + obu(1, sequence_header(division))) == division


def test_what_is_cut_off_is_refused() -> None:
    whole = sequence_header(any_division(random.Random(3)))
    for end in range(len(whole) - 1):
        with pytest.raises(InvalidDecoderConfiguration):
            av1_division(HEAD + obu(1, whole[:end]))
    with pytest.raises(InvalidDecoderConfiguration, match="sequence headers"):
        av1_division(HEAD)
