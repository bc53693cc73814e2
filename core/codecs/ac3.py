"""AC-3 and E-AC-3 as stored in MP4 (ETSI TS 102 366 annex F): frames, configurations, entries.

Dolby's names for them are Dolby Digital and Dolby Digital Plus; the latter may carry Dolby Atmos
as joint object coding (JOC), which its configuration says (ETSI TS 103 420 §8.3).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.isobmff.bit_reader import BitReader
from core.isobmff.box import box
from core.isobmff.sample_entry import InvalidDecoderConfiguration, audio_sample_entry

SYNC_WORD = b"\x0b\x77"
RATES = (48_000, 44_100, 32_000)
BLOCK_SAMPLES = 256
FRAME_SAMPLES = 1536
"""Six blocks: what a frame of AC-3, and a sample of E-AC-3 in a file, holds."""
CHANNELS = (2, 1, 2, 3, 3, 4, 4, 5)
"""By acmod (§4.4.2.3), without low frequency effects."""
KILOBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
"""By frmsizecod / 2 (§4.4.1.4)."""
LARGEST_AC3_BSID = 10
E_AC3_BSID = 16
INDEPENDENT, DEPENDENT, CONVERTED = 0, 1, 2
BLOCKS = (1, 2, 3, 6)
AC3_CODEC_STRING = "ac-3"
EAC3_CODEC_STRING = "ec-3"


@dataclass(frozen=True, slots=True)
class SyncFrame:
    """What a frame's head says; sizes in bytes, rate in Hz.

    `kind` and `substream` are those of E-AC-3. `channel_map` has the bits of chanmap (§E.1.3.1.8),
    `joc` is the complexity of joint object coding, 0 where there is none.
    """

    size: int
    rate_code: int
    sample_rate: int
    blocks: int
    bsid: int
    bsmod: int
    acmod: int
    lfe: int
    bit_rate_code: int = 0
    kind: int = INDEPENDENT
    substream: int = 0
    channel_map: int = 0
    joc: int = 0

    @property
    def channels(self) -> int:
        """How many channels the frame has by itself."""
        return CHANNELS[self.acmod] + self.lfe


def sync_frames(sample: bytes) -> Iterator[SyncFrame]:
    """Read the heads of all frames in a sample; raises `InvalidDecoderConfiguration`."""
    at = 0
    while at < len(sample):
        frame = _sync_frame(sample[at : at + 128])
        if at + frame.size > len(sample):
            raise InvalidDecoderConfiguration(
                f"a frame of {frame.size} bytes in a sample of {len(sample)}"
            )
        yield frame
        at += frame.size


def _sync_frame(data: bytes) -> SyncFrame:
    if len(data) < 7 or not data.startswith(SYNC_WORD):
        raise InvalidDecoderConfiguration(f"no frame of AC-3: {data[:7].hex()}")
    bsid = data[5] >> 3
    bits = BitReader(data[2:])
    try:
        if bsid <= LARGEST_AC3_BSID:
            return _ac3_frame(bits)
        if bsid <= E_AC3_BSID:
            return _eac3_frame(bits)
    except EOFError as cause:
        raise InvalidDecoderConfiguration("a frame of AC-3 is cut off") from cause
    raise InvalidDecoderConfiguration(f"AC-3 of bit stream identification {bsid}")


def _ac3_frame(bits: BitReader) -> SyncFrame:
    """§4.3.1, §4.3.2."""
    bits.read(16)  # crc1
    rate_code, size_code = bits.read(2), bits.read(6)
    bsid, bsmod, acmod = bits.read(5), bits.read(3), bits.read(3)
    if acmod & 1 and acmod != 1:
        bits.read(2)
    if acmod & 4:
        bits.read(2)
    if acmod == 2:
        bits.read(2)
    lfe = bits.read(1)
    if rate_code == 3 or size_code >> 1 >= len(KILOBITS):
        raise InvalidDecoderConfiguration(f"AC-3 of rate {rate_code} and size {size_code}")
    rate, kilobits = RATES[rate_code], KILOBITS[size_code >> 1]
    words = kilobits * 1000 * FRAME_SAMPLES // (16 * rate) + (rate == 44_100 and size_code & 1)
    return SyncFrame(
        2 * words, rate_code, rate, 6, bsid, bsmod, acmod, lfe, bit_rate_code=size_code >> 1
    )


def _eac3_frame(bits: BitReader) -> SyncFrame:
    """§E.1.2.1, §E.1.2.2."""
    kind, substream, words = bits.read(2), bits.read(3), bits.read(11) + 1
    rate_code, blocks_code = bits.read(2), bits.read(2)
    if kind > CONVERTED or (rate_code == 3 and blocks_code == 3):
        raise InvalidDecoderConfiguration(f"E-AC-3 of type {kind} and rate {rate_code}")
    rate = RATES[rate_code] if rate_code < 3 else RATES[blocks_code] // 2
    blocks = BLOCKS[blocks_code] if rate_code < 3 else 6
    acmod, lfe, bsid = bits.read(3), bits.read(1), bits.read(5)
    frame = SyncFrame(
        2 * words, rate_code, rate, blocks, bsid, 0, acmod, lfe, kind=kind, substream=substream
    )
    return _with_rest(bits, frame)


def _with_rest(bits: BitReader, frame: SyncFrame) -> SyncFrame:
    """Read on to what dependent substreams and objects need."""
    acmod = frame.acmod
    for _ in range(2 if acmod == 0 else 1):
        bits.read(5)  # dialnorm
        _optional(bits, 8)
    mapping = bits.read(16) if frame.kind == DEPENDENT and bits.read(1) else 0
    if bits.read(1):
        _skip_mixing(bits, frame)
    bsmod = _skip_information(bits, frame) if bits.read(1) else 0
    if frame.kind == INDEPENDENT and frame.blocks != 6:
        bits.read(1)  # convsync
    if frame.kind == CONVERTED and (frame.blocks == 6 or bits.read(1)):
        bits.read(6)  # frmsizecod
    joc = 0
    if bits.read(1):  # addbsie
        length = bits.read(6) + 1
        if length >= 2:
            bits.read(7)
            joc = bits.read(8) if bits.read(1) else 0
    return replace(frame, bsmod=bsmod, channel_map=mapping, joc=joc)


def _skip_mixing(bits: BitReader, frame: SyncFrame) -> None:
    """Skip what `mixmdate` announces."""
    acmod = frame.acmod
    bits.read(2 * (acmod > 2) + 6 * (acmod & 1 and acmod > 2) + 6 * bool(acmod & 4))
    if frame.lfe:
        _optional(bits, 5)
    if frame.kind != INDEPENDENT:
        return
    for _ in range(3 if acmod == 0 else 2):
        _optional(bits, 6)  # pgmscl, extpgmscl
    definition = bits.read(2)
    bits.read(8 * (bits.read(5) + 2) if definition == 3 else (0, 5, 12)[definition])
    for _ in range(max(0, 2 - acmod)):
        _optional(bits, 14)  # paninfo
    if bits.read(1):  # frmmixcfginfoe
        _skip_blocks(bits, frame.blocks)


def _skip_blocks(bits: BitReader, blocks: int) -> None:
    if blocks == 1:
        bits.read(5)
        return
    for _ in range(blocks):
        _optional(bits, 5)


def _skip_information(bits: BitReader, frame: SyncFrame) -> int:
    """Skip what `infomdate` announces; gives bsmod, with which it begins."""
    bsmod = bits.read(3)
    bits.read(2 + 4 * (frame.acmod == 2) + 2 * (frame.acmod >= 6))
    for _ in range(2 if frame.acmod == 0 else 1):
        _optional(bits, 8)  # production information
    bits.read(int(frame.rate_code < 3))
    return bsmod


def _optional(bits: BitReader, width: int) -> None:
    """Skip bits where the one before them says that they are there."""
    if bits.read(1):
        bits.read(width)


def ac3_sample_entry(sample: bytes) -> bytes:
    """Give the `ac-3` box of a track that begins with this sample (§F.3, §F.4)."""
    frame = _first(sample)
    if frame.bsid > LARGEST_AC3_BSID:
        raise InvalidDecoderConfiguration(f"E-AC-3 (bsid {frame.bsid}) where AC-3 was told")
    fields = (
        (frame.rate_code, 2), (frame.bsid, 5), (frame.bsmod, 3), (frame.acmod, 3),
        (frame.lfe, 1), (frame.bit_rate_code, 5), (0, 5),
    )  # fmt: skip
    return audio_sample_entry(
        b"ac-3", frame.channels, frame.sample_rate, box(b"dac3", _pack(fields))
    )


def eac3_sample_entry(sample: bytes, dec3: bytes = b"") -> bytes:
    """Give the `ec-3` box of a track that begins with this sample (§F.5, §F.6).

    It has the configuration that the source has, or one that is made of the sample.
    """
    dec3 = dec3 or dec3_of(sample)
    if len(dec3) < 5:
        raise InvalidDecoderConfiguration(f"a dec3 of {len(dec3)} bytes")
    frame = _first(sample)
    channels = eac3_channels(sample)
    return audio_sample_entry(b"ec-3", channels, frame.sample_rate, box(b"dec3", dec3))


def eac3_channels(sample: bytes) -> int:
    """Count the channels of the first programme: the independent substream and its dependents."""
    count = 0
    for number, frame in enumerate(sync_frames(sample)):
        if number and frame.kind != DEPENDENT:
            break
        count += frame.channels if frame.kind != DEPENDENT else _further(frame.channel_map)
    return count


def _further(mapping: int) -> int:
    """Count the channels of a dependent substream that its independent one has not."""
    pairs = (
        mapping >> 10 & 1,
        mapping >> 9 & 1,
        mapping >> 6 & 1,
        mapping >> 5 & 1,
        mapping >> 4 & 1,
    )
    singles = mapping >> 8 & 1, mapping >> 7 & 1, mapping >> 3 & 1, mapping >> 1 & 1
    return 2 * sum(pairs) + 2 * (mapping >> 2 & 1) + sum(singles)


def is_joint_object_coding(sample: bytes) -> bool:
    """Whether a sample of E-AC-3 carries Dolby Atmos."""
    return any(frame.joc for frame in sync_frames(sample))


def dec3_of(sample: bytes) -> bytes:
    """Make the content of a `dec3` box from a sample (§F.6; the extension, TS 103 420 §8.3)."""
    frames = list(sync_frames(sample))
    groups = _programmes(frames)
    fields: list[tuple[int, int]] = [(_kilobits(frames), 13), (len(groups) - 1, 3)]
    for first, dependents in groups:
        # The reserved bit before asvc is 0, and so are the three after lfeon.
        fields += [(first.rate_code, 2), (first.bsid, 5), (0, 1), (0, 1), (first.bsmod, 3),
                   (first.acmod, 3), (first.lfe, 1), (0, 3), (len(dependents), 4)]  # fmt: skip
        mapping = 0
        for each in dependents:
            mapping |= each.channel_map
        fields.append((_locations(mapping), 9) if dependents else (0, 1))
    joc = max(frame.joc for frame in frames)
    if joc:
        fields += [(0, 7), (1, 1), (joc, 8)]
    return _pack(fields)


def _programmes(frames: Sequence[SyncFrame]) -> list[tuple[SyncFrame, list[SyncFrame]]]:
    """Group a sample's frames: each independent substream once, with its dependents."""
    groups: dict[int, tuple[SyncFrame, dict[int, SyncFrame]]] = {}
    current: dict[int, SyncFrame] | None = None
    for frame in frames:
        if frame.bsid <= LARGEST_AC3_BSID:
            raise InvalidDecoderConfiguration("AC-3 where E-AC-3 was told")
        if frame.kind != DEPENDENT:
            _, current = groups.setdefault(frame.substream, (frame, {}))
        elif current is None:
            raise InvalidDecoderConfiguration("E-AC-3 begins with a dependent substream")
        else:
            current.setdefault(frame.substream, frame)
    if not groups:
        raise InvalidDecoderConfiguration("a sample of E-AC-3 without a frame")
    return [(first, list(dependents.values())) for first, dependents in groups.values()]


def _kilobits(frames: Sequence[SyncFrame]) -> int:
    """Give the data rate, in kbit/s, of a sample's bytes over the time it lasts."""
    size = sum(frame.size for frame in frames)
    main = [frame for frame in frames if frame.kind != DEPENDENT and frame.substream == 0]
    blocks = sum(frame.blocks for frame in main) or 6
    rate = frames[0].sample_rate
    return min(0x1FFF, 8 * size * rate // (1000 * BLOCK_SAMPLES * blocks))


def _locations(mapping: int) -> int:
    """Turn chanmap, whose first bit is L, into chan_loc, whose lowest is Lc/Rc (table F.6.1)."""
    location = 0
    for place in range(7):
        location |= (mapping >> 10 - place & 1) << place
    return location | (mapping >> 3 & 1) << 7 | (mapping >> 1 & 1) << 8


def _first(sample: bytes) -> SyncFrame:
    for frame in sync_frames(sample):
        return frame
    raise InvalidDecoderConfiguration("a sample without a frame")


def frame_samples(sample: bytes) -> int:
    """Count the sound samples that a coded sample holds: those of the first substream."""
    return BLOCK_SAMPLES * sum(
        frame.blocks
        for frame in sync_frames(sample)
        if frame.kind != DEPENDENT and frame.substream == 0
    )


def _pack(fields: Sequence[tuple[int, int]]) -> bytes:
    """Join numbers of a few bits each, most significant first, filled up to a byte with 0."""
    value = width = 0
    for number, bits in fields:
        value, width = value << bits | number, width + bits
    spare = -width % 8
    return (value << spare).to_bytes((width + spare) // 8)
