"""The newest word on every service, and for how long it holds. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from coalmine_aggregator.model.withdrawal import Mode, Wanted


class _Word(NamedTuple):
    wanted: Wanted
    until: float


class Newest:
    """What an output goes by. Times are seconds of a clock that never goes back.

    A word holds for its lease from when it was heard; told again with the same `at` it is no news, so
    that whoever repeats an old word does not keep it alive. After that its withdrawals are over. What
    another aggregator decides now (`Mode.STANDBY`) is not for us to say; our last word on it runs out.
    """

    def __init__(self) -> None:
        self._words: dict[str, _Word] = {}
        self._standby: set[str] = set()
        self._stopped_at: dict[str, float] = {}

    def show(self, wanted: Mapping[str, Wanted], now: float) -> bool:
        """Takes what is wanted; whether anything changed but the time of it."""
        changed = False
        for service, word in wanted.items():
            if not word.nodes:  # nobody may act on that; see Wanted
                continue
            if word.mode is Mode.STOPPED:
                self._stopped_at.setdefault(service, now)
            else:
                self._stopped_at.pop(service, None)
            if word.mode is Mode.STANDBY:
                changed |= service not in self._standby
                self._standby.add(service)
                continue
            known = self._words.get(service)
            until = now + word.lease_s
            if known is not None and known.wanted.at == word.at:
                until = known.until
            if known is None or gist(word) != gist(known.wanted):
                changed = True
            else:
                changed |= known.until <= now < until  # it had run out
            changed |= service in self._standby
            self._words[service] = _Word(word, until)
            self._standby.discard(service)
        return changed

    def ours(self, now: float) -> dict[str, Wanted]:
        """By service, what is for us to say; without withdrawals where the lease has ended."""
        return {
            service: word.wanted if now < word.until else over(word.wanted)
            for service, word in self._words.items()
            if service not in self._standby
        }

    def in_standby(self, service: str) -> bool:
        """Whether another aggregator decides on this service."""
        return service in self._standby

    def long_stopped(self, service: str, now: float) -> bool:
        """Whether the big switch was pulled longer than a lease ago. All was taken back by then, and
        where it was pulled here alone, another aggregator may act: to go on would be to quarrel."""
        stopped_at = self._stopped_at.get(service)
        return stopped_at is not None and now - stopped_at > self._words[service].wanted.lease_s

    def alive(self, service: str, now: float) -> Wanted | None:
        """Our word on a service while its lease lasts, also where another aggregator has taken over."""
        word = self._words.get(service)
        return word.wanted if word is not None and now < word.until else None

    def lease_s(self) -> float:
        """The shortest lease of a withdrawal that is in force; infinite where nobody is out."""
        leases = [
            word.wanted.lease_s
            for service, word in self._words.items()
            if word.wanted.effective and service not in self._standby
        ]
        return min(leases, default=float("inf"))


def over(wanted: Wanted) -> Wanted:
    """The same service with everybody in."""
    return wanted._replace(out=(), held=(), frozen="")


def out_by_service(words: Mapping[str, Wanted]) -> dict[str, tuple[str, ...]]:
    """Who gets no traffic, by service."""
    return {service: tuple(each.node for each in word.effective) for service, word in words.items()}


def gist(wanted: Wanted) -> Hashable:
    """What makes two words on a service differ: not their time, nor how a sentence is worded."""
    return (
        wanted.mode,
        wanted.nodes,
        tuple((each.node, each.since, each.phase, each.hold_until, each.by) for each in wanted.out),
        tuple((held.node, held.rail) for held in wanted.held),
        bool(wanted.frozen),
    )
