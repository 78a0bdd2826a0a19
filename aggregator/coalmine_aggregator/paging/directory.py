"""From targets to people, at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from coalmine_aggregator.paging.policy import PagingPolicy
from coalmine_aggregator.paging.target import Addressee, First, Target


class Directory:
    """Who is meant by the targets of a policy."""

    def __init__(self, policy: PagingPolicy) -> None:
        self._receivers = policy.receivers
        self._rotas = policy.rotas
        self._everybody: dict[Target, frozenset[Addressee]] = {}

    def addressee(self, target: Target, t: float) -> Addressee | None:
        """Whom a target means at `t`: of a rota, who is on call. None for a receiver that is not
        configured (any more), or one that needs a person where none is named."""
        traits = self._receivers.get(target.receiver)
        if traits is None or (traits.address and not target.to):
            return None
        rota = self._rotas.get(target.to)
        return Addressee(target.receiver, target.to if rota is None else rota.on_call(t))

    def everybody(self, targets: Iterable[Target]) -> set[Addressee]:
        """All whom some targets may mean, at any time."""
        return {addressee for target in targets for addressee in self._members(target)}

    def reached_since(self, target: Target, reached: Mapping[Addressee, First]) -> float | None:
        """Since when a target has been told, by when each addressee was: a rota, since somebody was who
        was on call then. None for not yet."""
        rota = self._rotas.get(target.to)
        firsts = ((each.person, reached[each]) for each in self._members(target) & reached.keys())
        return min(
            (since for person, (at, since) in firsts if rota is None or rota.on_call(at) == person),
            default=None,
        )

    def _members(self, target: Target) -> frozenset[Addressee]:
        members = self._everybody.get(target)
        if members is None:
            rota = self._rotas.get(target.to)
            names = {target.to} if rota is None else rota.members
            members = frozenset(Addressee(target.receiver, name) for name in names)
            self._everybody[target] = members
        return members
