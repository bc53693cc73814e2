"""Videos as the database keeps them."""

import pytest

from core.media.playback_id import PlaybackPolicy
from runtime.postgres import Pool
from server.identifiers import new_id, new_playback_id
from server.repository import NewVideo, Repository

pytestmark = pytest.mark.postgres


async def test_a_file_may_have_more_bytes_than_32_bits_count(pool: Pool) -> None:
    size = (4 << 30) + 1
    playback_id = new_playback_id(PlaybackPolicy.PUBLIC)
    large = NewVideo(new_id(), playback_id, "Long", "uploads/v/source", "long.mp4", size)
    assert (await Repository(pool).add_video(large)).source_bytes == size
