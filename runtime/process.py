"""The life of one service process: loop, logs, readiness, and an orderly end."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

import uvloop

import native
from core.errors import Fault
from runtime.logs import LogFormat, LogLevel, configure_logs, get_logger
from runtime.version import sluice_version

Ready = Callable[[str], None]
OnStop = Callable[[signal.Signals], None]
Service = Callable[[Ready], Coroutine[Any, Any, None]]

T = TypeVar("T")

READY_FD: Final = "SLUICE_READY_FD"
# SIGHUP is the terminal going away.
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOP_DEADLINE_S: Final = 15.0
EXIT_FAILED: Final = 1
# A process that could not stop in time says so by a code of its own (EX_SOFTWARE of sysexits.h).
EXIT_STUCK: Final = 70

log = get_logger(__name__)


def run_service(
    service: Service,
    *,
    name: str,
    log_level: LogLevel = LogLevel.INFO,
    log_format: LogFormat = LogFormat.AUTO,
    stop_deadline_s: float = STOP_DEADLINE_S,
) -> int:
    """Run ``service(ready)`` on uvloop until it returns or a stop signal comes; give the exit code.

    The first SIGTERM, SIGINT or SIGHUP cancels the service, which then has `stop_deadline_s` to
    finish what it is doing; a second one ends the process at once. A `Fault` is written as one line
    and becomes exit code 1; anything else is a bug and keeps its traceback.
    """
    configure_logs(level=log_level, log_format=log_format, process=name)
    log.info("process.starting", version=sluice_version(), native=getattr(native, "IMPL", "none"))
    main = until_stopped(service(announce_ready), stop_deadline_s=stop_deadline_s)
    try:
        run_on_uvloop(main)
    except (Fault, BaseExceptionGroup) as error:
        for fault in faults_in(error):
            report(fault)
        return EXIT_FAILED
    log.info("process.stopped")
    return 0


def run_on_uvloop(main: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine on a uvloop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def until_stopped(
    service: Coroutine[Any, Any, None],
    *,
    stop_deadline_s: float = STOP_DEADLINE_S,
    on_stop: OnStop | None = None,
) -> None:
    """Await `service`; cancel it at the first stop signal and see that it ends in time."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(service)
    stopping = False

    def stop(number: signal.Signals) -> None:
        nonlocal stopping
        stopping = True
        (on_stop or _log_stop)(number)
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        _end_after(stop_deadline_s)
        task.cancel()

    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not stopping:
            raise


def announce_ready(url: str) -> None:
    """Tell whoever started us that we answer at `url`: a line on descriptor SLUICE_READY_FD."""
    log.info("process.ready", url=url)
    _tell_starter(f"ready {url}")


def announce_failure(fault: Fault) -> None:
    """Tell whoever started us why we do not get ready; does nothing once we were."""
    verdict = "retry" if fault.retryable else "final"
    _tell_starter(f"failed {verdict} {' '.join(fault.message.splitlines())}")


def _tell_starter(line: str) -> None:
    descriptor = os.environ.pop(READY_FD, None)
    if descriptor is None:
        return
    with contextlib.suppress(BrokenPipeError):
        os.write(int(descriptor), f"{line}\n".encode())
    os.close(int(descriptor))


def faults_in(error: BaseException) -> Iterator[Fault]:
    """Give the faults of a failed task group; what is no fault is raised again."""
    if isinstance(error, Fault):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from faults_in(inner)
    else:
        raise error


def report(fault: Fault) -> None:
    """Log a fault that ends the process: one line, since it explains itself."""
    log.error("process.failed", code=fault.code, reason=fault.message)
    announce_failure(fault)


def _log_stop(number: signal.Signals) -> None:
    log.info("process.stopping", signal=number.name)


def _end_after(deadline_s: float) -> None:
    """See that the process ends even when a thread or a C library keeps hold of it."""

    def end() -> None:
        log.error("process.stuck", deadline_s=deadline_s)
        os._exit(EXIT_STUCK)

    watchdog = threading.Timer(deadline_s, end)
    watchdog.daemon = True
    watchdog.start()
