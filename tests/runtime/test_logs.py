import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from runtime.logs import LogFormat, LogLevel, configure_logs, get_logger


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def configured(log_format: LogFormat, level: LogLevel = LogLevel.INFO) -> io.StringIO:
    out = io.StringIO()
    configure_logs(level=level, log_format=log_format, process="edge", stream=out)
    return out


def test_a_json_line_holds_the_event_its_facts_and_the_process() -> None:
    out = configured(LogFormat.JSON)
    get_logger("edge.cache").info("cache.filled", key="/media/a", size_bytes=3)
    line = json.loads(out.getvalue())
    assert line["event"] == "cache.filled"
    assert line["size_bytes"] == 3
    assert line["process"] == "edge"
    assert line["module"] == "edge.cache"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_an_exception_stays_within_its_json_line() -> None:
    out = configured(LogFormat.JSON)
    try:
        raise KeyError("k")
    except KeyError:
        get_logger("x").exception("it.broke")
    (line,) = out.getvalue().splitlines()
    assert "KeyError" in json.loads(line)["exception"]


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_a_traceback_does_not_tell_what_the_variables_hold(log_format: LogFormat) -> None:
    out = configured(log_format)
    password = "swordfish".upper()
    try:
        raise KeyError(len(password))
    except KeyError:
        get_logger("x").exception("it.broke")
    assert "KeyError" in out.getvalue()
    assert "SWORDFISH" not in out.getvalue()


def test_a_line_of_the_standard_library_has_the_same_form() -> None:
    out = configured(LogFormat.JSON)
    logging.getLogger("aiohttp.server").warning("odd %s", "thing")
    line = json.loads(out.getvalue())
    assert (line["event"], line["module"], line["level"]) == (
        "odd thing",
        "aiohttp.server",
        "warning",
    )


def test_what_is_below_the_level_is_not_written() -> None:
    out = configured(LogFormat.JSON, LogLevel.WARNING)
    get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    assert out.getvalue() == ""


def test_auto_is_json_where_nobody_watches() -> None:
    out = configured(LogFormat.AUTO)
    get_logger("x").info("seen")
    assert json.loads(out.getvalue())["event"] == "seen"


def test_the_console_has_colours_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = configured(LogFormat.CONSOLE)
    get_logger("x").info("seen", key="v")
    assert "\x1b" not in out.getvalue()
    assert "seen" in out.getvalue()
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = configured(LogFormat.CONSOLE)
    get_logger("x").info("seen", key="v")
    assert "\x1b" in out.getvalue()
