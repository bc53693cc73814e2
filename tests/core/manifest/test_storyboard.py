"""One set of small pictures, told of in WebVTT, JSON, HLS and DASH."""

from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import msgspec

from core.manifest.dash import mpd, on_demand_mpd
from core.manifest.hls import multivariant_playlist
from core.manifest.hls_images import image_iframe_playlist, sprite_playlist
from core.manifest.storyboard import storyboard_json, storyboard_vtt
from core.media.file_layout import FileLayout
from tests.fixtures.mpd_schema import checked_mpd
from tests.fixtures.playlists import parse_playlist
from tests.fixtures.presentations import audio, presentation, storyboard, video

MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}
BOARD = storyboard()
FOLDER = "sb/00112233445566778899"


def test_every_cue_of_the_webvtt_names_a_place_in_a_sprite() -> None:
    lines = storyboard_vtt(BOARD).decode().split("\n\n")
    assert lines[0] == "WEBVTT"
    assert lines[1] == f"00:00:00.000 --> 00:00:02.000\n{FOLDER}/0.jpg#xywh=0,0,284,160"
    assert lines[61] == f"00:02:00.000 --> 00:02:02.000\n{FOLDER}/0.jpg#xywh=0,960,284,160"
    assert lines[-1] == f"00:03:28.000 --> 00:03:29.500\n{FOLDER}/1.jpg#xywh=1136,0,284,160\n"
    assert len(lines) == 106


def test_the_json_says_the_same() -> None:
    document = msgspec.json.decode(storyboard_json(BOARD))
    tiles = document.pop("tiles")
    assert document == {
        "tile_width": 284,
        "tile_height": 160,
        "columns": 10,
        "rows": 10,
        "duration": 209.5,
        "sprites": [f"{FOLDER}/0.jpg", f"{FOLDER}/1.jpg"],
    }
    assert tiles[60] == {"start": 120.0, "end": 122.0, "sprite": 0, "x": 0, "y": 960}
    assert tiles[-1] == {"start": 208.0, "end": 209.5, "sprite": 1, "x": 1136, "y": 0}
    assert len(tiles) == 105


def test_the_tiles_are_an_i_frame_playlist_of_jpeg() -> None:
    playlist = parse_playlist(image_iframe_playlist(BOARD))
    assert len(playlist.all("EXT-X-I-FRAMES-ONLY")) == 1
    assert playlist.one("EXT-X-MAP").text("URI") == "init.mp4"
    assert playlist.one("EXT-X-TARGETDURATION").value == "2"
    assert [address for _, address in playlist.entries] == [
        f"iframe/{number}.m4s" for number in range(105)
    ]
    assert sum(playlist.durations) == Decimal("209.500")


def test_the_sprites_are_an_image_playlist() -> None:
    lines = sprite_playlist(BOARD).splitlines()
    assert "#EXT-X-IMAGES-ONLY" in lines
    assert "#EXT-X-TARGETDURATION:200" in lines
    tiles = "#EXT-X-TILES:RESOLUTION=284x160,LAYOUT=10x10,DURATION=2.000"
    assert lines[-7:] == [
        "#EXTINF:200.000,", tiles, "0.jpg", "#EXTINF:9.500,", tiles, "1.jpg", "#EXT-X-ENDLIST",
    ]  # fmt: skip


def test_the_multivariant_playlist_names_both_at_its_end() -> None:
    shown = replace(presentation(video(), audio()), storyboard=BOARD)
    winding, images = multivariant_playlist(shown).splitlines()[-2:]
    assert winding == (
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=36000,AVERAGE-BANDWIDTH=24000,"
        f'CODECS="mjpg",RESOLUTION=284x160,URI="{FOLDER}/iframe.m3u8"'
    )
    assert images == (
        "#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=16000,"
        f'CODECS="jpeg",RESOLUTION=284x160,URI="{FOLDER}/sprites.m3u8"'
    )


def test_dash_has_a_set_of_tiled_pictures() -> None:
    shown = replace(presentation(video(), audio()), storyboard=BOARD)
    sets = ET.fromstring(mpd(shown)).findall("Period/AdaptationSet", MPD)
    assert [each.get("contentType") for each in sets] == ["video", "audio", "image"]
    assert sets[-1].attrib == {"id": "2", "contentType": "image", "mimeType": "image/jpeg"}
    template = sets[-1].find("SegmentTemplate", MPD)
    representation = sets[-1].find("Representation", MPD)
    assert template is not None
    assert representation is not None
    assert template.attrib == {
        "timescale": "1000",
        "duration": "200000",
        "startNumber": "0",
        "media": f"{FOLDER}/$Number$.jpg",
    }
    assert representation.attrib == {
        "id": "thumbnails",
        "bandwidth": "16000",
        "width": "2840",
        "height": "1600",
    }
    (essential,) = representation.findall("EssentialProperty", MPD)
    assert essential.attrib == {
        "schemeIdUri": "http://dashif.org/guidelines/thumbnail_tile",
        "value": "10x10",
    }


def test_the_on_demand_profile_has_it_as_a_set_of_another_profile() -> None:
    rendition = replace(video(), layout=FileLayout(700, 68, (768, 4000)))
    shown = replace(presentation(rendition), storyboard=BOARD)
    written = on_demand_mpd(shown)
    root = checked_mpd(written)
    (images,) = root.findall("Period/AdaptationSet[@contentType='image']", MPD)
    full = "urn:mpeg:dash:profile:full:2011"
    assert images.attrib["profiles"] == full
    assert root.attrib["profiles"].split(",")[-1] == full
    template = images.find("SegmentTemplate", MPD)
    assert template is not None
    assert template.attrib["media"] == f"{FOLDER}/$Number$.jpg"
    without = on_demand_mpd(presentation(rendition))
    assert full not in without


def test_a_video_without_one_says_nothing_of_it() -> None:
    shown = presentation(video(), audio())
    assert "image" not in mpd(shown)
    assert "IMAGE" not in multivariant_playlist(shown)
