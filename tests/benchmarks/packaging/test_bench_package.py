"""The whole bench on a film of some seconds; shaka-packager is left to those who install it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.packaging.__main__ import compare, main, report
from benchmarks.packaging.contestants import WORKS, Contestant, contestants
from benchmarks.packaging.film import film
from benchmarks.packaging.rounds import PackagingFailed, Run, check
from tools.gate.needs import FFMPEG, locate


def test_our_packager_is_measured_against_ffmpeg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--seconds", "3", "--repetitions", "2", "--without-shaka"]
    folders = ["--folder", str(tmp_path / "kept"), "--output", str(tmp_path)]
    assert main([*words, *folders]) == 0
    assert "sluice / ffmpeg" in capsys.readouterr().out
    found = json.loads((tmp_path / "package.json").read_text(encoding="utf-8"))
    assert set(found["runs"]) == {"file", "segments", "publish"}
    assert set(found["runs"]["segments"]) == {"sluice", "ffmpeg dash + hls", "ffmpeg hls"}
    for by_name in found["runs"].values():
        for runs in by_name.values():
            assert len(runs) == 2
            assert all(run["user_s"] + run["system_s"] > 0 for run in runs)
    assert set(found["runs"]["publish"]) == {"sluice", "ffmpeg copy"}
    limits = {ratio["work"]: (ratio["theirs"], ratio["limit"]) for ratio in found["ratios"]}
    assert limits == {
        "file": ("ffmpeg", 1.0), "segments": ("ffmpeg", 1.0), "publish": ("ffmpeg", 0.01),
    }  # fmt: skip
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["film-3.mp4"]


def test_an_output_that_is_another_film_is_found_out(tmp_path: Path) -> None:
    ffmpeg = locate(FFMPEG)
    assert ffmpeg is not None, "the gate installs ffmpeg; apt-get install ffmpeg"
    short = film(ffmpeg, tmp_path, 1)
    long = film(ffmpeg, tmp_path, 2)
    (honest, *_) = contestants("", ffmpeg)
    check(honest, ffmpeg, short, tmp_path)
    with pytest.raises(PackagingFailed, match="is not that of the film"):
        check(_always(honest, short), ffmpeg, long, tmp_path)


def _always(contestant: Contestant, film: Path) -> Contestant:
    words = contestant.words
    assert words is not None
    return replace(contestant, words=lambda _film, out: words(film, out))


def test_rounds_are_divided_in_pairs_by_the_cheapest_of_a_family() -> None:
    (_, work, _) = WORKS
    field = contestants("packager", "ffmpeg")
    runs = {
        "sluice": [Run(1.0, 1.0, 9.0), Run(2.0, 2.0, 9.0)],
        "shaka-packager": [Run(4.0, 1.0, 9.0), Run(8.0, 2.0, 9.0)],
        "ffmpeg dash + hls": [Run(4.0, 0.0, 9.0), Run(8.0, 0.0, 9.0)],
        "ffmpeg hls": [Run(1.0, 0.0, 9.0), Run(2.0, 0.0, 9.0)],
    }
    found = list(compare(work, field, runs))
    assert [(each.against, each.ratio.median, each.kept) for each in found] == [
        ("shaka-packager", 0.4, True), ("ffmpeg hls", 2.0, False),
    ]  # fmt: skip
    assert any("MISSED" in line for line in report({each.name: runs for each in WORKS}, found))
