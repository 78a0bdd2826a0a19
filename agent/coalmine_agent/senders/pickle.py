"""pickle: a length-prefixed pickle over a new connection.

Sent means that the peer's TCP acknowledged the last byte.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from coalmine_agent.senders.stream import deliver
from coalmine_wire.pickle_codec import encode_point

if TYPE_CHECKING:
    from coalmine_agent.attempt import Attempt, Until
    from coalmine_agent.target import Address, Target


def send(attempt: Attempt, target: Target, address: Address, slot: int) -> Generator[Until, None, None]:
    """Steps: connect, send."""
    return deliver(attempt, address, encode_point(target.name, slot))
