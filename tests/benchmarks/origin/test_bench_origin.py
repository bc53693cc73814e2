"""The whole bench at tiny counts: a library, requests for its segments, its memory."""

import json
from pathlib import Path

import pytest

from benchmarks.load.figures import compare
from benchmarks.load.works import head_of
from benchmarks.origin.__main__ import main
from benchmarks.origin.memory import LIMIT_BYTES, Memory
from benchmarks.origin.works import (
    COLD,
    GOALS,
    NGINX,
    OURS,
    SEALED,
    SEALED_COLD,
    Segment,
    works,
)

FEW = ["--repetitions", "1", "--seconds", "0.02", "--connections", "2", "--film-seconds", "9"]


def test_the_origin_is_measured_against_nginx(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--folder", str(tmp_path / "kept"), "--output", str(tmp_path)]
    assert main([*FEW, "--titles", "3", "--hot", "2", *folders]) == 0
    said = capsys.readouterr().out
    assert "sluice / nginx" in said
    assert "3 titles known" in said
    found = json.loads((tmp_path / "origin.json").read_text(encoding="utf-8"))
    assert set(found["rounds"]) == {"pair", "film", "made"}
    assert OURS in found["rounds"]["pair"]
    assert COLD in found["rounds"]["film"]
    limits = {
        (each["work"], each["ours"], each["theirs"]): each["limit"] for each in found["ratios"]
    }
    assert limits["pair", SEALED, OURS] == 1.6
    assert limits["film", SEALED_COLD, COLD] == limits["made", SEALED_COLD, COLD] == 1.6
    assert limits["film", COLD, NGINX] == 1.1
    for work, by_name in found["rounds"].items():
        assert sum(name.startswith(NGINX) for name in by_name) == (0 if work == "made" else 6)
        assert all(one["cpu_us"] > 0 for rounds in by_name.values() for one in rounds)
    assert found["memory"]["titles"] == 3
    assert found["memory"]["before_bytes"] < found["memory"]["hot_bytes"] < LIMIT_BYTES
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["film-9.mp4"]


def test_segments_are_asked_for_in_turn() -> None:
    pairs = [
        (Segment(f"v/x/{number}.m4s", 1000), Segment(f"a/y/{number}.m4s", 10))
        for number in range(3)
    ]
    pair, film, made = works({"/media/p": pairs})
    assert pair.asks("/media/p", "host") == [
        (1000, head_of("/media/p/v/x/1.m4s", "host")),
        (10, head_of("/media/p/a/y/1.m4s", "host")),
    ]
    assert [length for length, _ in film.asks("/media/p", "host")] == [1000, 10] * 3
    assert made.asks("/media/p", "host")[1] == (10, head_of("/media/p/a/y/0.m4s?unknown", "host"))


@pytest.mark.parametrize(("work", "taking"), [("pair", OURS), ("film", COLD)])
def test_a_hot_pair_and_a_cold_film_have_the_same_goal(work: str, taking: str) -> None:
    for cost, kept in ((11.0, True), (11.2, False)):
        costs = {taking: {taking: [cost]}, NGINX: {"nginx: a": [10.0]}}
        found = {(each.ours, each.limit, each.kept) for each in compare(work, costs, GOALS)}
        assert found == {(taking, 1.1, kept)}


def test_memory_is_too_much_above_the_limit() -> None:
    assert Memory(1, 1, 1, LIMIT_BYTES, LIMIT_BYTES).kept
    assert not Memory(1, 1, 1, LIMIT_BYTES, LIMIT_BYTES + 1).kept
