"""One reader's connection: requests in, answers out, one at a time, framed by h11.

Nobody who reads is trusted to send or to take anything in time; see `crowd` for who looks at that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

import h11

from coalmine_aggregator.status_page.answers import Answer, Asked, bare
from coalmine_runtime import clock

MAX_HEAD: Final = 8_192
"""Bytes of a request's first line and headers."""

AT_ONCE: Final = 32
"""Steps that are taken for one reader, two a request, before others have their turn."""

Answering = Callable[[Asked], Answer]

_BODILESS: Final = (HTTPStatus.NOT_MODIFIED,)


class Connection(asyncio.Protocol):
    """`on_made`, `on_request` and `on_lost` tell whoever keeps connections in bounds.

    `is_over` says that no request is read any more, and only the end is waited for."""

    def __init__(
        self,
        answering: Answering,
        on_made: Callable[[Connection], None],
        on_request: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self.is_over = False
        self._answering = answering
        self._on_made = on_made
        self._on_request = on_request
        self._on_lost = on_lost
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self._is_full = False
        self._is_resting = False

    @property
    def unsent(self) -> int:
        """Bytes of answers that the reader has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """Ends it at once, whatever is on its way."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Ends it when what is on its way has arrived."""
        self.is_over = True
        if self._transport is not None:
            self._transport.close()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._on_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        self._transport = None
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            return  # it was refused, and goes on sending
        self._http.receive_data(data)
        self._go_on()

    def eof_received(self) -> None:
        if not self.is_over:
            self._http.receive_data(b"")
            self._go_on()

    def pause_writing(self) -> None:
        self._is_full = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_full = False
        self._read_on()

    def _read_on(self) -> None:
        if self._transport is not None and not self._is_full and not self._is_resting:
            self._transport.resume_reading()
            self._go_on()

    def _rest(self) -> None:
        """Lets others have their turn."""
        self._is_resting = True
        if self._transport is not None:
            self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._rested)

    def _rested(self) -> None:
        self._is_resting = False
        self._read_on()

    def _go_on(self) -> None:
        """Answers what has come, as long as the reader takes answers."""
        if self._is_resting:
            return
        for _ in range(AT_ONCE):
            if self.is_over or self._is_full:
                return
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint)
                return
            if isinstance(event, h11.Request):
                self._on_request(self)
                self._send(self._answering(_asked(event)), event.method == b"HEAD")
            elif isinstance(event, h11.EndOfMessage):
                self._end_cycle()
            elif isinstance(event, h11.ConnectionClosed):
                self.close()
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return
        self._rest()

    def _send(self, answer: Answer, is_head: bool) -> None:
        """The whole answer in one piece; the request's end is read after it."""
        assert self._transport is not None
        headers = [*answer.headers.items(), ("Date", formatdate(clock.wall(), usegmt=True))]
        if answer.status not in _BODILESS:
            headers.append(("Content-Length", str(len(answer.body))))
        if answer.closes:
            headers.append(("Connection", "close"))
        response = h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase)
        parts = [self._http.send(response)]
        if not is_head and answer.body and answer.status not in _BODILESS:
            parts.append(self._http.send(h11.Data(answer.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))
        if answer.closes:
            self._linger()

    def _end_cycle(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()

    def _refuse(self, status: int) -> None:
        """What came is no HTTP, or more than is read."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            known = HTTPStatus(status) if status in (400, 431, 501) else HTTPStatus.BAD_REQUEST
            self._send(bare(known, closes=True), is_head=False)
        else:
            self.close()

    def _linger(self) -> None:
        """Says that no more will come, but takes what the reader still sends: a connection that is
        closed with data unread takes back the answer."""
        self.is_over = True
        assert self._transport is not None
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()


def _asked(request: h11.Request) -> Asked:
    headers: dict[str, str] = {}
    for name, value in request.headers:
        text, key = value.decode("latin-1"), name.decode("ascii")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    path = request.target.decode("latin-1").partition("?")[0]
    return Asked(request.method.decode("ascii"), path, headers)
