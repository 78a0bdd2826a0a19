"""A configuration file made ready for use: settings, plans, TLS contexts. All file reading is here."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Mapping
from pathlib import Path

from coalmine_agent.identity import Identity, make_identity
from coalmine_agent.plan import EndpointPlan
from coalmine_agent.planner import make_plans
from coalmine_agent.settings import Settings
from coalmine_runtime.config_error import ConfigError, Problem, SettingError
from coalmine_runtime.mqtt import BrokerSettings, tls_context
from coalmine_runtime.settings import load
from coalmine_wire.reports import MAX_ENDPOINTS, MAX_PAYLOAD, ReportError, decode_birth, encode

MAX_BIRTH_BYTES = MAX_PAYLOAD - 1024
"""With room for what a later birth says in more digits."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """One reading of the file. `broker` has its user name filled in."""

    settings: Settings
    identity: Identity
    plans: list[EndpointPlan]
    broker: BrokerSettings
    broker_context: ssl.SSLContext | None
    state_dir: Path | None


def load_agent(path: Path, env: Mapping[str, str], *, boot: str, started_at: float) -> Loaded:
    """Reads the file and every file it names. Raises `ConfigError`."""
    settings = load(Settings, path, env)
    fleet = settings.broker.fleet
    identity = make_identity(settings.agent, fleet, boot, started_at, settings.control)
    broker = settings.broker
    if broker.password is not None and not broker.username:
        broker = dataclasses.replace(broker, username=identity.id)
    try:
        plans = make_plans(settings)
        context = tls_context(broker)
    except SettingError as error:  # a file changed since the settings were bound
        raise ConfigError.of(path, error.key, str(error)) from None
    if len(plans) > MAX_ENDPOINTS:
        what = f"{len(plans)} endpoints, at most {MAX_ENDPOINTS} an agent"
        raise ConfigError.of(path, "services", what)
    birth = encode(identity.birth(1, 0, plans))
    if len(birth) > MAX_BIRTH_BYTES:
        what = f"their names and addresses take {len(birth)} bytes, at most {MAX_BIRTH_BYTES} an agent"
        raise ConfigError.of(path, "services", what)
    try:
        decode_birth(birth)
    except ReportError as error:
        raise ConfigError.of(path, "agent", f"no aggregator would take its birth: {error}") from None
    return Loaded(settings, identity, plans, broker, context, _state_dir(settings, env))


def unchangeable(old: Loaded, new: Loaded, path: Path) -> list[Problem]:
    """What a reload cannot change, and did."""
    pairs = {
        "agent.id": (old.identity.id, new.identity.id),
        "broker.fleet": (old.identity.fleet, new.identity.fleet),
        "agent.state_dir": (old.state_dir, new.state_dir),
        "agent.spool": (old.settings.agent.spool, new.settings.agent.spool),
        "health": (old.settings.health, new.settings.health),
    }
    return [
        Problem(str(path), 0, key, f"changing it from {was} to {now} needs a restart")
        for key, (was, now) in pairs.items()
        if was != now
    ]


def _state_dir(settings: Settings, env: Mapping[str, str]) -> Path | None:
    if settings.agent.state_dir is not None:
        return settings.agent.state_dir
    # systemd gives a list where a unit names several.
    first = env.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None
