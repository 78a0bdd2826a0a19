"""What a receiver is: it delivers one transition, or says why not and whether to try again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coalmine_aggregator.model.alerts import Transition


class TryLaterError(Exception):
    """Not delivered, but may be: no connection, a server in trouble, too many requests.

    `after_s` is how long the server asked to wait, if it did; then all of its deliveries wait.
    """

    def __init__(self, what: str, after_s: float | None = None) -> None:
        super().__init__(what)
        self.after_s = after_s


class RefusedError(Exception):
    """This message will never be taken; another may be."""


class GoneError(Exception):
    """The receiver wants no messages any more."""


class Receiver(Protocol):
    """One way to tell people or machines of alerts."""

    async def deliver(self, transition: Transition) -> None:
        """Returns once the other side has taken it.

        May be called again with the same transition after any failure, or after a crash, and must
        carry what lets the other side tell. Raises `TryLaterError`, `RefusedError` or `GoneError`.
        """

    def start(self, standing: Sequence[Transition]) -> None:
        """Takes over alerts that are open, or were closed a short while ago, from before a restart."""

    async def close(self) -> None:
        """Ends what it runs."""
