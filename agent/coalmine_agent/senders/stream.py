"""What the senders over TCP share: connecting, writing, and being told that the peer has it."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.attempt import Until
from coalmine_agent.reactor import ERROR, HANGUP, IN, OUT
from coalmine_agent.tcp_state import error_of, tell_acknowledgement, unacknowledged
from coalmine_wire.reports import Step

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt
    from coalmine_agent.target import Address

_IN_PROGRESS = 115  # EINPROGRESS
_UNREAD = 65536


def connect(attempt: Attempt, address: Address) -> Generator[Until, None, socket.socket]:
    """A new connection to `address`: the step `connect`."""
    attempt.enter(Step.CONNECT)
    sock = attempt.open(address.family, socket.SOCK_STREAM)
    tell_acknowledgement(sock)
    code = sock.connect_ex(address.sockaddr)
    if code and code != _IN_PROGRESS:
        raise OSError(code, os.strerror(code))
    attempt.watch()
    while True:
        yield Until.READY
        events = attempt.events
        if events & (ERROR | HANGUP):
            error = error_of(sock)
            if error is not None:
                raise error
        if events & OUT:
            return sock


def write(sock: socket.socket, data: bytes, flags: int = 0) -> Generator[Until, None, None]:
    """Hands all of `data` to the kernel."""
    while data:
        try:
            sent = sock.send(data, flags)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return
        data = data[sent:]
        yield Until.READY


def deliver(attempt: Attempt, address: Address, data: bytes) -> Generator[Until, None, None]:
    """The whole of an attempt over plain TCP: sent once the peer's TCP has acknowledged the last byte."""
    sock = yield from connect(attempt, address)
    attempt.enter(Step.SEND)
    yield from write(sock, data)
    while unacknowledged(attempt.fd):
        yield Until.ACKNOWLEDGED
        if attempt.events & (ERROR | HANGUP):
            error = error_of(sock)
            if error is not None:
                raise error
    attempt.left()
    if attempt.events & IN:
        # Closing over unread bytes, a banner perhaps, would reset the connection under our own data.
        try:
            sock.recv(_UNREAD)
        except OSError:
            pass
