"""What the senders over TCP share: connecting, writing, and being told that the peer has it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.attempt import ACKNOWLEDGED, CONNECT, READY, SEND, Until
from coalmine_agent.reactor import ERROR, HANGUP, IN, OUT
from coalmine_agent.tcp_state import error_of, tell_acknowledgement, unacknowledged

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt
    from coalmine_agent.target import Address

_UNREAD = 65536


def connect(attempt: Attempt, address: Address) -> Generator[Until, None, socket.SocketType]:
    """A new connection to `address`: the step `connect`. It sets the attempt's `far`."""
    attempt.enter(CONNECT)
    sock = attempt.open(address.family, socket.SOCK_STREAM)
    code = sock.connect_ex(address.sockaddr)
    if code and code != errno.EINPROGRESS:
        raise OSError(code, os.strerror(code))
    try:
        # On the same machine the handshake is over by now, and no readiness needs to be waited for.
        sock.send(b"")
        return sock
    except BlockingIOError:
        pass
    attempt.far = True
    attempt.watch()
    while True:
        yield READY
        if attempt.events & (ERROR | HANGUP):
            error = error_of(sock)
            if error is not None:
                raise error
        if attempt.events & OUT:
            return sock


def write(sock: socket.SocketType, data: bytes, flags: int = 0) -> None:
    """Hands all of `data` to the kernel: a few kilobytes, of which an empty buffer takes all."""
    if sock.send(data, flags) != len(data):
        raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))


def expect_acknowledgement(attempt: Attempt, sock: socket.SocketType) -> None:
    """Before the last `write`: a far peer's acknowledgement shall wake the sender."""
    if attempt.far:
        attempt.told = tell_acknowledgement(sock)


def wait_for_acknowledgement(attempt: Attempt) -> None:
    """Before a wait for it: makes sure that the sender wakes up some time after it came."""
    if not attempt.told:
        attempt.look_again()


def deliver(attempt: Attempt, address: Address, data: bytes) -> Generator[Until, None, None]:
    """The whole of an attempt over plain TCP, sent once the peer's TCP acknowledged the last byte."""
    sock = yield from connect(attempt, address)
    expect_acknowledgement(attempt, sock)
    attempt.enter(SEND)
    write(sock, data)
    while unacknowledged(attempt.fd):
        wait_for_acknowledgement(attempt)
        yield ACKNOWLEDGED
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
