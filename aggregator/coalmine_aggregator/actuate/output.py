"""What every way to service discovery has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from coalmine_aggregator.model.withdrawal import Wanted


class Standing(NamedTuple):
    """How an output stands. `out` are the nodes that it holds to be out, by service, as the other side
    last confirmed, None where it cannot know; `confirmed_at` when, seconds since the epoch. `trouble`
    says what is wrong, empty where nothing is."""

    name: str
    out: Mapping[str, tuple[str, ...]] | None
    confirmed_at: float | None
    trouble: str


class Output(Protocol):
    """Brings the full state to one place. The newest state wins: nothing queues."""

    @property
    def name(self) -> str:
        """As the configuration calls it; part of logs and metrics."""

    def show(self, wanted: Mapping[str, Wanted]) -> None:
        """What is wanted, of every service whose nodes are known; once a second, also where nothing
        changed. Never waits, never raises. A service that is missing is no news: what was said of it
        stands until its lease ends. `Mode.STANDBY`: leave everything as it is, let leases end."""

    async def run(self) -> None:
        """Until it is cancelled. No trouble of the other side ends it."""

    async def clear(self) -> None:
        """Takes back everything that this output has ever said, as far as the other side can be
        reached: by `coalmine remediation stop`, also from a process of its own while no aggregator
        runs. Raises OSError, TimeoutError or ValueError with one clear sentence where that did not
        succeed."""

    def standing(self) -> Standing:
        """How it stands now."""
