"""What TTL checks are to be told now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from coalmine_aggregator.model.withdrawal import Phase, Wanted, Withdrawal
from coalmine_aggregator.notify.plain import cut, one_line

WITHDRAWN = "coalmine: withdrawn"
"""How the note of a check begins while we hold its node out; what else passes checks goes by it."""

IN_SERVICE = "coalmine: in service"

LEFT_S = 600.0
"""A node that has left is told for so long that it passes. Whose machine is gone for good never takes
it, and would be in trouble for ever."""

MAX_NOTE = 300
"""Characters of a note."""


class Verb(StrEnum):
    """As Consul's paths have it."""

    PASS = "pass"  # noqa: S105  -- no password
    WARN = "warn"
    FAIL = "fail"


class Update(NamedTuple):
    """One check, and what it is told."""

    service: str
    node: str
    verb: Verb
    note: str


class _Tried(NamedTuple):
    """`confirmed` is what was last taken, None where nothing was."""

    verb: Verb
    at: float
    taken: bool
    confirmed: Verb | None


class Told:
    """What each check was told last. Times are seconds of a clock that never goes back.

    Everything that is news is due at once: also, the first time that a node is heard of, that it
    passes, since we may have failed it in an earlier life, or another aggregator may have. A withdrawal
    is told again every `every_s`; that a node passes only with `keep_passing`, or until it was taken.
    """

    def __init__(self, every_s: float, *, keep_passing: bool) -> None:
        self._every_s = every_s
        self._keep_passing = keep_passing
        self._tried: dict[tuple[str, str], _Tried] = {}
        self._left: dict[tuple[str, str], float] = {}

    def due(self, words: Mapping[str, Wanted], now: float) -> list[Update]:
        """The updates to send now, withdrawals last: there are never more nodes out than before and
        after. A service that is none of `words` is not ours to tell of, and all that was told is
        forgotten."""
        found: list[Update] = []
        for key in [key for key in self._tried if key[0] not in words]:
            self._forget(key)
        for service, word in words.items():
            out = {each.node: each for each in word.effective}
            for node in self._known(service, word, now):
                update = _update(service, node, out.get(node))
                if self._is_due(update, now):
                    found.append(update)
        return sorted(found, key=lambda update: update.verb is not Verb.PASS)

    def due_now(self, update: Update, word: Wanted | None, now: float) -> Update | None:
        """What an update that was due a while ago has become, None where it is due no more."""
        if word is None:
            return None
        out = next((each for each in word.effective if each.node == update.node), None)
        newer = _update(update.service, update.node, out)
        return newer if self._is_due(newer, now) else None

    def tried(self, update: Update, now: float, *, taken: bool) -> None:
        """An update was sent; `taken`, where the agent confirmed it."""
        key = (update.service, update.node)
        before = self._tried.get(key)
        confirmed = update.verb if taken else before and before.confirmed
        self._tried[key] = _Tried(update.verb, now, taken, confirmed)

    def out(self) -> dict[str, tuple[str, ...]]:
        """Who was last confirmed to warn or to fail, by service, of all that was ever told."""
        found: dict[str, list[str]] = {}
        for (service, node), last in self._tried.items():
            nodes = found.setdefault(service, [])
            if last.confirmed not in (None, Verb.PASS):
                nodes.append(node)
        return {service: tuple(nodes) for service, nodes in found.items()}

    def nodes(self) -> list[tuple[str, str]]:
        """Service and node of all that was ever told."""
        return list(self._tried)

    def _known(self, service: str, word: Wanted, now: float) -> list[str]:
        """The nodes of a service, and those that have left it and may be out still; the others that
        have left are forgotten."""
        nodes = list(word.nodes)
        for key, last in list(self._tried.items()):
            if key[0] != service:
                continue
            if key[1] in word.nodes:
                self._left.pop(key, None)
                continue
            left_at = self._left.setdefault(key, now)
            if (last.verb is Verb.PASS and last.taken) or now - left_at >= LEFT_S:
                self._forget(key)
            else:
                nodes.append(key[1])
        return nodes

    def _forget(self, key: tuple[str, str]) -> None:
        del self._tried[key]
        self._left.pop(key, None)

    def _is_due(self, update: Update, now: float) -> bool:
        last = self._tried.get((update.service, update.node))
        if last is None or last.verb is not update.verb:
            return True
        if last.taken and update.verb is Verb.PASS and not self._keep_passing:
            return False
        return now - last.at >= self._every_s


def _update(service: str, node: str, out: Withdrawal | None) -> Update:
    if out is None:
        return Update(service, node, Verb.PASS, IN_SERVICE)
    verb = Verb.WARN if out.phase is Phase.DRAIN else Verb.FAIL
    why = f"{WITHDRAWN} ({out.phase}) by {out.by or 'Coalmine'}: {out.why}"
    return Update(service, node, verb, cut(one_line(why), MAX_NOTE))
