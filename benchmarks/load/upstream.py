"""The upstream of the caches: a few objects, each fetched once before the time is taken."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAST_MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT"


class StaticUpstream(ThreadingHTTPServer):
    """Serves `objects` by path, and counts the requests."""

    daemon_threads = True

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.objects = objects
        self._lock = threading.Lock()
        self._requests = 0

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def requests(self) -> int:
        """How many it has answered."""
        return self._requests

    def count(self) -> None:
        """Count a request."""
        with self._lock:
            self._requests += 1


class Answer(BaseHTTPRequestHandler):
    """One connection; objects are whole, immutable, and have strong validators."""

    protocol_version = "HTTP/1.1"
    server: StaticUpstream

    def do_GET(self) -> None:
        """Answer with an object or with 404."""
        self.server.count()
        body = self.server.objects.get(self.path)
        self.send_response(404 if body is None else 200)
        if body is None:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_header("Content-Type", "video/iso.segment")
        self.send_header("Content-Length", str(len(body)))
        # nginx serves ranges from its cache only where the upstream would; none asks us for one.
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "public, max-age=31536000, immutable")
        self.send_header("ETag", f'"{sha256(body).hexdigest()[:24]}"')
        self.send_header("Last-Modified", LAST_MODIFIED)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is declared
        """Say nothing: the report is what is read."""


@contextmanager
def static_upstream(objects: Mapping[str, bytes]) -> Iterator[StaticUpstream]:
    """Run the upstream in a thread of ours."""
    with StaticUpstream(objects) as server:
        thread = threading.Thread(target=server.serve_forever, name="upstream")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
