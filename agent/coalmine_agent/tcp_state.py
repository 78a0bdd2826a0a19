"""What the kernel knows of a TCP connection and sockets do not say: whether the peer has our bytes."""

from __future__ import annotations

import socket
import struct
import termios
from fcntl import ioctl

_SO_TIMESTAMPING = 37  # asm-generic/socket.h
_TX_ACK = 1 << 9  # linux/net_tstamp.h: an event when the last byte of a send is acknowledged
_TSONLY = 1 << 11  # without a copy of the packet
_ON = struct.pack("i", _TX_ACK | _TSONLY)

_count = bytearray(4)
_NONE = bytes(4)


def unacknowledged(fd: int) -> bool:
    """Whether bytes, or the FIN, are not yet acknowledged by the peer's TCP (tcp(7), SIOCOUTQ)."""
    ioctl(fd, termios.TIOCOUTQ, _count)
    return _count != _NONE


def tell_acknowledgement(sock: socket.SocketType) -> bool:
    """Sets EPOLLERR, without an error, when the last byte of a later send is acknowledged.

    False where the kernel cannot.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _ON)
    except OSError:
        return False
    return True


def error_of(sock: socket.SocketType) -> OSError | None:
    """The connection's pending error, which is cleared by this."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return OSError(code, "") if code else None
