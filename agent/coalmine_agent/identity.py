"""Who this agent is, and the messages by which it says so: births, states, reports."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass

from coalmine_agent.plan import EndpointPlan
from coalmine_agent.settings import AgentSettings, ControlSettings, host_label
from coalmine_runtime.version import VERSION
from coalmine_wire.control import Choice
from coalmine_wire.reports import Birth, Endpoint, Life, Report, SlotReport, State
from coalmine_wire.series import Location, escape
from coalmine_wire.topics import Kind, Topic


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while the process lives; place and `control`, which a reload may change.

    `boot` tells this start of the agent from all others; `started_at` is when (seconds since the
    epoch).
    """

    fleet: str
    id: str
    boot: str
    started_at: float
    location: Location
    region: str
    zone: str
    host: str
    interval_s: int
    control: Choice | None = None

    @property
    def client_id(self) -> str:
        """The MQTT client identifier.

        It carries the boot: of two agents with one id both stay connected and the aggregator can tell
        the clash, where one name would have them push each other out for ever.
        """
        return f"{self.id}-{self.boot}"

    @property
    def node(self) -> str:
        """The name of the machine as a node of its services, where it stands on one."""
        return escape(self.host)

    def topic(self, kind: Kind) -> str:
        """Where this agent says what."""
        return str(Topic(self.fleet, self.id, kind))

    def birth(self, revision: int, first_slot: int, plans: Sequence[EndpointPlan]) -> Birth:
        """The introduction with which `plans` are expected from `first_slot` on."""
        return Birth(
            agent=self.id,
            boot=self.boot,
            revision=revision,
            first_slot=first_slot,
            location=self.location,
            region=self.region,
            zone=self.zone,
            host=self.host,
            endpoints=[
                Endpoint(plan.service, plan.protocol, plan.phase_ms, plan.variant, plan.address)
                for plan in plans
            ],
            version=VERSION,
            python=platform.python_version(),
            started_at=self.started_at,
            interval_s=self.interval_s,
            control=self.control is not None,
            control_share=self.control.share if self.control else 0.0,
            control_key=self.control.fingerprint if self.control else "",
        )

    def state(self, life: Life, at: float, *, last_slot: int | None = None, reason: str = "") -> State:
        """A word on this agent's life."""
        return State(self.id, self.boot, life, at, last_slot, reason)

    def report(
        self,
        revision: int,
        slots: list[SlotReport],
        sent_at: float,
        expiries: list[tuple[int, int]],
    ) -> Report:
        """A report of slots that just ended."""
        return Report(self.id, self.boot, revision, sent_at, slots, False, expiries)


def make_identity(
    settings: AgentSettings,
    fleet: str,
    boot: str,
    started_at: float,
    control: ControlSettings | None = None,
) -> Identity:
    """The identity that a configuration gives; host and id fall back to this machine's name."""
    host = host_label(settings)
    return Identity(
        fleet=fleet,
        id=settings.id or escape(host),
        boot=boot,
        started_at=started_at,
        location=settings.location,
        region=settings.region,
        zone=settings.zone,
        host=host,
        interval_s=int(settings.interval),
        control=control.choice() if control else None,
    )
