"""The plain words of `sluice package` mean to the fast reader what they mean to typer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.application import run_application
from cli.package import command
from cli.package.plain import plain_words
from origin.static.request import Arrangement, PackageRequest

PLAIN: list[Sequence[str]] = [
    ("film.mp4", "-o", "out"),
    ("-o", "out", "film.mp4"),
    ("film.mp4", "other.mp4", "--output", "out", "--single-file"),
    ("film.mp4", "-o", "out", "--segment-duration", "2"),
    ("film.mp4", "-o", "out", "--segment-duration", "2.5", "--force", "--json", "--transcode"),
    ("film.mp4", "--storyboard", "--trick-play", "-o", "out"),
    ("film.mp4", "-o", "out", "--segment-duration", "1", "--segment-duration", "30"),
    ("a film.mp4", "-o", "../out put/x"),
    ("film.mp4", "-o", "one", "-o", "two"),
]
LEFT_TO_TYPER: list[Sequence[str]] = [
    (),
    ("film.mp4",),
    ("-o", "out"),
    ("film.mp4", "-o"),
    ("film.mp4", "-o", ""),
    ("film.mp4", "-oout"),
    ("film.mp4", "--output=out"),
    ("film.mp4", "-o", "out", "--help"),
    ("film.mp4", "-o", "out", "--unknown"),
    ("film.mp4", "-o", "--force"),
    ("film.mp4", "-o", "out", "--segment-duration", "0.5"),
    ("film.mp4", "-o", "out", "--segment-duration", "31"),
    ("film.mp4", "-o", "out", "--segment-duration", "1e1"),
    ("film.mp4", "-o", "out", "--segment-duration", "nan"),
    ("film.mp4", "-o", "out", "--segment-duration", "٢"),
    ("film.mp4", "-o", "out", "--segment-duration"),
    ("--", "film.mp4", "-o", "out"),
    ("-", "-o", "out"),
]


@pytest.mark.parametrize("words", PLAIN)
def test_plain_words_are_read_as_typer_reads_them(
    words: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[PackageRequest, bool]] = []

    def hear(request: PackageRequest, *, as_json: bool) -> None:
        heard.append((request, as_json))

    monkeypatch.setattr(command, "run_package", hear)
    assert run_application(["package", *words], only="package") == 0
    [(request, as_json)] = heard
    found = plain_words(words)
    assert found is not None
    assert found.files == list(request.files)
    assert found.folder == request.folder
    assert found.segment_s == request.segment_s
    single = request.arrangement is Arrangement.SINGLE_FILE
    flags = {
        "single_file": single,
        "transcode": request.may_transcode,
        "force": request.may_replace,
        "as_json": as_json,
        "storyboard": request.storyboard,
        "trick_play": request.trick_play,
    }
    assert found.flags == {name for name, given in flags.items() if given}


@pytest.mark.parametrize("words", LEFT_TO_TYPER)
def test_whatever_else_is_said_is_left_to_typer(words: Sequence[str]) -> None:
    assert plain_words(words) is None


def test_a_path_is_taken_as_it_is_written() -> None:
    found = plain_words(("~/film.mp4", "-o", "$HOME/out"))
    assert found is not None
    assert (found.files, found.folder) == ([Path("~/film.mp4")], Path("$HOME/out"))
