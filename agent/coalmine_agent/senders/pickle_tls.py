"""pickle_tls: a length-prefixed pickle over TLS, with a full, verified handshake each time."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.senders.secure import deliver_over_tls
from coalmine_wire.pickle_codec import encode_point

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt, Until
    from coalmine_agent.target import Address, Target


def send(attempt: Attempt, target: Target, address: Address, slot: int) -> Generator[Until, None, None]:
    """Steps: connect, tls, send."""
    return deliver_over_tls(attempt, target, address, encode_point(target.name, slot))
