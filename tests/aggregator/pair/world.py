"""Two aggregators, their outboxes and a provider that groups by key, second by second."""

from __future__ import annotations

from dataclasses import dataclass, field

from coalmine_aggregator.alerts.machine import State, step
from coalmine_aggregator.model.alerts import AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.pair.pair import Notice, Pair, Verdict
from coalmine_aggregator.pair.word import Life, Word, decode, encode

T = 1_800_000_000

SCOPES: dict[str, Scope] = {
    "udp": (("protocol", "udp"),),
    "tls": (("protocol", "tls"),),
}


@dataclass
class Provider:
    """`opened` says how often an incident was, by key; `wrong` are ends of what never was."""

    opened: dict[str, int] = field(default_factory=dict)
    standing: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def take(self, transition: Transition) -> None:
        key = transition.alert.dedup_key
        if transition.change is Change.CLOSED:
            if key not in self.opened:
                self.wrong.append(key)
            self.standing.discard(key)
        elif key not in self.standing:
            self.standing.add(key)
            self.opened[key] = self.opened.get(key, 0) + 1


class Node:
    """One aggregator: `state`, `outbox` and `told` outlive a kill."""

    def __init__(self, name: str, peer: str, provider: Provider) -> None:
        self.name, self.peer = name, peer
        self.provider = provider
        self.state = State("prod")
        self.outbox: list[Notice] = []
        self.told: set[int] = set()
        self.pair: Pair | None = None
        self.since = 0
        self.changed = False
        self.dies_after_telling = False

    def start(self, now: int) -> None:
        self.pair = Pair(self.name, self.peer, now)
        self.pair.restore(self.state.open, [(number, "pd", "") for number in self.told])
        self.since = now
        self.changed = True

    def die(self) -> None:
        self.pair = None
        self.dies_after_telling = False

    def live(self, causes: dict[str, int], now: int) -> bool:
        """A second; whether it lives to its end. Evidence takes five to settle, also after a start."""
        assert self.pair is not None
        if now - self.since >= 6:
            findings = [
                Finding(
                    AlertClass.LOSS,
                    "ingest",
                    cause,
                    Severity.PAGE,
                    SCOPES[cause],
                    began,
                    counts=Counts(0, (0, 0, 0, 4, 0, 0, 0)),
                )
                for cause, began in causes.items()
            ]
            claims = self.pair.claims()
            self.state, transitions = step(self.state, findings, {}, now, claims)
            for transition in transitions:
                self.pair.note(transition)
                self.outbox.append(Notice(transition, "pd", "", 0, 0, now))
                self.changed = True
        self.tell(now)
        return self.pair is not None

    def tell(self, now: int) -> None:
        held: set[str] = set()
        for notice in list(self.outbox):
            assert self.pair is not None
            alert = notice.transition.alert
            if alert.dedup_key in held:
                continue
            before = [each for each in self.outbox if each.transition.alert.number == alert.number]
            if (
                notice.transition.change is Change.CLOSED
                and alert.number not in self.told
                and before[0] is notice
            ):
                self.outbox.remove(notice)
                continue
            verdict = self.pair.verdict(notice, now)
            if verdict is Verdict.WAIT:
                held.add(alert.dedup_key)
                continue
            if verdict is Verdict.GO:
                self.provider.take(notice.transition)
                if self.dies_after_telling:
                    self.die()
                    return
            self.outbox.remove(notice)
            self.told.add(alert.number)
            self.pair.told(notice, now, by_us=verdict is Verdict.GO)
            self.changed = True

    def word(self, now: int) -> Word:
        assert self.pair is not None
        settled = now - 5 if now - self.since >= 6 else None
        word = self.pair.word(Progress(now, settled, Counting.UNCHECKED))
        return decode(encode(word))


class World:
    """Both nodes and what happens to them. `seen` has the causes that each sees, and since when."""

    def __init__(self) -> None:
        self.provider = Provider()
        self.nodes = {
            "a": Node("a", "b", self.provider),
            "b": Node("b", "a", self.provider),
        }
        self.now = T
        self.parted = False
        self.seen: dict[str, dict[str, int]] = {"a": {}, "b": {}}
        for node in self.nodes.values():
            node.start(self.now)

    def begin(self, cause: str, who: str) -> None:
        for name in who:
            self.seen[name].setdefault(cause, self.now)

    def end(self, cause: str) -> None:
        for seen in self.seen.values():
            seen.pop(cause, None)

    def kill(self, name: str) -> None:
        self.nodes[name].die()
        self.say_lost(name)

    def say_lost(self, name: str) -> None:
        peer = self.nodes[self.nodes[name].peer]
        if peer.pair is not None and not self.parted:
            peer.pair.hear(Word(name, Life.LOST), self.now)

    def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            for name, node in self.nodes.items():
                if node.pair is None:
                    continue
                if not node.live(self.seen[name], self.now):
                    self.say_lost(name)
            for _ in range(4):  # what changes is said at once, and again where that changes something
                self.exchange()

    def exchange(self) -> None:
        for node in self.nodes.values():
            peer = self.nodes[node.peer]
            if node.pair is None or not (node.changed or self.now % 2 == 0):
                continue
            node.changed = False
            if peer.pair is not None and not self.parted:
                peer.pair.hear(node.word(self.now), self.now)

    def key(self, name: str, cause: str) -> str:
        """What a node calls a cause; empty where it has no alert of it."""
        found = (each for each in self.nodes[name].state.open if each.handle == cause)
        return next((each.dedup_key for each in found), "")
