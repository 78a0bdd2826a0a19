"""Who can be scraped, as etcd tells it; and what Prometheus reads of that. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from coalmine_aggregator.actuate.etcd.keys import TargetKey, parse_target_key
from coalmine_aggregator.actuate.etcd.messages import KeyValue
from coalmine_aggregator.model.target_group import META, TargetGroup
from coalmine_runtime.quantities import Address
from coalmine_wire.bad_json import BAD_JSON

AGGREGATOR: Final = "aggregator"
AGENT: Final = "agent"

MAX_BYTES: Final = 4096

_Text = Annotated[str, msgspec.Meta(max_length=255)]


class TargetTemplate(NamedTuple):
    """An address with places such as `{host}` in it."""

    text: str

    @classmethod
    def parse(cls, text: str) -> TargetTemplate:
        """Raises ValueError."""
        known = {"agent", "host", "zone", "region"}
        for place in re.findall(r"\{([^{}]*)\}", text):
            if place not in known:
                raise ValueError(f'no place "{{{place}}}"; there are {", ".join(sorted(known))}')
        made = cls(text)
        made.filled(dict.fromkeys(known, "x"))
        return made

    def filled(self, labels: Mapping[str, str]) -> Address:
        """Raises ValueError where no address comes of it."""
        address = Address.parse(re.sub(r"\{(\w+)\}", lambda place: labels[place[1]], self.text))
        if not address.host or not address.port:
            raise ValueError(f'expected host and port, such as {{host}}.example:9105, not "{address}"')
        return address

    def __str__(self) -> str:
        return self.text


class MetricsTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """The value of a key: where to scrape, and what is known of who is there."""

    target: _Text
    location: _Text = ""
    region: _Text = ""
    zone: _Text = ""
    host: _Text = ""


def encode(target: MetricsTarget) -> bytes:
    """The value of a key."""
    return msgspec.json.encode(target)


def decode(value: bytes) -> MetricsTarget | None:
    """None for what is none."""
    if len(value) > MAX_BYTES:
        return None
    try:
        return msgspec.json.decode(value, type=MetricsTarget)
    except BAD_JSON:
        return None


def target_groups(prefix: str, found: Iterable[KeyValue]) -> Sequence[TargetGroup] | None:
    """Everybody who can be scraped, told once however many aggregators say so. None where that cannot
    be known: an aggregator says last that it is there itself, after all its agents, under the same
    lease; so where none does, the others are an incomplete list, or nobody's."""
    told = {
        key: target
        for kv in found
        if (key := parse_target_key(prefix, kv.key)) and (target := decode(kv.value))
    }
    complete = {key.teller for key in told if key.kind == AGGREGATOR and key.id == key.teller}
    if not complete:
        return None
    groups = {
        (key.kind, key.id, target): _group(key, target)
        for key, target in told.items()
        if key.teller in complete
    }
    return [groups[place] for place in sorted(groups, key=lambda place: (*place[:2], place[2].target))]


def _group(key: TargetKey, target: MetricsTarget) -> TargetGroup:
    known = {
        "kind": key.kind,
        "id": key.id,
        "location": target.location,
        "region": target.region,
        "zone": target.zone,
        "host": target.host,
    }
    return TargetGroup([target.target], {META + name: text for name, text in known.items() if text})
