import pytest

from core.http.media_types import media_type


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("manifest.mpd", "application/dash+xml"),
        ("v/720p/abc/0.m4s", "video/iso.segment"),
        ("v/720p/abc/init.mp4", "video/mp4"),
        ("a/und/abc/0.m4s", "audio/mp4"),
        ("a/und/abc/init.mp4", "audio/mp4"),
        ("a/und/abc/index.m3u8", "application/vnd.apple.mpegurl"),
        ("t/de/abc/0.vtt", "text/vtt"),
        ("sb/0.jpg", "image/jpeg"),
        ("thumb/100-w640.webp", "image/webp"),
        ("storyboard.json", "application/json"),
        ("x.key", "application/octet-stream"),
        ("MASTER.M3U8", "application/vnd.apple.mpegurl"),
        ("no-suffix", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_suffix_and_the_kind_of_track_decide(path: str, expected: str) -> None:
    assert media_type(path) == expected
