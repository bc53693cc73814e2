import io
import json

import pytest

from cli.report.events import (
    AnyEvent,
    ChildEnded,
    IngestFailed,
    Playable,
    Preparing,
    Ready,
    Uploading,
)
from cli.report.reporter import Heedless, JsonReporter, LogLines, PlainReporter
from cli.report.sentences import sentence
from cli.report.terminal import TerminalReporter

READY = Ready(
    library="http://127.0.0.1:8080/",
    api="http://127.0.0.1:8080",
    edge="http://127.0.0.1:8081",
    edge_admin="http://127.0.0.1:8083",
    data="/srv/films",
    after_s=1.25,
)
PLAYABLE = Playable(file="film.mp4", video_id="v1", watch="http://h/watch/v1", after_s=0.5)


def test_json_is_one_object_a_line_named_by_event(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = JsonReporter(json_logs=False)
    reporter.event(READY)
    reporter.event(PLAYABLE)
    reporter.log("edge", "hello")
    out, err = capsys.readouterr()
    first, second = (json.loads(line) for line in out.splitlines())
    assert first["event"] == "ready"
    assert first["library"] == "http://127.0.0.1:8080/"
    assert second == {
        "event": "playable",
        "file": "film.mp4",
        "video_id": "v1",
        "watch": "http://h/watch/v1",
        "after_s": 0.5,
    }
    assert err == "edge     | hello\n"


def test_plain_lines_say_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = PlainReporter(json_logs=False)
    reporter.event(READY)
    reporter.event(PLAYABLE)
    out = capsys.readouterr().out
    assert "Sluice is ready after 1.2 s" in out
    assert "  library  http://127.0.0.1:8080/\n" in out
    assert "film.mp4: playable after 0.5 s: http://h/watch/v1\n" in out


def test_plain_lines_pass_over_progress_that_hardly_moved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reporter = PlainReporter(json_logs=False)
    for sent in range(101):
        reporter.event(Uploading(file="film.mp4", sent_bytes=sent, total_bytes=100))
    for part in range(101):
        reporter.event(
            Preparing(
                file="film.mp4",
                video_id="v1",
                status="preparing",
                stage="copy",
                progress=part / 100,
            )
        )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["film.mp4: uploading 0 %", "film.mp4: uploading 25 %"]
    assert lines[-1] == "film.mp4: copy 100 %"
    assert len(lines) == 10


def test_an_empty_file_is_all_uploaded() -> None:
    assert sentence(Uploading(file="f", sent_bytes=0, total_bytes=0)) == "f: uploading 100 %"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ChildEnded(name="edge", reason="SIGKILL", restart_in_s=0.1), "edge has ended (SIGKILL)"),
        (
            IngestFailed(file="f", code="source.empty", reason="it is empty"),
            "f: failed: it is empty",
        ),
    ],
)
def test_an_event_is_a_sentence(event: AnyEvent, words: str) -> None:
    assert sentence(event).startswith(words)


def test_json_logs_keep_every_line_an_object() -> None:
    out = io.StringIO()
    logs = LogLines(as_json=True, out=out)
    logs.write("edge", '{"event": "e", "process": "edge"}')
    logs.write("postgres", 'FATAL:  no "luck"')
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first == {"event": "e", "process": "edge"}
    assert second == {"process": "postgres", "event": 'FATAL:  no "luck"'}


class Nobody(PlainReporter):
    """A reporter whose reader has gone."""

    def event(self, event: AnyEvent) -> None:
        raise BrokenPipeError


def test_a_reader_that_goes_away_does_not_end_what_it_watched(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reporter = Heedless(Nobody(json_logs=False))
    reporter.log("edge", "heard")
    reporter.event(READY)
    reporter.log("edge", "unheard")
    reporter.close()
    assert capsys.readouterr().err == "edge     | heard\n"


def test_the_terminal_shows_bars_logs_and_urls_and_gives_the_cursor_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    reporter = TerminalReporter()
    reporter.event(READY)
    reporter.event(Uploading(file="film.mp4", sent_bytes=50, total_bytes=100))
    reporter.log("edge", "\x1b[31mred\x1b[0m")
    reporter.event(PLAYABLE)
    reporter.close()
    reporter.event(IngestFailed(file="film.mp4", code="c", reason="no luck"))
    out = capsys.readouterr().out
    assert "http://127.0.0.1:8080/" in out
    assert "uploading 50 %" in out
    assert "http://h/watch/v1" in out
    assert "no luck" in out
    assert out.count("\x1b[?25l") == out.count("\x1b[?25h")
