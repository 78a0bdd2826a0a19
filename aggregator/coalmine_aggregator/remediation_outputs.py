"""The outputs that a configuration names: for the aggregator, and for whoever stops remediation by hand
while none runs."""

from __future__ import annotations

import ssl
from typing import NamedTuple

from coalmine_aggregator.actuate.command.command_output import CommandOutput
from coalmine_aggregator.actuate.consul.check_listener import CheckListener
from coalmine_aggregator.actuate.consul.ttl_output import ConsulOutput
from coalmine_aggregator.actuate.etcd.output import EtcdOutput
from coalmine_aggregator.actuate.haproxy.haproxy_output import HAProxyOutput
from coalmine_aggregator.actuate.http_sd.http_sd_output import HttpSdOutput
from coalmine_aggregator.actuate.kubernetes.kubernetes_output import KubernetesOutput
from coalmine_aggregator.actuate.nodes.nodes_output import NodesOutput
from coalmine_aggregator.actuate.output import Output
from coalmine_aggregator.actuate.webhook.webhook_output import WebhookOutput
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.mqtt import BrokerSettings


class Outputs(NamedTuple):
    """`each` is all of them, `targets` the one that the API answers from, where there is one."""

    each: tuple[Output, ...]
    targets: HttpSdOutput | None


NO_OUTPUTS = Outputs((), None)


def outputs_of(
    settings: AggregatorSettings, link: BrokerSettings | None, context: ssl.SSLContext | None
) -> Outputs:
    """`link` is how to reach the broker, None where that is the embedded one of another process. Raises
    `SettingError` for certificates that are none."""
    named, services = settings.remediation.outputs, settings.remediation.services
    targets = None if named.http_sd is None else HttpSdOutput(named.http_sd, services)
    found: list[Output | None] = [
        None if named.nodes is None else NodesOutput(named.nodes, link, context, services),
        None if named.haproxy is None else HAProxyOutput(named.haproxy),
        None if named.etcd is None else EtcdOutput(named.etcd, aggregator_name(settings)),
        None if named.consul is None else ConsulOutput(named.consul),
        None if named.consul_check is None else CheckListener(named.consul_check),
        None if named.kubernetes is None else KubernetesOutput(named.kubernetes),
        targets,
        None if named.webhook is None else WebhookOutput(named.webhook, settings.fleet),
        None if named.command is None else CommandOutput(named.command, settings.fleet),
    ]
    return Outputs(tuple(each for each in found if each is not None), targets)


def aggregator_name(settings: AggregatorSettings) -> str:
    """By which others know this one, the same after a restart."""
    return "aggregator" if settings.pair is None else settings.pair.name
