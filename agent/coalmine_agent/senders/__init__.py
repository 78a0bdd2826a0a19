"""How a datapoint travels: one file a protocol, one line here each.

A sender is a generator function `send(attempt, target, address, slot)`; `coalmine_agent.attempt`
says what it may do. It waits by yielding, ends by returning, fails by raising `OSError`,
`ssl.SSLError` or `SendError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from coalmine_agent.senders import https, pickle, pickle_tls, tcp, tls, udp
from coalmine_wire.protocols import Protocol

if TYPE_CHECKING:
    from coalmine_agent.attempt import Sender

SENDERS: Mapping[Protocol, Sender] = {
    Protocol.TCP: tcp.send,
    Protocol.TLS: tls.send,
    Protocol.UDP: udp.send,
    Protocol.PICKLE: pickle.send,
    Protocol.PICKLE_TLS: pickle_tls.send,
    Protocol.HTTPS: https.send,
}
