"""ffmpeg, mpv, GStreamer and VLC on clips; GStreamer on joints, which the others cannot go over.

FFmpeg 5.1, and mpv with it, takes up no other init segment after a discontinuity of HLS and one
Period of an MPD alone; VLC 3 opens no demuxer after a discontinuity of MP4.
"""

from pathlib import Path

import pytest

from tests.fixtures.players import decode
from tests.players.desk import play_in_gstreamer, play_in_mpv, play_in_vlc
from tests.players.edits import EDITS, Edited

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

CLIPS = ["clip", "signed clip"]
JOINTS = [name for name in EDITS if name not in CLIPS]
CLIP_PICTURES = 240  # two whole segments
# Players of the desk begin where the media do, and the last segment is whole.
CLIP_S = 5.4
CLIP = pytest.mark.parametrize("name", CLIPS)
BOTH = pytest.mark.parametrize("protocol", ["hls", "dash"])


@CLIP
@BOTH
async def test_ffmpeg_gets_every_picture_of_a_clip(
    edited: dict[str, Edited], name: str, protocol: str
) -> None:
    assert len(await decode(getattr(edited[name], protocol), "v:0")) == CLIP_PICTURES


@CLIP
@BOTH
async def test_mpv_plays_a_clip(
    edited: dict[str, Edited], name: str, protocol: str, tmp_path: Path
) -> None:
    await play_in_mpv(getattr(edited[name], protocol), tmp_path)


@CLIP
@BOTH
async def test_vlc_plays_a_clip(
    edited: dict[str, Edited], name: str, protocol: str, tmp_path: Path
) -> None:
    await play_in_vlc(getattr(edited[name], protocol), tmp_path, seconds=CLIP_S)


@CLIP
@BOTH
async def test_gstreamer_plays_a_clip(
    edited: dict[str, Edited], name: str, protocol: str, tmp_path: Path
) -> None:
    await play_in_gstreamer(getattr(edited[name], protocol), tmp_path, seconds=CLIP_S)


@pytest.mark.parametrize("name", JOINTS)
async def test_gstreamer_plays_across_a_joint(
    edited: dict[str, Edited], name: str, tmp_path: Path
) -> None:
    made = edited[name]
    await play_in_gstreamer(made.hls, tmp_path, seconds=made.ends_s)
