"""The demo's fleet: a dozen agents in four regions and three locations. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location

SERVICE = "ingest"
"""The name of the service under test."""


class Member(NamedTuple):
    """Where one agent stands."""

    host: str
    location: Location
    region: str
    zone: str


def _members() -> tuple[Member, ...]:
    outside = {
        "eu-west-1": ("eu-west-1a", "eu-west-1b", "eu-west-1c"),
        "us-east-1": ("us-east-1a", "us-east-1b", "us-east-1c"),
        "ap-south-1": ("ap-south-1a", "ap-south-1b"),
    }
    members = [
        Member(f"canary-{zone}", Location.EXTERNAL, region, zone)
        for region, zones in outside.items()
        for zone in zones
    ]
    inside = (
        Member("canary-dc1-a", Location.INTERNAL, "dc1", "dc1-a"),
        Member("canary-dc1-b", Location.INTERNAL, "dc1", "dc1-b"),
        Member("ingest01", Location.ON_MACHINE, "dc1", "dc1-a"),
        Member("ingest02", Location.ON_MACHINE, "dc1", "dc1-b"),
    )
    return (*members, *inside)


FLEET = _members()
"""A dozen agents; each sends by all six protocols."""

REGIONS = tuple(dict.fromkeys(member.region for member in FLEET))
"""In the order in which the table shows them."""

SIZE = len(FLEET) * len(Protocol)
"""Datapoints a second."""


def agents_in(region: str) -> int:
    """The sum rate that each protocol has in a region while all is well."""
    return sum(member.region == region for member in FLEET)


def known_values() -> dict[str, tuple[str, ...]]:
    """The values of each label that a fault may name."""
    return {
        "protocol": tuple(Protocol),
        "location": tuple(dict.fromkeys(str(member.location) for member in FLEET)),
        "region": REGIONS,
        "zone": tuple(dict.fromkeys(member.zone for member in FLEET)),
        "host": tuple(member.host for member in FLEET),
    }
