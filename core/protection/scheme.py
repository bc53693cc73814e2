"""How media is encrypted, and which of it a video offers by which protocol."""

from enum import StrEnum


class Scheme(StrEnum):
    """One way to encrypt a track."""

    AES_128 = "aes-128"
    """Every segment as a whole, AES-128 in chaining mode (RFC 8216 §4.3.2.4)."""
    CENC = "cenc"
    """Samples, in counter mode (ISO/IEC 23001-7 §10.1)."""
    CBCS = "cbcs"
    """Samples, a block in ten of slice data in chaining mode (ISO/IEC 23001-7 §10.4)."""

    @property
    def is_common(self) -> bool:
        """Whether it is one of Common Encryption, whose fragments say themselves how."""
        return self is not Scheme.AES_128


class Protection(StrEnum):
    """What a video's media is under.

    No player plays all schemes: hls.js takes AES-128 in HLS, shaka-player and dash.js take `cenc`
    in DASH, Apple's players `cbcs`. So one video may be offered under two.
    """

    NONE = "none"
    AES_128 = "aes-128"
    CENC = "cenc"
    CBCS = "cbcs"
    AES_128_AND_CENC = "aes-128+cenc"

    @property
    def hls(self) -> Scheme | None:
        """What the segments of HLS are under; None where they are clear."""
        return _HLS[self]

    @property
    def dash(self) -> Scheme | None:
        """What the segments of DASH are under; None where they are clear, or there is none."""
        return _DASH[self]

    @property
    def has_dash(self) -> bool:
        """Whether DASH is offered: it has no way to say that a segment is encrypted as a whole."""
        return self is not Protection.AES_128

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """Every scheme in use, HLS's first."""
        return tuple(dict.fromkeys(each for each in (self.hls, self.dash) if each is not None))


DEFAULT_PROTECTION = Protection.AES_128_AND_CENC
"""What plays in most browsers: see `Protection`."""

_HLS = {
    Protection.NONE: None,
    Protection.AES_128: Scheme.AES_128,
    Protection.CENC: Scheme.CENC,
    Protection.CBCS: Scheme.CBCS,
    Protection.AES_128_AND_CENC: Scheme.AES_128,
}
_DASH = {
    Protection.NONE: None,
    Protection.AES_128: None,
    Protection.CENC: Scheme.CENC,
    Protection.CBCS: Scheme.CBCS,
    Protection.AES_128_AND_CENC: Scheme.CENC,
}
