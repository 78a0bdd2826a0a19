"""What pages, API and metrics look at: the engine, and how the aggregator itself is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from coalmine_aggregator.measuring import Measuring
from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.model.views import AgentView, GroupRates, GroupSums, NoiseView, SloView
from coalmine_aggregator.notify.notifier import Notifier
from coalmine_aggregator.paging.order import Hold
from coalmine_aggregator.receivers.receivers import Receivers
from coalmine_aggregator.reports import Reports
from coalmine_aggregator.store import pending
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.duty import Duty
from coalmine_aggregator.web.incident_desk import IncidentDesk
from coalmine_aggregator.web.remediation_desk import RemediationDesk
from coalmine_aggregator.web.view import Check, Health, Queue
from coalmine_runtime.version import VERSION

LAG_S = 5.0
"""An aggregator that settles later than this is not ready."""


class LiveView:
    """Reads from memory, but for `explain`; see `web.view.View`."""

    def __init__(
        self,
        *,
        fleet: str,
        measuring: Measuring,
        reports: Reports,
        receivers: Receivers,
        store: Store,
        notifier: Notifier,
        duty: Duty,
        incidents: IncidentDesk,
        remediation: RemediationDesk | None,
        started_at: float,
    ) -> None:
        self.duty = duty
        self.incidents = incidents
        self.remediation = remediation
        self._fleet = fleet
        self._measuring = measuring
        self._reports = reports
        self._receivers = receivers
        self._store = store
        self._notifier = notifier
        self._started_at = started_at
        self._sources = [str(receiver.listen.protocol) for receiver in receivers.each]

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> list[GroupRates]:
        """Counts by second."""
        return self._measuring.engine.rates(by, where, first, last)

    def recent_sums(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> GroupSums | None:
        """Counts by second, as far as they are soon had."""
        return self._measuring.engine.recent_sums(by, where, first, last)

    def agents(self, now: float) -> list[AgentView]:
        """The roster."""
        return self._measuring.engine.agents(now)

    def open_alerts(self) -> list[Alert]:
        """What is open."""
        return self._measuring.engine.open_alerts()

    def holds(self, now: float) -> dict[int, Hold]:
        """Why nobody is told of open alerts."""
        return self._notifier.holds(now)

    def recent_alerts(self, limit: int) -> list[Alert]:
        """What was closed lately."""
        return list(islice(self._measuring.closed, limit))

    async def explain(self, ref: str) -> list[Transition] | None:
        """Everything that happened to an alert. The store is asked; it waits for no writing."""
        alert = await self._store.find_alert(ref)
        return None if alert is None else await self._store.explained(alert.number)

    def slo(self) -> dict[str, SloView]:
        """Objectives and what is left of the budgets."""
        services = self._measuring.engine.judge.services
        return {name: service.slo.view() for name, service in services.items()}

    def burn_down(self, service: str, points: int) -> list[tuple[int, float]]:
        """How a budget was spent."""
        known = self._measuring.engine.judge.services.get(service)
        return [] if known is None else known.slo.burn_down(points)

    def noise(self) -> dict[str, NoiseView]:
        """What was learned of healthy services."""
        return {
            name: NoiseView(
                rho=service.learner.noise.rho,
                loss=service.learner.noise.loss,
                burst_loss=service.learner.noise.burst_loss,
                burst_span=service.learner.noise.burst_span,
                q=service.learner.noise.q,
                c=service.learner.noise.c,
                learned_slots=service.learner.noise.slots,
                threshold=service.loss.threshold,
                patterns=service.loss.patterns,
            )
            for name, service in self._measuring.engine.judge.services.items()
        }

    def incident_of(self, alert: int) -> int:
        """Of those in memory."""
        return self.incidents.of_alert(alert)

    def oddities(self) -> dict[str, int]:
        """What was counted apart."""
        counts = self._measuring.engine.oddities()
        for kind, count in self._reports.rejected.items():
            counts[f"message_{kind}"] = count
        return counts

    def put_audit(self, entry: AuditEntry) -> None:
        """Somebody did something."""
        self._store.put_audit(entry)

    async def audit(
        self, *, before: int, limit: int, actor: str = "", action: str = ""
    ) -> list[AuditEntry]:
        """Entries of the audit log."""
        return await self._store.audit(before=before, limit=limit, actor=actor, action=action)

    def health(self) -> Health:
        """The aggregator itself."""
        engine = self._measuring.engine
        store = self._store.health()
        rejects = {
            (self._sources[source], reason.value): count
            for (source, reason), count in self._measuring.rejects.items()
        }
        outlets = self._notifier.view()
        settled = engine.first_unsettled - 1
        lag_s = self._measuring.settle_lag_s
        return Health(
            fleet=self._fleet,
            version=VERSION,
            started_at=self._started_at,
            settled=settled if settled >= self._started_at else None,
            settle_lag_s=lag_s,
            settle_s=self._measuring.settle_s,
            checks=(
                Check(name="broker", ok=self._reports.connected, detail="agents' reports are heard"),
                Check(name="settling", ok=lag_s < LAG_S, detail=f"{lag_s:.1f} s behind"),
                Check(name="store", ok=not store.error, detail=store.detail),
            ),
            queues={
                "store": Queue(
                    depth=store.waiting,
                    bound=pending.MAX_ITEMS,
                    dropped=sum(store.dropped.values()),
                ),
            },
            receipts=engine.receipts(),
            rejects=rejects,
            connections={
                name: receiver.connections
                for name, receiver in zip(self._sources, self._receivers.each, strict=True)
            },
            deliveries={
                (outlet.name, result): count
                for outlet in outlets
                for result, count in (
                    ("delivered", outlet.delivered),
                    ("failed", outlet.failed),
                    ("dead", outlet.dead),
                )
            },
            undelivered={outlet.name: outlet.pending for outlet in outlets},
        )
