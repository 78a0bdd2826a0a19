"""What must change in etcd for it to say what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from coalmine_aggregator.actuate.etcd import messages, record
from coalmine_aggregator.actuate.etcd.keys import NodeKey, node_key, parse_node_key
from coalmine_aggregator.actuate.etcd.messages import KeyValue
from coalmine_aggregator.actuate.etcd.record import Record
from coalmine_aggregator.model.withdrawal import Mode, Wanted


class Ours(NamedTuple):
    """How our keys are told from those of others: by who wrote them, or by our lease, 0 without one."""

    prefix: str
    aggregator: str
    lease: int


Step = tuple[dict[str, Any], dict[str, Any]]
"""A guard and an operation; a transaction has several of them."""


class Plan(NamedTuple):
    """`puts` and `deletes` by key, each with when the key last changed, 0 where it is not there: they
    hold only as long as that is so. `out` are the nodes that are out when it is done, by service, of
    all services that etcd or we know of. `others` are the aggregators whose keys were in our way, under
    another lease: ours of an earlier run among them, once, and all who write against us, ever again."""

    puts: Mapping[bytes, tuple[bytes, int]]
    deletes: Mapping[bytes, int]
    out: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...]

    def ends(self) -> list[Step]:
        """What goes first, so that there are never more nodes out than before and after; and apart from
        what begins, which an etcd without space refuses."""
        return [(messages.unchanged(key, at), messages.delete(key)) for key, at in self.deletes.items()]

    def begins(self, lease: int) -> list[Step]:
        """What goes last."""
        return [
            (messages.unchanged(key, at), messages.put(key, value, lease))
            for key, (value, at) in self.puts.items()
        ]


def transactions(
    steps: Sequence[Step], most: int
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Guards and operations of as many transactions as it takes, of at most `most` each."""
    for first in range(0, len(steps), most):
        part = steps[first : first + most]
        yield [guard for guard, _ in part], [operation for _, operation in part]


def plan(found: Iterable[KeyValue], wanted: Mapping[str, Wanted], ours: Ours) -> Plan:
    """What to do where etcd has `found` and `wanted` is to be in force.

    A service whose withdrawals we decide is made to be exactly as wanted, whoever wrote what. Of one
    that is in a dry run or stopped we delete what is ours. Other services, and keys that are none of a
    withdrawal, are let alone.
    """
    shall = {
        NodeKey(service, each.node): record.record_of(each, ours.aggregator, said.lease_s)
        for service, said in wanted.items()
        for each in said.effective
    }
    puts: dict[bytes, tuple[bytes, int]] = {}
    deletes: dict[bytes, int] = {}
    others: set[str] = set()
    out: dict[str, set[str]] = {service: set() for service in wanted}
    for kv in found:
        key = parse_node_key(ours.prefix, kv.key)
        if key is None:
            continue
        has = record.decode(kv.value)
        if has is not None:
            out.setdefault(key.service, set()).add(key.node)
        said, in_the_way = wanted.get(key.service), None
        if key in shall:
            value = record.encode(shall.pop(key))
            if kv.value != value or kv.lease != ours.lease:
                puts[kv.key] = (value, kv.mod_revision)
                in_the_way = has
            out[key.service].add(key.node)
        elif said is not None and (said.mode is Mode.ACTING or _is_ours(kv, has, ours)):
            deletes[kv.key] = kv.mod_revision
            out.get(key.service, set()).discard(key.node)
            in_the_way = has
        if in_the_way is not None and kv.lease != ours.lease:
            others.add(in_the_way.aggregator)
    for key, value_of in shall.items():
        puts[node_key(ours.prefix, key)] = (record.encode(value_of), 0)
        out[key.service].add(key.node)
    told = {service: tuple(sorted(nodes)) for service, nodes in out.items()}
    return Plan(puts, deletes, told, tuple(sorted(others)))


def _is_ours(kv: KeyValue, has: Record | None, ours: Ours) -> bool:
    by_lease = bool(ours.lease) and kv.lease == ours.lease
    return by_lease or (has is not None and has.aggregator == ours.aggregator)
