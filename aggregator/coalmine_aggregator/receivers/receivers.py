"""All receivers of an aggregator: started, swept, drained and stopped together.

    receivers = Receivers(listens, table=..., sink=engine.receive, rejects=..., limits=..., now=...)
    await receivers.start()
    ...
    drained = await receivers.drain(timeout_s)     # before a slot is settled
    ...
    await receivers.stop()

`drain` is how the engine knows that whatever reached this machine before the call has been counted: the
loop looks at every socket once more, and goes on until those that had more than fits into one turn have
been read as far as they were filled then. Where that takes too long the slot's receipts are not all
there, and its fate is a gap.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.receivers.limits import ReceiverLimits
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.receiver import Listen, ListenError, Receiver
from coalmine_aggregator.receivers.rejections import Rejects
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_runtime import clock

__all__ = ["Listen", "ListenError", "Receivers"]

_SWEEP_S = 1.0


class Receivers:
    """`now` is the wall clock (seconds since the epoch) by which slots are past, due or ahead.

    `sink` and `rejects` are called on the loop's thread. `sink` gets only receipts of known series in
    the window of the limits; `rejects(source, reason, count)` counts everything else.
    """

    def __init__(
        self,
        listens: Sequence[Listen],
        *,
        table: SeriesTable,
        sink: Callable[[Receipts], None],
        rejects: Rejects,
        limits: ReceiverLimits,
        now: Callable[[], float] = clock.wall,
    ) -> None:
        self.each = [
            Receiver(listen, table=table, sink=sink, rejects=rejects, limits=limits, now=now)
            for listen in listens
        ]
        self._sweeping: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Opens every receiver, or none: raises `ListenError` with the first that cannot be."""
        try:
            for receiver in self.each:
                await receiver.start()
        except ListenError:
            await self.stop()
            raise
        self._sweep()

    async def stop(self) -> None:
        """Closes every receiver; what had been read is handed on."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for receiver in self.each:
            receiver.close()

    async def drain(self, timeout_s: float = 0.5) -> bool:
        """Whether all that had arrived when it was called has been handed on, within the timeout."""
        deadline_s = clock.monotonic() + timeout_s
        for receiver in self.each:
            receiver.accept()
        await _look_at_sockets()
        owed = [receiver.owed() for receiver in self.each]
        while behind := any(still() for still in owed):
            if clock.monotonic() >= deadline_s:
                break
            await _look_at_sockets()
        self.flush()
        return not behind

    def flush(self) -> None:
        """Hands on what has been read, without another look at the sockets."""
        for receiver in self.each:
            receiver.flush()

    def backlog(self) -> int:
        """Bytes and points that have been read and not handed on."""
        return sum(receiver.gather.backlog for receiver in self.each)

    def rejected(self) -> dict[int, Counter[Reason]]:
        """What was refused since the start, by source and reason."""
        totals: dict[int, Counter[Reason]] = {}
        for receiver in self.each:
            totals.setdefault(receiver.listen.source, Counter()).update(receiver.rejections.totals)
        return totals

    def _sweep(self) -> None:
        now_s = clock.monotonic()
        for receiver in self.each:
            receiver.sweep(now_s)
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


async def _look_at_sockets() -> None:
    """Two turns of the loop have one look at all sockets between them."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
