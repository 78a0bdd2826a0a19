"""What people on duty do, done: by the engine, the notifier and the store."""

from __future__ import annotations

from collections.abc import Mapping

from coalmine_aggregator.measuring import Measuring
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.duty import NotKeptError

_MAX_DIGITS = 19


class LiveDuty:
    """See `web.duty.Duty`."""

    def __init__(
        self, measuring: Measuring, notifier: Notifier, store: Store, rotas: Mapping[str, Rota]
    ) -> None:
        self._measuring = measuring
        self._notifier = notifier
        self._store = store
        self._rotas = rotas

    async def find(self, ref: str) -> Alert | None:
        """What is open goes first, then what closed last, then what the store remembers."""
        if ref.isascii() and ref.isdecimal() and len(ref) <= _MAX_DIGITS:
            ref = str(int(ref))
        for alert in (*self._measuring.engine.open_alerts(), *self._measuring.closed):
            if ref in (alert.id, str(alert.number)):
                return alert
        return await self._store.find_alert(ref)

    async def acknowledge(self, number: int, by: str) -> Alert:
        """Stops the calls at once; the store follows."""
        self._measuring.acknowledge(number, by)
        alerts = self._measuring.engine.open_alerts()
        acknowledged = next(alert for alert in alerts if alert.number == number)
        await self._kept()
        return acknowledged

    async def answer(self, alert: Alert, actionable: bool) -> Alert:
        """Asked at the end, for the weekly review."""
        answered = self._measuring.answer(alert, actionable)
        await self._kept()
        return answered

    def silences(self, now: float) -> list[Silence]:
        """From memory."""
        return self._notifier.silences(now)

    async def ended_silences(self, since: float, now: float, limit: int) -> list[Silence]:
        """From the store."""
        standing = {silence.id for silence in self._notifier.silences(now)}
        # The store gives the newest of all; those that stand are left out of them.
        found = await self._store.silences(since, limit + len(standing))
        return [each for each in found if each.id not in standing and each.over_at <= now][-limit:]

    async def put_silence(self, silence: Silence, now: float) -> None:
        """Holds at once; the store follows."""
        self._notifier.put_silence(silence, now)
        await self._kept()

    async def end_silence(self, id_: str, who: str, now: float) -> Silence:
        """What it held is told with the next second."""
        ended = self._notifier.end_silence(id_, who, now)
        await self._kept()
        return ended

    def rotas(self) -> Mapping[str, Rota]:
        """As the configuration has them."""
        return self._rotas

    async def _kept(self) -> None:
        if not await self._store.flushed():
            raise NotKeptError
