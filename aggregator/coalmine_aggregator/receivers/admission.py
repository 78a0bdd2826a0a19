"""Who may connect: by network, and how many at a time, in all and from one address. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_runtime.quantities import IPNetwork, lies_in

_REMEMBERED = 65_536  # addresses whose answer is kept


class Admission:
    """Of one receiver. No networks: everybody may."""

    def __init__(self, networks: Sequence[IPNetwork], limits: ReceiverLimits) -> None:
        self._networks = tuple(networks)
        self._limits = limits
        self._answers: dict[str, bool] = {}
        self._open: dict[str, int] = {}
        self.connections = 0

    def allows(self, address: str) -> bool:
        """Whether `address` (as the kernel writes it) lies in an allowed network."""
        if not self._networks:
            return True
        answer = self._answers.get(address)
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[address] = lies_in(address, self._networks)
        return answer

    def refuses(self, address: str) -> Reason | None:
        """Why a connection from `address` may not be, if so."""
        if not self.allows(address):
            return Reason.NOT_ALLOWED
        if self.connections >= self._limits.connections:
            return Reason.TOO_MANY_CONNECTIONS
        if self._open.get(address, 0) >= self._limits.connections_per_address:
            return Reason.TOO_MANY_FROM_ADDRESS
        return None

    def enter(self, address: str) -> None:
        """Counts a connection that stays open; to be counted out by `release`."""
        self._open[address] = self._open.get(address, 0) + 1
        self.connections += 1

    def release(self, address: str) -> None:
        """Counts a connection out again."""
        self.connections -= 1
        left = self._open[address] - 1
        if left:
            self._open[address] = left
        else:
            del self._open[address]
