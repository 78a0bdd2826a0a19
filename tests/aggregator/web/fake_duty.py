"""People on duty before a fleet that never was: the rules are those of the real silences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.paging.silences import Silences
from coalmine_aggregator.web.duty import NotKeptError

if TYPE_CHECKING:
    from tests.aggregator.web.fake_view import FakeView


@dataclass
class FakeDuty:
    """A `Duty` over the alerts of a view. `writes` says whether its store does."""

    view: FakeView = field(repr=False, compare=False)
    rotas_: dict[str, Rota] = field(default_factory=dict)
    begun: list[Silence] = field(default_factory=list)
    ended: list[Silence] = field(default_factory=list)
    writes: bool = True

    def __post_init__(self) -> None:
        self.standing = Silences((), 0.0)

    async def find(self, ref: str) -> Alert | None:
        every = (*self.view.open_alerts(), *self.view.recent_alerts(200))
        return next((each for each in every if ref in (each.id, str(each.number))), None)

    async def acknowledge(self, number: int, by: str) -> Alert:
        for place, alert in enumerate(self.view.alerts):
            if alert.number == number:
                if alert.acknowledged_at is None:
                    alert = alert._replace(acknowledged_at=self.view.now, acknowledged_by=by)
                self.view.alerts[place] = alert
                self._keep()
                return alert
        raise KeyError(number)

    async def answer(self, alert: Alert, actionable: bool) -> Alert:
        answered = alert._replace(actionable=actionable)
        self.view.closed[self.view.closed.index(alert)] = answered
        self._keep()
        return answered

    def silences(self, now: float) -> Sequence[Silence]:
        return self.standing.standing(now)

    async def ended_silences(self, since: float, now: float, limit: int) -> Sequence[Silence]:
        return [each for each in self.ended if since < each.over_at <= now][-limit:]

    async def put_silence(self, silence: Silence, now: float) -> None:
        self.standing.put(silence, now)
        self.begun.append(silence)
        self._keep()

    async def end_silence(self, id_: str, who: str, now: float) -> Silence:
        silence = self.standing.end(id_, who, now)
        self.ended.append(silence)
        self._keep()
        return silence

    def rotas(self) -> Mapping[str, Rota]:
        return self.rotas_

    def _keep(self) -> None:
        if not self.writes:
            raise NotKeptError
