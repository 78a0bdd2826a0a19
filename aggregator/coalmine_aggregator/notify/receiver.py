"""What a receiver is: it delivers a notice, or says why not and whether to try again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.notice import Notice


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

    @property
    def takes_groups(self) -> bool:
        """Whether it tells several transitions at once; otherwise a notice has exactly one."""

    @property
    def address(self) -> str:
        """The field of a person that it needs as `Notice.contact`, such as `mail`; empty for none."""

    async def deliver(self, notice: Notice) -> None:
        """Returns once the other side has taken it.

        May be called again with the same notice after any failure, or after a crash, and must
        carry what lets the other side tell. Raises `TryLaterError`, `RefusedError` or `GoneError`.
        """

    def start(self, standing: Sequence[Transition]) -> None:
        """Takes over alerts that are open, or were closed a short while ago, from before a restart;
        later, each time, what the other aggregator of a pair has told in place of this one."""

    async def close(self) -> None:
        """Ends what it runs."""
