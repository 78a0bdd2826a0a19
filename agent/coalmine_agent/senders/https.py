"""https: a POST of one line. Sent means that a 2xx came back."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from functools import lru_cache
from typing import TYPE_CHECKING

from coalmine_agent.attempt import RESPONSE, SEND, SendError, Until
from coalmine_agent.http_head import HeadError, Status, read_status
from coalmine_agent.reactor import READ_CLOSED
from coalmine_agent.senders.secure import Secured, secure
from coalmine_wire.plaintext import encode_line

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt
    from coalmine_agent.target import Address, Target

_PORT = 443
_READ = 4096


def send(attempt: Attempt, target: Target, address: Address, slot: int) -> Generator[Until, None, None]:
    """Steps: connect, tls, send, response."""
    secured = yield from secure(attempt, target, address)
    attempt.enter(SEND)
    plan, line = target.plan, encode_line(target.name, slot)
    head = _head(plan.host, plan.port, plan.path, plan.authorization)
    secured.tls.write(b"%b%d\r\n\r\n%b" % (head, len(line), line))
    secured.flush()
    attempt.enter(RESPONSE)
    status = yield from _status(secured)
    if not 200 <= status.code <= 299:
        raise SendError(f"HTTP {status.code} {status.reason}".rstrip())
    attempt.left()
    # Servers close first, as they were asked to, but many wait for our close_notify.
    attempt.parting = True
    if not attempt.events & READ_CLOSED:
        _say_goodbye(secured)


def _status(secured: Secured) -> Generator[Until, None, Status]:
    """The status of the final answer, once its head is complete."""
    head = b""
    while True:
        count = yield from secured.receive()
        while True:
            try:
                piece = secured.tls.read(_READ)
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                piece = b""
            if not piece:
                raise SendError("the peer closed the connection before its answer was complete")
            head += piece
            try:
                status = read_status(head)
            except HeadError as error:
                raise SendError(str(error)) from None
            if status is not None:
                return status
        if not count:
            raise SendError("the peer closed the connection before its answer was complete")


def _say_goodbye(secured: Secured) -> None:
    try:
        secured.say_goodbye()
    except ssl.SSLError:
        pass  # the answer has a body that was not read
    try:
        secured.flush()
    except OSError:
        pass  # the verdict stands


@lru_cache(maxsize=16384)
def _head(host: str, port: int, path: str, authorization: str) -> bytes:
    """The request's head up to the value of Content-Length, its last field.

    Remembered by these words and not by the plan, whose TLS context would live on after each reload.
    """
    host = f"[{host}]" if ":" in host else host
    fields = [
        f"POST {path or '/'} HTTP/1.1",
        f"Host: {host}" if port == _PORT else f"Host: {host}:{port}",
        *([f"Authorization: {authorization}"] if authorization else []),
        "User-Agent: coalmine",
        "Content-Type: text/plain",
        "Connection: close",
        "Content-Length: ",
    ]
    return "\r\n".join(fields).encode("latin-1")
