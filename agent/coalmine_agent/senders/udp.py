"""udp: a line in one datagram. Sent means that nobody refused it before the deadline.

The socket is connected, so that an ICMP refusal of its datagram comes back as its error, and it is
kept until the deadline to hear one. That nothing refused says little; receipts say the rest.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.attempt import REFUSED, SEND, Until
from coalmine_agent.tcp_state import error_of
from coalmine_wire.plaintext import encode_line

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt
    from coalmine_agent.target import Address, Target


def send(attempt: Attempt, target: Target, address: Address, slot: int) -> Generator[Until, None, None]:
    """Steps: send."""
    attempt.enter(SEND)
    sock = attempt.open(address.family, socket.SOCK_DGRAM)
    sock.connect(address.sockaddr)
    sock.send(encode_line(target.name, slot))
    attempt.left()
    attempt.watch_errors()
    while True:
        yield REFUSED
        error = error_of(sock)
        if error is not None:
            raise error
