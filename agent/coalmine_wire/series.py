"""Series: who sends what to where, and the Graphite name that carries it. Pure.

A name is `[prefix.]canary.<service>.<location>.<region>.<zone>.<host>.<protocol>[-<variant>]`.
Labels match `[a-z0-9_-]+`; letters are lowered first and any other character becomes `_`.
The node is not spelled out in the name: it is the host of an on-machine agent, or what a variant
`node_<name>` says, and none elsewhere.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from coalmine_wire.protocols import Protocol

ROOT = "canary"
"""The first component of every name, after an optional prefix."""

NODE_VARIANT = "node_"
"""A variant that starts so names the node that the endpoint leads to."""

_PARTS = 7  # canary, service, location, region, zone, host, protocol[-variant]
_LABEL = re.compile(r"[a-z0-9_-]+\Z")
_OTHER = re.compile(r"[^a-z0-9_-]")


class Location(StrEnum):
    """Where an agent stands, relative to the service."""

    EXTERNAL = "external"
    INTERNAL = "internal"
    ON_MACHINE = "on-machine"


class SeriesNameError(ValueError):
    """A Graphite name that is not a canary's; says which part is wrong."""


class Series(NamedTuple):
    """One datapoint a second. Every label is escaped; `variant` and `node` may be empty.

    `host` is where it is sent from, `node` the machine of the service that it leads to.
    """

    service: str
    protocol: Protocol
    variant: str
    location: Location
    region: str
    zone: str
    host: str
    node: str

    def name(self, prefix: str = "") -> str:
        """The Graphite name; `prefix` (for example an API key) stands in front, with a dot."""
        last = f"{self.protocol}-{self.variant}" if self.variant else str(self.protocol)
        name = f"{ROOT}.{self.service}.{self.location}.{self.region}.{self.zone}.{self.host}.{last}"
        return f"{prefix}.{name}" if prefix else name


LABELS = Series._fields
"""The labels of a series, in the order in which scopes prefer them elsewhere unless told."""


def escape(text: str) -> str:
    """A label from any text: lowered, other characters as `_`; empty text becomes `_`."""
    return _OTHER.sub("_", text.lower()) or "_"


def is_label(text: str) -> bool:
    """Whether `text` is a label already, so that `escape` would leave it alone."""
    return _LABEL.match(text) is not None


def make_series(
    *,
    service: str,
    protocol: Protocol,
    variant: str = "",
    location: Location,
    region: str,
    zone: str,
    host: str,
) -> Series:
    """A series with every label escaped and the node derived from location and variant."""
    variant = escape(variant) if variant else ""
    host = escape(host)
    return Series(
        service=escape(service),
        protocol=protocol,
        variant=variant,
        location=location,
        region=escape(region),
        zone=escape(zone),
        host=host,
        node=node_of(location, variant, host),
    )


def node_of(location: Location, variant: str, host: str) -> str:
    """The node that an endpoint leads to; empty where it is balanced or unknown."""
    if variant.startswith(NODE_VARIANT):
        return variant.removeprefix(NODE_VARIANT)
    return host if location is Location.ON_MACHINE else ""


def parse_name(name: str) -> Series:
    """The series that a Graphite name stands for, whatever its prefix.

    `parse_name(series.name(prefix)) == series` for every series with escaped labels.
    Raises `SeriesNameError`.
    """
    parts = name.split(".")
    if len(parts) < _PARTS or parts[-_PARTS] != ROOT:
        raise SeriesNameError(f"not a canary's name: {name[:200]!r}")
    service, location, region, zone, host, last = parts[1 - _PARTS :]
    protocol, dash, variant = last.partition("-")
    for label in (service, region, zone, host):
        if not is_label(label):
            raise SeriesNameError(f"not a label: {label[:200]!r} in {name[:200]!r}")
    if dash and not is_label(variant):
        raise SeriesNameError(f"not a variant: {variant[:200]!r} in {name[:200]!r}")
    try:
        place = Location(location)
        return Series(
            service,
            Protocol(protocol),
            variant,
            place,
            region,
            zone,
            host,
            node_of(place, variant, host),
        )
    except ValueError as error:
        raise SeriesNameError(f"{error} in {name[:200]!r}") from None
