"""Decoder configuration records of pictures, from whatever a container keeps of them."""

from collections.abc import Sequence
from fractions import Fraction

from core.codecs import avc, hevc
from core.codecs.av1 import SEQUENCE_HEADER, av1_configuration, av1c_of, obus
from core.codecs.nal import annexb_units, is_annexb, prefixed_units
from core.codecs.vp9 import UNSPECIFIED, vp9_format, vpcc_of
from core.isobmff.sample_entry import InvalidDecoderConfiguration

Colour = tuple[int, int, int]


def video_record(
    codec: str,
    extradata: bytes,
    first: bytes,
    *,
    rate: Fraction | None = None,
    colour: Colour = UNSPECIFIED,
) -> tuple[bytes, bool]:
    """Give the record of a track, and whether its samples have start codes (Annex B).

    `codec` is FFmpeg's name, `extradata` what the container keeps, `first` the first sample. Raises
    `InvalidDecoderConfiguration` where they do not tell all that a decoder needs.
    """
    match codec:
        case "h264":
            return _avc(extradata, first)
        case "hevc":
            return _hevc(extradata, first)
        case "av1":
            return _av1(extradata, first), False
        case "vp9":
            return vpcc_of(vp9_format(first), rate, colour), False
        case _:
            raise InvalidDecoderConfiguration(f"{codec} video is not carried")


def _avc(extradata: bytes, first: bytes) -> tuple[bytes, bool]:
    if not _has_start_codes(extradata, first):
        avc.avc_configuration(extradata)
        return extradata, False
    units = _distinct([*annexb_units(extradata), *annexb_units(first)])
    kinds = [(unit[0] & 31, unit) for unit in units]
    return avc.avcc_of(
        [unit for kind, unit in kinds if kind == avc.SEQUENCE_PARAMETERS],
        [unit for kind, unit in kinds if kind == avc.PICTURE_PARAMETERS],
    ), True


def _hevc(extradata: bytes, first: bytes) -> tuple[bytes, bool]:
    """An `hev1` record may leave the parameter sets to the samples; they go out of band."""
    if _has_start_codes(extradata, first):
        units = _distinct([*annexb_units(extradata), *annexb_units(first)])
        return hevc.hvcc_from_units(_sets(units)), True
    config = hevc.hevc_configuration(extradata)
    if config.is_complete:
        return extradata, False
    known = [unit for members in config.units.values() for unit in members]
    found = _distinct([*known, *prefixed_units(first, config.length_size)])
    sets = _sets(found)
    if not all(sets.get(kind) for kind in hevc.PARAMETER_SETS):
        raise InvalidDecoderConfiguration("the parameter sets are nowhere at the beginning")
    return hevc.hvcc_of(extradata[: hevc.FIXED_BYTES], sets), False


def _sets(units: Sequence[bytes]) -> dict[int, list[bytes]]:
    sets: dict[int, list[bytes]] = {kind: [] for kind in hevc.PARAMETER_SETS}
    for unit in units:
        kind = unit[0] >> 1 & 63
        if kind in sets:
            sets[kind].append(unit)
    return sets


def _av1(extradata: bytes, first: bytes) -> bytes:
    """Believe the first sample where it contradicts the container, as files of SVT-AV1 have it."""
    headers = [obu.payload for obu in obus(first) if obu.kind == SEQUENCE_HEADER]
    try:
        known = av1_configuration(extradata).header
    except InvalidDecoderConfiguration:
        return av1c_of(first)
    return av1c_of(first) if headers and headers[0] != known else extradata


def _has_start_codes(extradata: bytes, first: bytes) -> bool:
    return is_annexb(extradata) or (not extradata and is_annexb(first))


def _distinct(units: Sequence[bytes]) -> list[bytes]:
    return list(dict.fromkeys(units))
