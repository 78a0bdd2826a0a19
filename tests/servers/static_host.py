"""A plain static host: files of a folder over HTTP, with no header of ours."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any


class StaticHost:
    """`with` it: serves `folder` at `url`, without a slash at its end.

    `now` is what it says the time is (seconds since the epoch), None for what it is.
    """

    def __init__(self, folder: Path, now: float | None = None) -> None:
        handler = partial(_Quiet, directory=str(folder))
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.now = now
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> StaticHost:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    now: float | None = None


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Of a file, or now."""
        assert isinstance(self.server, _Server)
        return super().date_time_string(self.server.now if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""
