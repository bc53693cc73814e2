"""Captions inside of pictures (CEA-608 and CEA-708): which channels a stream of H.264 or HEVC has.

They travel as ATSC A/53 user data in SEI messages (ATSC A/53 Part 4 §6.2.3, ANSI/CTA-708 §4.4).
Nothing is decoded here but what tells channels apart.
"""

from collections.abc import Iterator
from typing import Final

SEI: Final = dict.fromkeys(("hvc1", "dvh1"), frozenset({39, 40})) | {"avc1": frozenset({6})}
"""NAL unit types by sample entry: H.264 has the type in 5 bits, HEVC in 6 of its first byte."""
USER_DATA_REGISTERED: Final = 4
ATSC: Final = b"\xb5\x00\x31GA94\x03"
"""Country USA, provider ATSC, `user_identifier`, and the type code of `cc_data`."""
MARK: Final = b"GA94"
"""Never escaped, for it has no zero bytes."""
LARGEST_MESSAGE: Final = 1024
NULL_PAIR: Final = (0, 0)
EXTENDED: Final = 7


class CaptionScan:
    """Looks for channels in samples with NAL units of 4-byte lengths, as tracks are stored."""

    def __init__(self, sample_entry: str) -> None:
        self._types = SEI.get(sample_entry, frozenset())
        self._is_hevc = sample_entry != "avc1"
        self._cea608: set[str] = set()
        self._field = {0: 0, 1: 0}
        self._services: set[int] = set()
        self._packet = bytearray()

    @property
    def is_possible(self) -> bool:
        """Whether such tracks can have captions at all."""
        return bool(self._types)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels found, as HLS names them: CC1 to CC4, SERVICE1 to SERVICE63."""
        self._end_packet()
        services = (f"SERVICE{number}" for number in sorted(self._services))
        return (*sorted(self._cea608), *services)

    def feed(self, sample: bytes) -> None:
        """Look through a sample, in decode order; what is not as it should be is passed over."""
        if MARK not in sample:  # most samples are done with one search
            return
        at = 0
        while at + 5 <= len(sample):
            length = int.from_bytes(sample[at : at + 4])
            unit = sample[at + 4 : at + 4 + length]
            at += 4 + length
            if not unit:
                return
            kind = unit[0] >> 1 & 63 if self._is_hevc else unit[0] & 31
            if kind in self._types:
                for message in _user_data(unit[2 if self._is_hevc else 1 :]):
                    self._captions(message)

    def _captions(self, message: bytes) -> None:
        """Take `cc_data()` apart: a count in 5 bits, a byte, then triplets."""
        if len(message) < 2 or not message[0] & 0x40:
            return
        count = message[0] & 31
        for number in range(count):
            triplet = message[2 + 3 * number : 5 + 3 * number]
            if len(triplet) < 3 or not triplet[0] & 4:
                continue
            kind = triplet[0] & 3
            if kind < 2:
                self._line21(kind, triplet[1] & 0x7F, triplet[2] & 0x7F)
            else:
                self._packet_data(triplet[1:], begins=kind == 3)

    def _line21(self, field: int, first: int, second: int) -> None:
        """Note the channel of a pair of bytes; control codes say which of two it is."""
        if (first, second) == NULL_PAIR:
            return
        if 0x10 <= first <= 0x1F:
            self._field[field] = 2 if first & 8 else 1
        elif first < 0x10:
            return  # extended data services, which are no captions
        if channel := self._field[field]:
            self._cea608.add(f"CC{2 * field + channel}")

    def _packet_data(self, data: bytes, *, begins: bool) -> None:
        if begins:
            self._end_packet()
        if begins or self._packet:
            self._packet += data

    def _end_packet(self) -> None:
        """Read the service blocks of a packet that is over (CTA-708 §6)."""
        packet, self._packet = bytes(self._packet), bytearray()
        if not packet:
            return
        size = (packet[0] & 63) * 2 or 128
        at, end = 1, min(size, len(packet))
        while at < end:
            service, length = packet[at] >> 5, packet[at] & 31
            at += 1
            if service == EXTENDED and length and at < end:
                service = packet[at] & 63
                at += 1
            if service == 0:
                return
            if length:
                self._services.add(service)
            at += length


def _user_data(payload: bytes) -> Iterator[bytes]:
    """Give the bodies of A/53 messages of an SEI unit (H.264 §7.3.2.3)."""
    if MARK not in payload:
        return
    data = payload.replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(data):
        kind, at = _coded(data, at)
        size, at = _coded(data, at)
        message = data[at : at + min(size, LARGEST_MESSAGE)]
        at += size
        if kind == USER_DATA_REGISTERED and message.startswith(ATSC):
            yield message[len(ATSC) :]


def _coded(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of SEI, coded as bytes of 255 and a last one."""
    value = 0
    while at < len(data) and data[at] == 255:
        value += 255
        at += 1
    return (value + data[at], at + 1) if at < len(data) else (value, at)
