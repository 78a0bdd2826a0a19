"""Whether a service is well: its unit is active, and it says so itself."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from coalmine_install.refusal import Code, RefusalError
from coalmine_runtime import clock
from coalmine_runtime.settings import Address, load
from coalmine_runtime.tls import TlsServerSettings

HOLD_S = 2.0
"""So long it must be well without a break: what dies young has said that it stands."""

RESTARTS = 2
"""So many restarts by systemd are no start."""

_PAUSE_S = 0.25
_TIMEOUT_S = 3.0
_MAX_BYTES = 65_536


class Probe(NamedTuple):
    """Where a service says how it is."""

    address: Address
    path: str
    tls: bool
    accepted: tuple[int, ...]


class Unit(NamedTuple):
    """What systemd says of it."""

    active: str
    pid: int
    restarts: int
    status: str


def probe_of(role: str, config: Path, env: Mapping[str, str]) -> Probe | None:
    """None where nobody can ask, as an agent has no listener, or clients must have a certificate: then
    the unit alone tells. Raises `ConfigError`."""
    if role == "agent":
        from coalmine_agent.settings import Settings

        metrics = load(Settings, config, env).metrics
        return _probe(metrics.listen, "/health", None) if metrics else None
    if role == "status-page":
        from coalmine_aggregator.status_settings import StatusPageSettings

        page = load(StatusPageSettings, config, env)
        # Without anything to show yet it is as well as can be.
        accepted = (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE)
        return _probe(page.listen, "/healthz", page.certificate, accepted)
    from coalmine_aggregator.settings import AggregatorSettings

    web = load(AggregatorSettings, config, env).web
    return _probe(web.listen, "/readyz", web.certificate)


def _probe(
    listen: Address,
    path: str,
    certificate: TlsServerSettings | None,
    accepted: tuple[int, ...] = (HTTPStatus.OK,),
) -> Probe | None:
    if certificate is not None and certificate.client_ca_file is not None:
        return None
    return Probe(listen, path, certificate is not None, accepted)


def wait(unit: str, probe: Probe | None, within_s: float) -> str:
    """Returns how it is once it is well. Raises `RefusalError` with the last that was heard of it."""
    end = clock.monotonic() + within_s
    well_since: tuple[float, int] | None = None
    restarts_before = _unit(unit).restarts
    while True:
        state = _unit(unit)
        restarts_before = min(restarts_before, state.restarts)  # a start by hand counts anew
        if state.active == "failed" or state.restarts - restarts_before >= RESTARTS:
            raise RefusalError(Code.UNHEALTHY, f"{unit} does not start")
        said, well = f"{unit} is {state.active}", False
        if state.active == "active":
            said, well = _ask(probe) if probe else (state.status, True)
        now = clock.monotonic()
        if not well or well_since is None or well_since[1] != state.pid:
            well_since = (now, state.pid) if well else None
        elif now - well_since[0] >= HOLD_S:
            return said
        if now >= end:
            raise RefusalError(Code.UNHEALTHY, f"{unit} is not well after {within_s:.0f} s: {said}")
        time.sleep(_PAUSE_S)


def _unit(unit: str) -> Unit:
    names = "ActiveState,MainPID,NRestarts,StatusText"
    done = subprocess.run(  # noqa: S603
        ["systemctl", "show", f"--property={names}", unit],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return Unit(
        shown["ActiveState"], int(shown["MainPID"]), int(shown["NRestarts"]), shown["StatusText"]
    )


def _ask(probe: Probe) -> tuple[str, bool]:
    host = probe.address.host or "127.0.0.1"
    connection: http.client.HTTPConnection
    if probe.tls:
        # It is asked for by its address, which its certificate need not have.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(
            host, probe.address.port, timeout=_TIMEOUT_S, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, probe.address.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", probe.path)
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{probe.address}{probe.path}: {error}", False
    finally:
        connection.close()
    return _said(body), answer.status in probe.accepted


def _said(body: str) -> str:
    """The answer in a line."""
    try:
        tree = json.loads(body)
    except ValueError:
        return " ".join(body.split())[:200]
    if "slots_missed" in tree:
        broker = "" if tree["broker_connected"] else "; its broker is not reached yet"
        return f"{tree['endpoints']} endpoints, {tree['status']}{broker}"
    return str(tree.get("detail") or tree.get("status") or "answers")[:300]
