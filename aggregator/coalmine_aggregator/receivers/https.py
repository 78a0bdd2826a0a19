"""Lines by HTTPS POST: a request is answered when its lines have been handed on. Pure.

`POST /api/v1/sink` with lines as the body, and the API key as the user of basic authentication where
one is set, is answered with 204. HTTP itself is h11's.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from http import HTTPStatus

import h11

from coalmine_aggregator.receivers.gather import Gather
from coalmine_aggregator.receivers.intake import Receive, Scratch
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections

MAX_HEAD = 16 << 10
"""Bytes of request line and headers."""

_Headers = list[tuple[str, str]]


class _Answer(Exception):  # noqa: N818  -- it ends the handling of a request, and is no error of ours
    """The request is answered before it has been read in full, and the connection ends."""

    def __init__(self, status: int, reason: Reason, headers: _Headers | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.reason = reason
        self.headers = headers or []


class HttpIntake:
    """One connection; keep-alive is up to the client."""

    __slots__ = ("_body", "_gather", "_http", "_key", "_limit", "_out", "_path", "_rejections",
                 "_scratch", "done", "units")  # fmt: skip

    def __init__(
        self,
        gather: Gather,
        rejections: Rejections,
        scratch: Scratch,
        *,
        path: bytes,
        key: bytes,
        body_bytes: int,
    ) -> None:
        self._gather = gather
        self._rejections = rejections
        self._scratch = scratch
        self._path = path
        self._key = key
        self._limit = body_bytes
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._body = bytearray()
        self._out = bytearray()
        self.done = False
        self.units = 0

    @property
    def held(self) -> int:
        return len(self._body)

    def read(self, receive: Receive) -> int:
        count = receive(self._scratch.view)
        if count and not self.done:
            self._took(count)
        return count

    def _took(self, count: int) -> None:
        try:
            self._http.receive_data(bytes(self._scratch.view[:count]))
            self._handle_events()
        except h11.RemoteProtocolError as error:
            self._end(_Answer(error.error_status_hint, Reason.BAD_REQUEST))
        except _Answer as answer:
            self._end(answer)

    def replies(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def ended(self) -> Reason | None:
        if self.done or self._http.their_state in (h11.IDLE, h11.CLOSED):
            return Reason.TRUNCATED if not self.done and self._http.trailing_data[0] else None
        return Reason.TRUNCATED

    def _handle_events(self) -> None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._limit:
                    raise _Answer(413, Reason.BODY_TOO_LONG)
            elif isinstance(event, h11.EndOfMessage):
                self._accept()
            elif event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            else:  # paused or closed: nothing follows that may be read
                return

    def _begin(self, request: h11.Request) -> None:
        headers = dict(request.headers)
        if self._key and not self._knows_key(headers.get(b"authorization", b"")):
            raise _Answer(401, Reason.UNAUTHORIZED, [("WWW-Authenticate", 'Basic realm="coalmine"')])
        if request.target.partition(b"?")[0] != self._path:
            raise _Answer(404, Reason.BAD_REQUEST)
        if request.method != b"POST":
            raise _Answer(405, Reason.BAD_REQUEST, [("Allow", "POST")])
        length = headers.get(b"content-length", b"")
        if length and int(length) > self._limit:
            raise _Answer(413, Reason.BODY_TOO_LONG)

    def _accept(self) -> None:
        self._gather.add_lines(bytes(self._body))
        self._gather.flush()
        self._body.clear()
        self.units += 1
        self._send(h11.Response(status_code=204, headers=[], reason=b"No Content"))
        self._send(h11.EndOfMessage())
        if self._http.our_state is h11.MUST_CLOSE:
            self.done = True
        else:
            self._http.start_next_cycle()

    def _end(self, answer: _Answer) -> None:
        self._rejections.count(answer.reason)
        self._body.clear()
        self.done = True
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [*answer.headers, ("Content-Length", "0"), ("Connection", "close")]
            reason = HTTPStatus(answer.status).phrase
            self._send(h11.Response(status_code=answer.status, headers=headers, reason=reason))
            self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        self._out += self._http.send(event) or b""

    def _knows_key(self, header: bytes) -> bool:
        scheme, _, credentials = header.partition(b" ")
        if scheme.lower() != b"basic":
            return False
        try:
            user = base64.b64decode(credentials, validate=True).partition(b":")[0]
        except binascii.Error:
            return False
        return hmac.compare_digest(user, self._key)
