"""Every picture and every packet of sound as players get them, in all codecs and shapes.

All films are given to one running product at once; each test waits for its own.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import pytest_asyncio

from tests.acceptance.delivered_films import FILMS, Heard, Seen
from tests.fixtures.delivered import Track, over_dash, over_hls, over_on_demand
from tests.fixtures.product import Product
from tests.fixtures.sources import packets, pictures

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MILLISECOND = Fraction(1, 1000)
"""As exact as Matroska is."""


@dataclass(frozen=True, slots=True)
class Published:
    """A film, and what is delivered of it by each way."""

    source: Path
    hls: Mapping[str, Track]
    dash: Mapping[str, Track]
    on_demand: Mapping[str, Track]

    def carried(self, codec: str, **told: str) -> str:
        """Give the folder of the one rendition of a codec of which that much is told."""
        wanted = {"codecs": codec, **told}.items()
        (found,) = [
            folder for folder, track in self.dash.items() if wanted <= track.told[0].items()
        ]
        return found

    def sounding(self, heard: Heard) -> str:
        """Give the folder of a track of sound, beside which there may be companions."""
        language = {"lang": heard.language} if heard.language else {}
        return self.carried(heard.codec, audioSamplingRate=str(heard.rate), **language)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def published(
    product: Product, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, asyncio.Task[Published]]]:
    """Every film of the table, on its way to being delivered."""
    folder = tmp_path_factory.mktemp("delivered")
    async with asyncio.TaskGroup() as group:
        yield {
            name: group.create_task(_publish(product, film.make(folder / name)))
            for name, film in FILMS.items()
        }


async def _publish(product: Product, source: Path) -> Published:
    video_id = await product.upload(source)
    video = await product.settled(video_id, deadline_s=250)
    assert (video.status, video.errors) == ("ready", [])
    play = await product.play(video_id)
    http = product.http
    return Published(
        source,
        await over_hls(http, play.hls),
        await over_dash(http, play.dash),
        await over_on_demand(http, play.dash.replace("manifest.mpd", "ondemand.mpd")),
    )


@pytest.mark.parametrize("name", FILMS)
async def test_all_ways_lead_to_the_same_samples(
    published: Mapping[str, asyncio.Task[Published]], name: str
) -> None:
    found = await published[name]
    assert found.hls.keys() == found.dash.keys() == found.on_demand.keys()
    for folder, track in found.dash.items():
        assert found.hls[folder].whole == track.whole
        assert found.on_demand[folder].init == track.init
        assert found.on_demand[folder].samples() == track.samples()


@pytest.mark.parametrize("name", [name for name, film in FILMS.items() if film.seen])
async def test_every_picture_is_delivered_as_it_was(
    published: Mapping[str, asyncio.Task[Published]], name: str
) -> None:
    found, seen = await published[name], FILMS[name].seen
    assert seen is not None
    track = found.dash[found.carried(seen.codec)]
    source = list(pictures(found.source))
    start = source[0][0]
    times = sorted(sample.time for sample in track.samples())
    tick = Fraction(1, track.timescale)
    assert track.priming == 0
    assert len(times) == len(source)
    assert all(
        abs(mine - (theirs - start)) <= tick
        for mine, (theirs, _) in zip(times, source, strict=True)
    )
    decoded = list(pictures(track.whole))
    assert [digest for _, digest in decoded] == [digest for _, digest in source]
    assert [time for time, _ in decoded] == times


SOUNDS = [(name, number) for name, film in FILMS.items() for number, _ in enumerate(film.heard)]


@pytest.mark.parametrize(("name", "number"), SOUNDS)
async def test_every_packet_of_sound_is_delivered_as_it_was(
    published: Mapping[str, asyncio.Task[Published]], name: str, number: int
) -> None:
    found, film = await published[name], FILMS[name]
    heard = film.heard[number]
    track = found.dash[found.sounding(heard)]
    source, samples = packets(found.source, number), track.samples()
    assert [sample.data for sample in samples] == [packet.data for packet in source]
    start = next(pictures(found.source))[0] if film.seen else Fraction(0)
    assert all(
        abs(sample.time - (packet.time - start)) <= MILLISECOND
        for sample, packet in zip(samples, source, strict=True)
    )
    assert (track.timescale, track.priming) == (heard.rate, heard.priming)
    assert samples[0].time == Fraction(-heard.priming, heard.rate)
    if heard.codec == "opus" and not name.endswith(".ts"):  # where its head tells it, too
        (head,) = [box for box in track.entry.children(28) if box.kind == b"dOps"]
        assert head.fields("H", 2) == (heard.priming,)
    end = samples[-1].time + samples[-1].duration
    assert end * heard.rate == heard.presented


@pytest.mark.parametrize("name", [name for name, film in FILMS.items() if film.seen])
async def test_manifests_tell_what_is_seen(
    published: Mapping[str, asyncio.Task[Published]], name: str
) -> None:
    found, seen = await published[name], FILMS[name].seen
    assert isinstance(seen, Seen)
    folder = found.carried(seen.codec)
    width, height = seen.size
    for variant in found.hls[folder].told:
        assert variant["CODECS"].strip('"').split(",")[0] == seen.codec
        assert variant["RESOLUTION"] == f"{width}x{height}"
        assert variant.get("FRAME-RATE", "") == seen.rate
        assert variant["VIDEO-RANGE"] == seen.range
    (told,) = found.dash[folder].told
    assert (told["width"], told["height"], told["sar"]) == (str(width), str(height), "1:1")
    assert told["frameRate"] == seen.exact_rate


@pytest.mark.parametrize(("name", "number"), SOUNDS)
async def test_manifests_tell_what_is_heard(
    published: Mapping[str, asyncio.Task[Published]], name: str, number: int
) -> None:
    found, heard = await published[name], FILMS[name].heard[number]
    assert isinstance(heard, Heard)
    folder = found.sounding(heard)
    for told in found.hls[folder].told:
        if "URI" in told:
            assert told["CHANNELS"] == f'"{heard.channels}"'
        else:
            assert heard.codec in told["CODECS"]
    (told,) = found.dash[folder].told
    assert (told["audioSamplingRate"], told["channels"]) == (str(heard.rate), heard.dash_channels)


PLAYS_EVERYWHERE = ("avc1.42", "avc1.4d", "avc1.64")


@pytest.mark.parametrize("name", FILMS)
async def test_beside_what_does_not_play_everywhere_is_what_does(
    published: Mapping[str, asyncio.Task[Published]], name: str
) -> None:
    found, film = await published[name], FILMS[name]
    tracks = list(found.dash.values())
    if film.seen:
        seen = [track for track in tracks if track.kind == "vide"]
        assert any(track.told[0]["codecs"].startswith(PLAYS_EVERYWHERE) for track in seen)
        assert len({len(track.samples()) for track in seen}) == 1
    languages = {track.told[0].get("lang") for track in tracks if track.kind == "soun"}
    assert languages == {
        track.told[0].get("lang")
        for track in tracks
        if track.told[0]["codecs"] == "mp4a.40.2" and track.timescale <= 48_000
    }
