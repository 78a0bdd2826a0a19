"""What can go wrong in a scenario, and for whom: faults as their author writes them."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import NamedTuple

from coalmine_runtime.settings import Fraction, Seconds, SettingError, setting
from coalmine_wire.reports import Step

MAX_DELAY_S = 24 * 3600.0
MAX_SKEW_S = 24 * 3600.0

REPLAY = "replay"
"""The `delay` of what arrives when the fault ends."""


class Effect(StrEnum):
    """What the simulated fleet does."""

    LOST = "lost"
    FAILED = "failed"
    ABANDONED = "abandoned"
    LATE = "late"
    DUPLICATED = "duplicated"
    AGENT_SILENT = "agent_silent"
    AGENT_IMPAIRED = "agent_impaired"
    REPORTS_LOST = "reports_lost"
    CLOCK_SKEW = "clock_skew"
    AGGREGATOR_DOWN = "aggregator_down"


OF_AGENTS = (Effect.AGENT_SILENT, Effect.AGENT_IMPAIRED, Effect.REPORTS_LOST, Effect.CLOCK_SKEW)
"""Effects that hit whole agents rather than single datapoints."""


class StepName(StrEnum):
    """The steps of an attempt, by name."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    RESPONSE = "response"

    @property
    def step(self) -> Step:
        """The same on the wire."""
        return Step[self.name]


_OWN = {
    "step": (Effect.FAILED, Effect.ABANDONED),
    "delay": (Effect.LATE,),
    "keepalive": (Effect.AGENT_SILENT, Effect.REPORTS_LOST),
    "seconds": (Effect.CLOCK_SKEW,),
}
"""Keys that only some effects have."""


class Delay(NamedTuple):
    """How late datapoints arrive: by so many seconds, or all at once when the fault ends (None)."""

    seconds: float | None

    @classmethod
    def parse(cls, text: str) -> Delay:
        """`4`, `1.5s`, `2m` or `replay`. Raises ValueError."""
        if text == REPLAY:
            return cls(None)
        try:
            seconds = float(text.removesuffix("s"))
        except ValueError:
            raise ValueError(f'expected seconds or "{REPLAY}", not "{text}"') from None
        if not 0 <= seconds <= MAX_DELAY_S:
            raise ValueError(f"expected 0 to {MAX_DELAY_S:.0f} seconds, not {text}")
        return cls(seconds)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """Labels that must all match, each by one of its values; empty lists match anything."""

    service: list[str] = setting("Names of services", [])
    protocol: list[str] = setting("Protocols", [])
    variant: list[str] = setting("Variants of endpoints", [])
    location: list[str] = setting("external, internal, on-machine", [])
    region: list[str] = setting("Regions", [])
    zone: list[str] = setting("Zones", [])
    host: list[str] = setting("Hosts that datapoints are sent from", [])
    node: list[str] = setting("Machines of the service that endpoints lead to", [])

    def labels(self) -> dict[str, list[str]]:
        """The labels that are asked for, with their values."""
        every = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {label: values for label, values in every.items() if values}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong. Times are seconds of fleet time; it hits slots from <= slot < to."""

    from_: Seconds = setting("When it begins, in seconds from slot 0")
    to: Seconds = setting("When it ends")
    effect: Effect = setting("What happens")
    where: Where = setting("What it hits; the whole fleet where absent", Where())
    fraction: Fraction | None = setting(
        "Share of datapoints hit, drawn independently; for effects on agents the share of agents", None
    )
    hosts: int | None = setting("Instead: all datapoints of so many hosts, drawn by the seed", None)
    step: StepName = setting("Step in which attempts end", StepName.CONNECT)
    delay: Delay | None = setting('Seconds by which datapoints are late, or "replay"', None)
    keepalive: Seconds | None = setting("Seconds after which the last will is delivered", None)
    seconds: float | None = setting("Seconds by which clocks are off; positive: ahead", None)

    def __post_init__(self) -> None:
        if self.from_ >= self.to:
            raise SettingError("to", f"ends at {self.to:g}, not after it begins at {self.from_:g}")
        for key, effects in _OWN.items():
            default = StepName.CONNECT if key == "step" else None
            if getattr(self, key) != default and self.effect not in effects:
                named = " and ".join(effects)
                raise SettingError(key, f"is for the effect {named}, not for {self.effect}")
        if self.effect is Effect.LATE and self.delay is None:
            raise SettingError("delay", f'is missing (seconds or "{REPLAY}")')
        if self.effect is Effect.CLOCK_SKEW:
            if self.seconds is None:
                raise SettingError("seconds", "is missing (by how much the clocks are off)")
            if not 0 < abs(self.seconds) <= MAX_SKEW_S:
                raise SettingError("seconds", f"expected up to {MAX_SKEW_S:.0f}, and not 0")
        if self.hosts is not None:
            if self.share < 1:
                raise SettingError("hosts", 'stands instead of "fraction"; give one')
            if self.hosts < 1:
                raise SettingError("hosts", "expected at least one")
        if self.effect is Effect.AGGREGATOR_DOWN:
            for key in ("fraction", "hosts"):
                if getattr(self, key) is not None:
                    raise SettingError(key, "there is one aggregator, and it is down or it is not")
            if self.where.labels():
                raise SettingError("where", "there is one aggregator; it has no labels")

    @property
    def share(self) -> float:
        """The share hit: all unless told otherwise."""
        return 1.0 if self.fraction is None else self.fraction
