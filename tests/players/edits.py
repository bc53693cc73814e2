"""Made of films for every player: clips and joints, each for one thing that may go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.product import Product

NTSC = Fraction(30000, 1001)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one of `FILMS_TO_CUT`, in milliseconds; without an end to the end."""

    film: str
    start_ms: int = 0
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Stretches in a row, and where in its media the second one begins: the place to go over."""

    stretches: tuple[Stretch, ...]
    joint_s: float
    policy: str = "public"


@dataclass(frozen=True, slots=True)
class Edited:
    """A made edit: its addresses, and where in its media it begins and ends."""

    hls: str
    dash: str
    begins_s: float
    ends_s: float
    edit: Edit


# Segments begin at the key picture at or after each 4 s.
PICTURES: Mapping[str, tuple[Picture, Sound]] = {
    "film": (
        Picture(count=360, width=320, height=180, rate=NTSC, gop=60, b_frames=2),
        Sound(samples=12 * 48000 + 480),
    ),
    "square": (
        Picture(count=150, width=240, height=240, gop=50),
        Sound(samples=6 * 48000, language="deu"),
    ),
    "short sound": (
        Picture(count=150, width=320, height=180, gop=50), Sound(samples=6 * 48000 - 9600),
    ),
    "long sound": (
        Picture(count=150, width=320, height=180, gop=50), Sound(samples=6 * 48000 + 30_000),
    ),
}  # fmt: skip
EDITS: Mapping[str, Edit] = {
    "clip": Edit((Stretch("film", 5000, 9500),), 8.008 - 4.004),
    "signed clip": Edit((Stretch("film", 5000, 9500),), 8.008 - 4.004, policy="signed"),
    "two films": Edit((Stretch("film", 5000, 7500), Stretch("square", 0, 3000)), 4.004),
    "one film twice": Edit((Stretch("film", 8500), Stretch("film", 0, 3000)), 4.004),
    "without its middle": Edit((Stretch("film", 0, 3000), Stretch("film", 9000)), 4.004),
    "sound that ends early": Edit((Stretch("short sound"), Stretch("film", 0, 3000)), 6.0),
    "sound that ends late": Edit((Stretch("long sound"), Stretch("film", 0, 3000)), 6.0),
}


async def edit(product: Product, wanted: Edit, folder: Path) -> Edited:
    """Publish the films that it takes, make it, and ask where it is."""
    ids = {
        name: await _film(product, name, folder, wanted.policy)
        for name in dict.fromkeys(each.film for each in wanted.stretches)
    }
    parts = [
        {"video_id": ids[each.film], "start_ms": each.start_ms}
        | ({} if each.end_ms is None else {"end_ms": each.end_ms})
        for each in wanted.stretches
    ]
    made = await _posted(product, {"title": "an edit", "input": {"parts": parts}})
    async with product.http.get(f"{product.api}/videos/{made['id']}/play") as answer:
        play = await answer.json()
    return Edited(play["hls"], play["dash"], play["start_ms"] / 1000, play["end_ms"] / 1000, wanted)


async def _film(product: Product, name: str, folder: Path, policy: str) -> str:
    path = folder / f"{name}.mp4"
    if not path.exists():
        make_clip(path, *PICTURES[name])
    title = f"{name} {policy}"
    known = [video.id for video in await product.videos() if video.title == title]
    if known:
        return known[0]
    video_id = await product.upload(path, title, policy=policy)
    assert (await product.settled(video_id)).status == "ready"
    return video_id


async def _posted(product: Product, body: dict[str, Any]) -> Any:
    async with product.http.post(f"{product.api}/videos", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json()
