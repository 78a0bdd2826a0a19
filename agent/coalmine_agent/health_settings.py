"""What the configuration says of how this node answers load balancers."""

from __future__ import annotations

import dataclasses

from coalmine_agent.service_name import ServiceName
from coalmine_runtime.quantities import Fraction
from coalmine_runtime.settings import Address, Network, SettingError, setting

_LEAST_WEIGHT = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentCheckSettings:
    """Where HAProxy's agent-check is answered. Short form: the address for all services."""

    listen: Address | None = setting(
        "Where all services are answered for; agent-send names one where there are several", None
    )
    services: dict[ServiceName, Address] = setting(
        "By service an address of its own, where nothing needs to be sent", {}
    )

    @classmethod
    def parse(cls, text: str) -> AgentCheckSettings:
        """The short form."""
        return cls(listen=Address.parse(text))

    def __post_init__(self) -> None:
        if not self.addresses():
            raise ValueError('needs an address: "listen", or one under "services"')

    def addresses(self) -> dict[str, Address]:
        """All in use, by their keys."""
        found = {f"services.{name}": address for name, address in self.services.items()}
        return found if self.listen is None else {"listen": self.listen, **found}


@dataclasses.dataclass(frozen=True, kw_only=True)
class HealthSettings:
    """How this node tells load balancers whether it is withdrawn."""

    listen: Address | None = setting("Where /health/<service> is answered by HTTP", None)
    agent_check: AgentCheckSettings | None = setting("HAProxy's agent-check", None)
    allow_from: list[Network] = setting(
        "Networks of those who may ask; required where one of the addresses is beyond loopback", []
    )
    lower_weight: Fraction | None = setting(
        "Share of its weight that the agent-check asks for while this agent itself finds the service "
        "bad, such as 50%; it never takes the node out",
        None,
    )

    def __post_init__(self) -> None:
        if self.listen is None and self.agent_check is None:
            raise ValueError('needs "listen" or "agent_check"')
        for key, address in self._addresses().items():
            if not address.loopback and not self.allow_from:
                raise SettingError(key, f'{address} is beyond loopback and needs "allow_from"')
        if self.lower_weight is not None:
            if self.agent_check is None:
                raise SettingError("lower_weight", 'is what "agent_check" answers')
            if not _LEAST_WEIGHT <= self.lower_weight < 1:
                raise SettingError("lower_weight", "expected from 1% to less than 100%")

    def _addresses(self) -> dict[str, Address]:
        checks = self.agent_check.addresses() if self.agent_check else {}
        found = {f"agent_check.{key}": address for key, address in checks.items()}
        return found if self.listen is None else {"listen": self.listen, **found}
