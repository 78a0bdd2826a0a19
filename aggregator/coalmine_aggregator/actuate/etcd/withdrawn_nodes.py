"""Which nodes of a service are out, as somebody knows who reads etcd. Pure.

Nobody is out by a word that is older than its lease: the clock is the reader's own, and it counts from
when etcd was last asked a question that it answered. What a watch tells is news, but no sign that etcd
is still the one that decides: a member that was cut off from the others keeps its watches open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from coalmine_aggregator.actuate.etcd.keys import parse_node_key
from coalmine_aggregator.actuate.etcd.messages import Event, KeyValue
from coalmine_aggregator.actuate.etcd.record import Out, Record, decode


class Asked(NamedTuple):
    """When a question was sent, on a clock that never steps, and which revision was known then."""

    at: float
    revision: int


class WithdrawnNodes:
    """Of one service, below one prefix. `revision` is that of the store which the set stands for."""

    def __init__(self, prefix: str, service: str) -> None:
        self._prefix = prefix
        self._service = service
        self._records: dict[str, Record] = {}
        self._confirmed_at = float("-inf")
        self.revision = 0

    def ask(self, now: float) -> Asked:
        """To be called when a question is sent, and handed back with its answer."""
        return Asked(now, self.revision)

    def take_all(self, found: Iterable[KeyValue], revision: int, asked: Asked) -> None:
        """The answer to a question: everything there is. One that was overtaken by news changes
        nothing but the time; one that is older than its question tells of a store that was set back."""
        self._confirmed_at = max(self._confirmed_at, asked.at)
        if asked.revision <= revision < self.revision:
            return
        self._records = {}
        self.revision = revision
        for kv in found:
            self._put(kv)

    def take_news(self, events: Sequence[Event], revision: int) -> None:
        """What a watch tells, of one revision or several. What the set has already is passed over.
        Without events it is the word that a watch begins: what it is to tell may be older than that."""
        for event in events:
            if event.kv.mod_revision <= self.revision:
                continue
            if event.type == "DELETE":
                key = parse_node_key(self._prefix, event.kv.key)
                if key is not None and key.service == self._service:
                    self._records.pop(key.node, None)
            else:
                self._put(event.kv)
        if events:
            self.revision = max(self.revision, revision)

    def out(self, now: float) -> tuple[Out, ...]:
        """The nodes that are out, by name."""
        return tuple(
            Out(node, self._records[node])
            for node in sorted(self._records)
            if now - self._confirmed_at < self._records[node].lease_s
        )

    def _put(self, kv: KeyValue) -> None:
        key = parse_node_key(self._prefix, kv.key)
        if key is None or key.service != self._service:
            return
        record = decode(kv.value)
        if record is None:  # what nobody can read takes nobody out
            self._records.pop(key.node, None)
        else:
            self._records[key.node] = record
