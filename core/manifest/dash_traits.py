"""What an MPD says of colour and channels, in the schemes that players know."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from core.media.presentation import AudioTraits, VideoTraits
from core.media.video_range import HLG, PQ, UNSPECIFIED_COLOUR

CICP = "urn:mpeg:mpegB:cicp:"
"""ISO/IEC 23091-1; the values are those of ISO/IEC 23091-2."""
SDR_TRANSFER_OF_HLG = "14"
MPEG_CHANNELS = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
DOLBY_CHANNELS = "tag:dolby.com,2014:dash:audio_channel_configuration:2011"
DOLBY_OBJECTS = "tag:dolby.com,2018:dash:EC3_ExtensionType:2018"
CHANNEL_CONFIGURATIONS = {7: 11, 8: 7}
"""ISO/IEC 23003-3: up to 5.1 the configuration's number is that of its channels."""
DOLBY_MASKS = {
    1: "4000", 2: "A000", 3: "E000", 4: "B800", 5: "F800", 6: "F801", 7: "F881", 8: "FA01",
}  # fmt: skip
"""Channels as bits, from L, C, R, Ls, Rs, Lc/Rc, Lrs/Rrs, Cs on; the last is LFE."""
DOLBY_CODECS = ("ac-3", "ec-3")


def colour_properties(traits: VideoTraits) -> Iterator[Element]:
    """Give the descriptors of a picture's colour (DASH-IF IOP §10.4); none for what is usual.

    What a player must know to show a picture right is essential: of PQ all of it, of HLG, which
    looks right on a plain screen, all but its own transfer.
    """
    if traits.video_range not in (PQ, HLG) or traits.colour == UNSPECIFIED_COLOUR:
        return
    primaries, transfer, matrix = map(str, traits.colour)
    is_hlg = traits.video_range == HLG
    yield _property("EssentialProperty", "ColourPrimaries", primaries)
    yield _property(
        "EssentialProperty", "TransferCharacteristics", SDR_TRANSFER_OF_HLG if is_hlg else transfer
    )
    yield _property("EssentialProperty", "MatrixCoefficients", matrix)
    if is_hlg:
        yield _property("SupplementalProperty", "TransferCharacteristics", transfer)


def channel_configuration(codec: str, traits: AudioTraits) -> Element:
    """Give AudioChannelConfiguration, in Dolby's scheme for Dolby's codecs."""
    if codec in DOLBY_CODECS and traits.channels in DOLBY_MASKS:
        scheme, value = DOLBY_CHANNELS, DOLBY_MASKS[traits.channels]
    else:
        scheme = MPEG_CHANNELS
        value = str(CHANNEL_CONFIGURATIONS.get(traits.channels, traits.channels))
    return Element("AudioChannelConfiguration", {"schemeIdUri": scheme, "value": value})


def object_property(traits: AudioTraits) -> Iterator[Element]:
    """Give the descriptor of sound objects (Dolby Atmos), where there are any."""
    if traits.objects:
        yield Element("SupplementalProperty", {"schemeIdUri": DOLBY_OBJECTS, "value": "JOC"})


def _property(name: str, what: str, value: str) -> Element:
    return Element(name, {"schemeIdUri": CICP + what, "value": value})
