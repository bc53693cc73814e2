"""The access log of the reference edge: what aiohttp knows of a request, as a record."""

import logging
import time
from typing import Final, TypedDict

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from core.http.access_line import AccessRecord
from core.http.fields import combined, first
from core.http.forwarding import is_trusted
from edge.access_log import AccessLog
from edge.client import Account
from edge.config import EdgeConfig

# What aiohttp calls the request that it could not read.
_UNREADABLE: Final = "UNKNOWN"
MOST_SEEN: Final = 1000


class LoggerOptions(TypedDict):
    """How aiohttp is told of an access log of ours."""

    access_log: logging.Logger
    access_log_class: type[AbstractAccessLogger]


class ReferenceLog:
    """Writes a line for each request that ends, and for what was none."""

    def __init__(self, log: AccessLog, config: EdgeConfig) -> None:
        self._log = log
        self._proxies = config.trusted_proxies
        self._seen: set[web.RequestHandler] = set()

    def note(self, request: web.BaseRequest, account: Account, began_s: float) -> None:
        """Log a request that the handler has done with."""
        headers = tuple(request.headers.items())
        peer = request.remote or "unknown"
        trusted = is_trusted(peer, self._proxies)
        left = (account.promised_bytes or 0) - account.body_bytes
        self._log.add(
            AccessRecord(
                time_s=began_s,
                client=peer,
                status=account.status or 0,
                sent_bytes=request.writer.output_size,
                aborted_bytes=0 if request.method == "HEAD" else max(0, left),
                duration_us=int((time.time() - began_s) * 1e6),
                result=account.result,
                reused=self._is_reused(request),
                method=request.method,
                path=request.raw_path,
                range=combined(headers, "range") or "",
                user_agent=first(headers, "user-agent") or "",
                referer=first(headers, "referer") or "",
                forwarded_for=first(headers, "x-forwarded-for") or "" if trusted else "",
                request_id=account.request_id,
            )
        )

    def refusals(self) -> LoggerOptions:
        """What makes aiohttp log the heads that it refuses by itself."""
        log = self._log

        class Refusals(AbstractAccessLogger):
            def log(
                self, request: web.BaseRequest, response: web.StreamResponse, time: float
            ) -> None:
                if request.method == _UNREADABLE:
                    log.add(_refusal(request, response.status, time))

        return {"access_log": logging.getLogger(__name__), "access_log_class": Refusals}

    def _is_reused(self, request: web.BaseRequest) -> bool:
        """Whether this connection has asked before."""
        connection = request.protocol
        reused = connection in self._seen
        if len(self._seen) > MOST_SEEN:
            self._seen = {each for each in self._seen if each.transport is not None}
        self._seen.add(connection)
        return reused


def _refusal(request: web.BaseRequest, status: int, took_s: float) -> AccessRecord:
    return AccessRecord(
        time_s=time.time() - took_s,
        client=request.remote or "unknown",
        status=status,
        sent_bytes=request.writer.output_size,
        aborted_bytes=0,
        duration_us=int(took_s * 1e6),
        result="local",
        reused=False,
    )
