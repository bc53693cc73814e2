"""How Dolby Vision is told (Dolby Vision Streams within HLS, DASH and the ISO base media format).

Most of it plays without Dolby Vision and is told beside its codec. What does not (profile 5) has a
codec and a sample entry of its own, so that nobody takes it who would show wrong colours.
"""

KINDS = {"hevc": "dvh1", "h264": "dva1", "av1": "dav1"}
BRANDS = {1: "db1p", 2: "db2g", 4: "db4h"}
"""How the base layer looks by itself, by dv_bl_signal_compatibility_id: HDR10, SDR, HLG."""
CROSS_COMPATIBLE = (8, 10)


def dolby_vision_profile(record: bytes) -> tuple[int, int, int]:
    """Give profile, level and compatibility of a configuration record; zeros for none."""
    if len(record) < 5:
        return 0, 0, 0
    packed = int.from_bytes(record[2:5])
    return packed >> 17 & 127, packed >> 11 & 63, packed >> 4 & 15


def supplemental_codec(record: bytes, codec: str) -> str:
    """Give a value of SUPPLEMENTAL-CODECS, as `dvh1.08.06/db1p`; empty where there is none.

    Only profiles whose base layer plays without Dolby Vision are announced beside their codec.
    """
    profile, level, compatibility = dolby_vision_profile(record)
    if profile not in CROSS_COMPATIBLE or compatibility not in BRANDS or codec not in KINDS:
        return ""
    return f"{KINDS[codec]}.{profile:02}.{level:02}/{BRANDS[compatibility]}"


def sole_codec(record: bytes, codec: str) -> str:
    """Give the codec of a track that nothing plays without Dolby Vision, as `dvh1.05.06`.

    Empty for all other tracks.
    """
    profile, level, compatibility = dolby_vision_profile(record)
    if profile == 0 or compatibility != 0 or codec not in KINDS:
        return ""
    return f"{KINDS[codec]}.{profile:02}.{level:02}"
