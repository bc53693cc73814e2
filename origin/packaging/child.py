"""`python -m origin.packaging.child`: does one piece of packaging in a process of its own.

FFmpeg reads files of strangers here. A crash, a runaway or a leak ends with this process; bounds
on memory and processor time are set before the file is opened. It dies with its parent.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import assert_never

import msgspec

from core.errors import Fault
from origin.packaging.copy import copy_tracks
from origin.packaging.faults import DISK_FULL, StorageFull, TooDemandingSource
from origin.packaging.poster import poster
from origin.packaging.probe import probe
from origin.packaging.progress import CancelledError
from origin.packaging.protocol import (
    AnyRequest,
    Audio,
    Bounds,
    FaultReport,
    Image,
    Ingest,
    Ingested,
    Message,
    Poster,
    Probe,
    Sprites,
    Still,
    Text,
    Video,
    decode_request,
    encode,
)
from origin.packaging.sprites import sprites
from origin.packaging.still import still
from origin.packaging.text import extract_text
from origin.packaging.transcode import transcode_audio, transcode_video

PR_SET_PDEATHSIG = 1
CPU_GRACE_S = 5
CANCELLED_STATUS = 128 + signal.SIGTERM
USAGE_STATUS = 64


class Pipe:
    """The `Progress` of a child: writes lines to the worker, stops on SIGTERM or SIGXCPU."""

    def __init__(self) -> None:
        self._stop = False
        self._exhausted = False

    def advance(self, fraction: float) -> None:
        """Tell the worker."""
        send(Message(progress=round(fraction, 4)))

    def cancelled(self) -> bool:
        """Say whether a signal asked us to stop. Raises `TooDemandingSource` out of time."""
        if self._exhausted:
            raise TooDemandingSource("This file took more processor time than it may.")
        return self._stop

    def listen(self) -> None:
        """Let signals end the work at its next beat."""
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGXCPU, self._on_xcpu)

    def _on_term(self, _number: int, _frame: object) -> None:
        self._stop = True

    def _on_xcpu(self, _number: int, _frame: object) -> None:
        self._exhausted = True


def main() -> int:
    """Serve one request from standard input; give the exit status."""
    _die_with(os.getppid())
    try:
        request = decode_request(sys.stdin.buffer.readline())
    except msgspec.MsgspecError as problem:
        sys.stderr.write(f"not a packaging request: {problem}\n")
        return USAGE_STATUS
    pipe = Pipe()
    pipe.listen()
    _confine(request.bounds)
    try:
        result = perform(request, pipe)
    except CancelledError:
        return CANCELLED_STATUS
    except MemoryError:
        send(_fault(TooDemandingSource("This file takes more memory than it may.")))
        return 0
    except Fault as fault:
        send(_fault(fault))
        return 0
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        send(_fault(StorageFull()))
        return 0
    send(Message(result=msgspec.Raw(encode(result).rstrip())))
    return 0


def perform(request: AnyRequest, pipe: Pipe) -> object:
    """Do what a request asks for. Raises a `Fault` or `CancelledError`."""
    limits = request.limits
    if isinstance(request, Sprites | Still):
        return _pictured(request, pipe)
    report = request.report or probe(request.path, limits)
    match request:
        case Probe():
            return report
        case Ingest():
            if request.only_whole and not report.plays_at_once:
                return Ingested(report=report, tracks=(), rejected=())
            outcome = copy_tracks(request.path, report, request.out, pipe, limits=limits)
            return Ingested(
                report=report,
                tracks=outcome.tracks,
                rejected=outcome.rejected,
                repaired=outcome.repaired,
            )
        case Audio():
            track = report.audio_track(request.stream)
            return transcode_audio(request.path, report, track, request.out, pipe, limits=limits)
        case Video():
            return transcode_video(
                request.path, report, request.rung, request.plan, request.out, pipe, limits=limits
            )
        case Text():
            return extract_text(request.path, report, request.out, pipe, limits=limits)
        case Poster():
            poster(request.path, report, request.out, limits=limits)
            return None
        case never:
            assert_never(never)


def _pictured(request: Sprites | Still, pipe: Pipe) -> object:
    """Make pictures of a published track, of which nothing has to be probed."""
    limits = request.limits
    if isinstance(request, Sprites):
        return sprites(request.path, request.out, pipe, prefix=request.prefix, limits=limits)
    where = request.path, request.at_ms, request.width
    return Image(still(*where, request.format, pipe, limits=limits))


def send(message: Message) -> None:
    """Write a line to the worker, whole or not at all."""
    sys.stdout.buffer.write(encode(message))
    sys.stdout.buffer.flush()


def _fault(fault: Fault) -> Message:
    return Message(
        fault=FaultReport(
            code=fault.code,
            message=fault.message,
            status=fault.status,
            retryable=fault.retryable,
        )
    )


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(CANCELLED_STATUS)


def _confine(bounds: Bounds) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if bounds.memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
    if bounds.cpu_s:
        resource.setrlimit(resource.RLIMIT_CPU, (bounds.cpu_s, bounds.cpu_s + CPU_GRACE_S))
    if bounds.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bounds.file_bytes, bounds.file_bytes))
    if bounds.niceness:
        os.nice(bounds.niceness)


if __name__ == "__main__":
    sys.exit(main())
