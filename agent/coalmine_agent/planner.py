"""From settings to what the runner needs: names, phases, TLS contexts and header values, made once."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

from coalmine_agent.plan import EndpointPlan, TlsPlan
from coalmine_agent.settings import (
    Endpoint,
    EndpointKey,
    HttpsEndpoint,
    PlainEndpoint,
    Settings,
    host_label,
)
from coalmine_runtime.settings import Secret
from coalmine_runtime.tls import TlsClientSettings, client_context
from coalmine_wire.series import escape, make_series
from coalmine_wire.slots import phases_ms


def make_plans(settings: Settings) -> list[EndpointPlan]:
    """The plans of all endpoints, in the order of the file. Reads certificates: not for the hot loop.

    Endpoints with the same certificates share a context, which is most of what TLS costs in memory.
    Raises `SettingError` where a file has become unusable since the settings were read.
    """
    endpoints = [
        (service, key, endpoint)
        for service, group in settings.services.items()
        for key, endpoint in group.items()
    ]
    phases = phases_ms(escape(host_label(settings.agent)), len(endpoints))
    contexts = _Contexts()
    return [
        _plan(settings, service, key, endpoint, phase_ms, contexts)
        for (service, key, endpoint), phase_ms in zip(endpoints, phases, strict=True)
    ]


class _Contexts:
    """TLS contexts by the files they come from."""

    def __init__(self) -> None:
        self._made: dict[tuple[Path | None, Path | None], ssl.SSLContext] = {}

    def get(self, settings: TlsClientSettings) -> ssl.SSLContext:
        files = (settings.ca_file, settings.certificate_file)
        if files not in self._made:
            self._made[files] = client_context(settings)
        return self._made[files]


def _plan(
    settings: Settings,
    service: str,
    key: EndpointKey,
    endpoint: Endpoint,
    phase_ms: int,
    contexts: _Contexts,
) -> EndpointPlan:
    agent = settings.agent
    series = make_series(
        service=service,
        protocol=key.protocol,
        variant=key.variant,
        location=agent.location,
        region=agent.region,
        zone=agent.zone,
        host=host_label(agent),
    )
    if isinstance(endpoint, HttpsEndpoint):
        host, port, path = endpoint.url
        prefix = None
    elif isinstance(endpoint, PlainEndpoint):
        (host, port), path, prefix = endpoint.address, "", endpoint.key
    else:
        raise TypeError(f"{type(endpoint).__name__} is no kind of endpoint")
    tls = None
    if isinstance(endpoint, TlsClientSettings):
        tls = TlsPlan(contexts.get(endpoint), endpoint.server_name or host)
    return EndpointPlan(
        service=series.service,
        protocol=key.protocol,
        variant=series.variant,
        host=host,
        port=port,
        series_name=series.name(),
        phase_ms=phase_ms,
        key=prefix.reveal() if prefix else "",
        tls=tls,
        path=path,
        authorization=_authorization(endpoint),
        family=endpoint.family.value,
    )


def _authorization(endpoint: Endpoint) -> str:
    """The header's value: basic, with a lone API key as the user, as Hosted Graphite has it."""
    if not isinstance(endpoint, HttpsEndpoint) or not (endpoint.key or endpoint.username):
        return ""
    user = endpoint.key.reveal() if endpoint.key else endpoint.username
    password = (endpoint.password or Secret("")).reveal()
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
